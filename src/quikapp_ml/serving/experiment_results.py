"""The results of experiments, computed from the tables as they are now, whenever somebody looks.

Nothing is carried on from look to look: an event that comes late is counted by the next one, where it belongs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from quikapp_ml.entities.bandits import Learnt
from quikapp_ml.entities.experiments import ExperimentSpec, Metric
from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.analysis import Counted, analysed
from quikapp_ml.experiments.arms import arms_statement, learnt_from
from quikapp_ml.experiments.arrivals import arrivals
from quikapp_ml.experiments.metrics import (
    Statement,
    had_statement,
    metric_statement,
    segments_statement,
    units_statement,
    watched,
)
from quikapp_ml.experiments.observed import Observed
from quikapp_ml.experiments.results import ExperimentResults, Role, Segmentation
from quikapp_ml.experiments.segments import segmented
from quikapp_ml.experiments.sticky import Had
from quikapp_ml.stores.lake.base import Compute, Lake


class ExperimentReader:
    """Reads results; one at a time, with an engine of its own for each, which costs memory only then.

    All statements of one look read the same versions of the tables.
    """

    def __init__(self, lake: Lake, open_compute: Callable[[], Compute], clock: Callable[[], datetime]) -> None:
        self._lake = lake
        self._open_compute = open_compute
        self._clock = clock
        self._one_at_a_time = Lock()
        self._guarded: dict[str, tuple[object, ExperimentResults]] = {}

    def results(self, spec: ExperimentSpec) -> ExperimentResults:
        """What it has shown so far. Raises InvalidInput where a metric cannot be counted by its unit, JobFailed."""
        asked = _Asked.of(spec, _roles(spec), of_people=spec.unit == "user")
        rows, _ = self._rows(asked.statements)
        counted = asked.counted(rows)
        ways = _ways(counted[0].observed, rows[-1] if asked.of_people else None)
        return self._told(spec, rows[0], counted, segmented(spec, counted[0], ways))

    def guarded(self, spec: ExperimentSpec) -> ExperimentResults:
        """Who was let in, and the guardrails alone. Where no table has changed since, the last answer stands.

        Raises as `results` does.
        """
        asked = _Asked.of(spec, [(metric, "guardrail") for metric in spec.guardrails], of_people=False)
        now = (spec.model_dump_json(), self._versions(asked.statements))
        before, found = self._guarded.get(spec.name, (None, None))
        if found is None or before != now:
            rows, versions = self._rows(asked.statements)
            found = self._told(spec, rows[0], asked.counted(rows), [])
            self._guarded[spec.name] = ((spec.model_dump_json(), versions), found)
        return found

    def learnt(self, spec: ExperimentSpec) -> Learnt:
        """What a bandit knows now, by the answers whose rewards are no longer waited for. Raises as `results` does."""
        if spec.bandit is None:
            raise InvalidInput(f"experiment {spec.name!r} is no bandit: its shares are its weights")
        until = self._clock() - timedelta(hours=spec.bandit.within_hours)
        (rows,), _ = self._rows([arms_statement(spec, spec.bandit, until)])
        return learnt_from(spec, spec.bandit, rows, until)

    def had(self, spec: ExperimentSpec) -> dict[str, Had]:
        """Which variant each unit had first. Raises as `results` does."""
        (rows,), _ = self._rows([had_statement(spec)])
        columns = (rows[name].to_pylist() for name in ("unit", "variant", "propensity"))
        return {unit: Had(variant, propensity) for unit, variant, propensity in zip(*columns, strict=True)}

    def _told(
        self, spec: ExperimentSpec, units: pa.Table, counted: Sequence[Counted], segments: Sequence[Segmentation]
    ) -> ExperimentResults:
        now = self._clock()
        arrived = arrivals(spec, units, round(now.timestamp() * 1e6))
        return ExperimentResults(spec.name, spec.hypothesis, spec.unit, now, arrived, analysed(spec, counted), segments)

    def _rows(self, statements: Sequence[Statement]) -> tuple[list[pa.Table], dict[str, int]]:
        """What each statement says, and the versions of the tables that they read."""
        with self._one_at_a_time:
            versions = self._versions(statements)
            compute = self._open_compute()
            try:
                return [self._ask(compute, statement, versions) for statement in statements], versions
            finally:
                compute.close()

    def _versions(self, statements: Sequence[Statement]) -> dict[str, int]:
        tables = {table.name: table for statement in statements for table in statement.tables.values()}
        for table in tables.values():
            self._lake.ensure(table)
        return {name: self._lake.version(name) for name in tables}

    def _ask(self, compute: Compute, statement: Statement, versions: Mapping[str, int]) -> pa.Table:
        uris = {view: self._lake.uri(table.name) for view, table in statement.tables.items()}
        return compute.query(statement.sql, uris, {view: versions[one.name] for view, one in statement.tables.items()})


@dataclass(frozen=True)
class _Asked:
    """The statements of one look: of the units, of each metric, and of people where they are asked for."""

    statements: Sequence[Statement]
    roles: Sequence[tuple[Metric, Role]]
    of_people: bool

    @classmethod
    def of(cls, spec: ExperimentSpec, roles: Sequence[tuple[Metric, Role]], *, of_people: bool) -> "_Asked":
        statements = [units_statement(spec), *(metric_statement(spec, metric) for metric, _ in roles)]
        return cls([*statements, segments_statement(spec)] if of_people else statements, roles, of_people)

    def counted(self, rows: Sequence[pa.Table]) -> list[Counted]:
        """What units did by each metric."""
        by_metric = rows[1 : len(self.roles) + 1]
        return [
            Counted(metric, role, Observed(found, metric))
            for (metric, role), found in zip(self.roles, by_metric, strict=True)
        ]


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
