"""Rows of a metric as samples: of now, of a day, of some units; with their caps."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from quikapp_ml.entities.experiments import Metric
from quikapp_ml.experiments.metrics import DAY_MICROS
from quikapp_ml.experiments.observed import Observed, is_per_answer, is_share

Row = tuple[str, str, int, int | None, float, float, float]
ROWS: list[Row] = [
    ("ann", "control", 10, 9, 0, 0, 3),
    ("ann", "control", 10, 10, 2, 1, 0),
    ("ann", "control", 10, 12, 5, 1, 0),
    ("bob", "new", 11, 11, 1, 4, 0),
    ("cid", "new", 12, None, 0, 0, 0),
]


def table(rows: Sequence[Row]) -> pa.Table:
    names = ["unit", "variant", "since", "day", "counted", "out_of", "before"]
    given = [dict(zip(names, row, strict=True)) for row in rows]
    return pa.Table.from_pylist([{**row, "since": int(str(row["since"])) * DAY_MICROS + 5} for row in given])


def observed(kind: str = "mean", **given: object) -> Observed:
    return Observed(table(ROWS), Metric.model_validate({"name": "m", "of": "join", "kind": kind, **given}))


def test_a_unit_has_the_sum_of_its_days() -> None:
    control, new = observed().samples(["control", "new"])
    assert (control.counted.tolist(), control.out_of.tolist(), control.before.tolist()) == ([7], [2], [3])
    assert (new.counted.tolist(), new.out_of.tolist(), new.before.tolist()) == ([1, 0], [4, 0], [0, 0])
    assert new.n_units == 2


def test_at_the_end_of_a_day_later_units_and_deeds_are_not_known() -> None:
    control, new = observed().samples(["control", "new"], until=11)
    assert (control.counted.tolist(), new.counted.tolist()) == ([2], [1])
    assert observed().days == [10, 11, 12]


def test_some_units_only() -> None:
    trial = observed()
    assert trial.units.tolist() == ["ann", "bob", "cid"]
    assert trial.was_active().tolist() == [True, False, False]
    control, new = trial.samples(["control", "new"], among=np.array([True, False, True]))
    assert (control.counted.tolist(), new.counted.tolist()) == ([7], [0])


@pytest.mark.parametrize(
    ("given", "counted", "before"),
    [({"cap": 4}, 4, 3), ({"winsor": 0.5}, 1, 0), ({"kind": "rate"}, 1, 1), ({"kind": "rate", "cap": 0.5}, 0.5, 0.5)],
)
def test_caps_hold_after_and_before(given: dict[str, object], counted: float, before: float) -> None:
    (control,) = observed(**given).samples(["control"])  # type: ignore[arg-type]
    assert (control.counted.tolist(), control.before.tolist()) == ([counted], [before])


def test_quantiles_keep_their_rows() -> None:
    rows = [("ann", "control", 10, 10, 7.0, 1.0, 0.0), ("ann", "control", 10, 11, 9.0, 1.0, 0.0)]
    trial = Observed(table(rows), Metric(name="m", of="latency", kind="quantile"))
    control, new = trial.samples(["control", "new"])
    assert control.rows is not None
    assert (control.rows.values.tolist(), control.n_units, new.rows, new.n_units) == ([7, 9], 1, None, 0)


def test_nobody_yet() -> None:
    empty = Observed(table(ROWS).slice(0, 0), Metric(name="m", of="join"))
    assert (empty.days, empty.samples(["control"])[0].n_units) == ([], 0)


@pytest.mark.parametrize(
    ("of", "kind", "per_answer", "share"),
    [("join", "rate", False, True), ("join", "mean", False, False), ("join", "ratio", True, False),
     ("latency", "mean", True, False), ("degraded", "rate", True, False), ("latency", "quantile", False, False)],
)  # fmt: skip
def test_what_a_metric_is_told_of(of: str, kind: str, *, per_answer: bool, share: bool) -> None:
    metric = Metric.model_validate({"name": "m", "of": of, "kind": kind})
    assert (is_per_answer(metric), is_share(metric)) == (per_answer, share)
