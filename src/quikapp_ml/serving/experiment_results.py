"""The results of experiments, computed from the tables as they are now, whenever somebody looks.

Nothing is kept from look to look: an event that comes late is counted by the next one, where it belongs.
"""

from collections.abc import Callable
from datetime import datetime
from threading import Lock

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from quikapp_ml.entities.experiments import ExperimentSpec, Metric
from quikapp_ml.experiments.analysis import Counted, Role, analysed
from quikapp_ml.experiments.arrivals import arrivals
from quikapp_ml.experiments.metrics import (
    Statement,
    metric_statement,
    segments_statement,
    units_statement,
    watched,
)
from quikapp_ml.experiments.observed import Observed
from quikapp_ml.experiments.results import ExperimentResults
from quikapp_ml.experiments.segments import segmented
from quikapp_ml.stores.lake.base import Compute, Lake


class ExperimentReader:
    """Reads results; one at a time, with an engine of its own for each, which costs memory only then."""

    def __init__(self, lake: Lake, open_compute: Callable[[], Compute], clock: Callable[[], datetime]) -> None:
        self._lake = lake
        self._open_compute = open_compute
        self._clock = clock
        self._one_at_a_time = Lock()

    def results(self, spec: ExperimentSpec) -> ExperimentResults:
        """What it has shown so far. Raises InvalidInput where a metric cannot be counted by its unit, JobFailed."""
        roles = _roles(spec)
        statements = [metric_statement(spec, metric) for metric, _ in roles]
        with self._one_at_a_time:
            compute = self._open_compute()
            try:
                units = self._ask(compute, units_statement(spec))
                counted = [
                    Counted(metric, role, Observed(self._ask(compute, statement), metric))
                    for (metric, role), statement in zip(roles, statements, strict=True)
                ]
                people = self._ask(compute, segments_statement(spec)) if spec.unit == "user" else None
            finally:
                compute.close()
        now = self._clock()
        ways = _ways(counted[0].observed, people)
        return ExperimentResults(
            spec.name, spec.hypothesis, spec.unit, now, arrivals(spec, units, round(now.timestamp() * 1e6)),
            analysed(spec, counted), segmented(spec, counted[0], ways),
        )  # fmt: skip

    def _ask(self, compute: Compute, statement: Statement) -> pa.Table:
        for table in statement.tables.values():
            self._lake.ensure(table)
        return compute.query(
            statement.sql, {view: self._lake.uri(table.name) for view, table in statement.tables.items()}
        )


def _roles(spec: ExperimentSpec) -> list[tuple[Metric, Role]]:
    return [
        (spec.metrics[0], "deciding"),
        *((metric, "secondary") for metric in spec.metrics[1:]),
        *((metric, "guardrail") for metric in spec.guardrails),
        *((metric, "watched") for metric in watched(spec)),
    ]


def _ways(observed: Observed, people: pa.Table | None) -> dict[str, NDArray[np.str_]]:
    """How the units can be cut into segments: by what they did before, and people by role and team."""
    was_active = observed.was_active()
    ways = {}
    if was_active.any():
        ways["what they did before"] = np.where(was_active, "did it before", "did not before")
    if people is not None:
        for column in ("role", "team"):
            known = dict(zip(people["unit"].to_pylist(), people[column].to_pylist(), strict=True))
            ways[column] = np.array([known.get(unit) or "" for unit in observed.units.tolist()], dtype=np.str_)
    return ways
