"""Rows of metrics for experiments whose truth is known."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from quikapp_ml.entities.experiments import ExperimentSpec, Metric
from quikapp_ml.experiments.analysis import Counted
from quikapp_ml.experiments.metrics import DAY_MICROS
from quikapp_ml.experiments.observed import Observed
from quikapp_ml.experiments.results import Role

CLICKS = Metric(name="clicks", of="click", kind="mean")


def spec(n_variants: int = 2, **given: Any) -> ExperimentSpec:
    names = ["control", "new", "other"][:n_variants]
    known = {
        "name": "trial", "hypothesis": "More <b>clicks</b>.", "subject": "rank", "smallest_effect": 0.02,
        "planned_units": 2_000, "metrics": [CLICKS.model_dump()],
        "variants": [{"name": name, "weight": 1 / n_variants} for name in names],
    }  # fmt: skip
    return ExperimentSpec.model_validate({**known, **given})


def rows(means: Sequence[float], n_each: int = 1_000, seed: int = 8) -> pa.Table:
    """Of each variant so many units, which come on days 0 to 9 and count on their first day, with this mean."""
    rng, found = np.random.default_rng(seed), []
    for variant, mean in zip(("control", "new", "other"), means, strict=False):
        for number in range(n_each):
            day, level = number % 10, rng.gamma(4, 0.25)
            found.append((f"{variant}-{number}", variant, day * DAY_MICROS, day, rng.poisson(mean * level), 1, 0))
    names = ["unit", "variant", "since", "day", "counted", "out_of", "before"]
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in found])


def counted(means: Sequence[float], metric: Metric = CLICKS, role: Role = "deciding", **given: Any) -> Counted:
    return Counted(metric, role, Observed(rows(means, **given), metric))
