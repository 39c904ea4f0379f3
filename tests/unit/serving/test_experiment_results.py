"""Results from tables: computed anew at every look, so that late events are counted where they belong."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from quikapp_ml.entities.experiments import ExperimentSpec
from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.results import ExperimentResults
from quikapp_ml.serving.experiment_results import ExperimentReader
from quikapp_ml.stores.lake import open_compute, open_lake
from quikapp_ml.stores.lake.base import Compute, Lake
from quikapp_ml.stores.lake.tables import DECISIONS, EVENTS, USERS
from support.trial_rows import spec

START = datetime(2026, 11, 2, tzinfo=UTC)
NOW = START + timedelta(days=14)
N_PEOPLE = 400


class Kept(Compute):
    """An engine that outlives one look, for tests that look often."""

    def __init__(self) -> None:
        self._engine = open_compute()
        self.stop = self._engine.close

    def query(self, sql: str, tables: Mapping[str, str], versions: Mapping[str, int] | None = None) -> pa.Table:
        """Ask the engine."""
        return self._engine.query(sql, tables, versions)

    def close(self) -> None:
        """Stay open."""


@pytest.fixture(scope="module")
def engine() -> Iterator[Kept]:
    engine = Kept()
    yield engine
    engine.stop()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Everybody had one answer, of either variant, on one of ten days."""
    lake = open_lake(str(tmp_path))
    for table in (DECISIONS, EVENTS, USERS):
        lake.ensure(table)
    rows = [
        {
            "decision_id": f"d{n}", "kind": "rank", "decided_at": START + timedelta(days=n % 10), "experiment": "trial",
            "unit": f"u{n}", "variant": ("control", "new")[n // 10 % 2], "assignment": "hash", "degraded": False,
            "latency_ms": 2.0 + n % 7,
        }
        for n in range(N_PEOPLE)
    ]  # fmt: skip
    put(lake, DECISIONS.name, rows)
    return lake


def put(lake: Lake, table: str, rows: list[dict[str, Any]]) -> None:
    lake.append(table, pa.Table.from_pylist(rows, schema=lake.columns(table)))


def joined(number: int, hours: float, learnt: datetime, name: str = "e") -> dict[str, Any]:
    """That somebody joined a channel so many hours after their first answer, and when it was learnt of."""
    at = START + timedelta(days=number % 10, hours=hours)
    return {
        "event_id": f"{name}{number}-{hours}", "type": "join", "event_time": at, "ingest_time": learnt,
        "user_id": f"u{number}", "channel_id": "c",
    }  # fmt: skip


def trial(**given: Any) -> ExperimentSpec:
    metrics = [{"name": "joins", "of": "join", "source": "events", "kind": "mean"}]
    return spec(**{"metrics": metrics, "planned_units": N_PEOPLE, **given})


def look(lake: Lake, engine: Compute, **given: Any) -> ExperimentResults:
    return ExperimentReader(lake, lambda: engine, lambda: NOW).results(trial(**given))


def test_events_that_come_a_week_late_count_from_the_next_look_on(lake: Lake, engine: Kept) -> None:
    put(lake, EVENTS.name, [joined(n, 5, START) for n in range(N_PEOPLE) if n % 3 == 0])
    before = look(lake, engine).metrics[0]
    assert (before.finding, before.units) == ("open", N_PEOPLE)
    late = [joined(n, 6, NOW, "late") for n in range(N_PEOPLE) if n // 10 % 2]
    too_long_after = [joined(n, 24 * 7.5, NOW, "after") for n in range(N_PEOPLE) if n // 10 % 2]
    put(lake, EVENTS.name, [*late, *too_long_after])
    after = look(lake, engine).metrics[0]
    assert before.value is not None and after.value is not None
    assert after.value == pytest.approx(before.value + 1)
    assert after.finding == "higher"
    assert (after.looks[0].day, len(after.looks)) == (before.looks[0].day, 10)
    assert after.looks[-1].change == after.change


def test_watched_metrics_and_open_windows_are_told(lake: Lake, engine: Kept) -> None:
    found = look(lake, engine)
    assert [(one.metric, one.role) for one in found.metrics] == [
        ("joins", "deciding"), ("clicks", "watched"), ("replies", "watched"), ("reads", "watched"),
        ("latency-p95", "watched"), ("errors", "watched"),
    ]  # fmt: skip
    latency = found.metrics[4]
    assert latency.control_value == pytest.approx(8)
    assert found.arrivals.units == {"control": N_PEOPLE // 2, "new": N_PEOPLE // 2}
    assert found.arrivals.open_units == N_PEOPLE * 2 // 10  # those who came less than 7 days before
    assert (found.as_of, found.segments) == (NOW, [])


def test_people_are_cut_by_what_is_known_of_them(lake: Lake, engine: Kept) -> None:
    rng = np.random.default_rng(8)
    events = [joined(n, -1 - k, START) for n in range(0, N_PEOPLE, 5) for k in range(3)]
    events += [joined(n, 1 + k, START) for n in range(N_PEOPLE) for k in range(rng.poisson(2))]
    put(lake, EVENTS.name, events)
    since = {"valid_from": START, "known_at": START, "week": START.date(), "is_current": True}
    put(lake, USERS.name, [{"user_id": f"u{n}", "team": "ab"[n // 20 % 2], **since} for n in range(N_PEOPLE)])
    found = look(lake, engine)
    assert [one.by for one in found.segments] == ["team"]
    assert [(one.segment, one.units) for one in found.segments[0].results] == [("a", 200), ("b", 200)]
    cut = found.metrics[0].variance_cut
    assert cut is not None and -0.05 < cut < 0.2


def test_units_of_other_weights_are_remembered_but_not_compared(lake: Lake, engine: Kept) -> None:
    weighed_at = START + timedelta(days=4)
    later = [
        {
            "decision_id": f"again{n}", "kind": "rank", "decided_at": START + timedelta(days=12), "experiment": "trial",
            "unit": f"u{n}", "variant": "new", "assignment": "kept", "propensity": 0.5,
        }
        for n in range(10)
    ]  # fmt: skip
    put(lake, DECISIONS.name, later)
    reader = ExperimentReader(lake, lambda: engine, lambda: NOW)
    given = trial(sticky=True, weighed_at=weighed_at)
    assert sum(reader.results(given).arrivals.units.values()) == N_PEOPLE * 6 // 10
    had = reader.had(given)
    assert len(had) == N_PEOPLE
    assert [had[f"u{n}"].variant for n in (0, 10, 20)] == ["control", "new", "control"]


def test_a_metric_that_its_unit_cannot_have_is_refused_before_an_engine_starts(lake: Lake) -> None:
    def no_engine() -> Compute:
        raise AssertionError("it was started")

    with pytest.raises(InvalidInput, match="events name no workspace"):
        ExperimentReader(lake, no_engine, lambda: NOW).results(trial(unit="workspace"))


def test_guardrails_alone_are_read_anew_when_a_table_has_changed(lake: Lake, engine: Kept) -> None:
    opened = []

    def counting() -> Compute:
        opened.append(1)
        return engine

    reader = ExperimentReader(lake, counting, lambda: NOW)
    guardrail = {"name": "leaves", "of": "join", "source": "events", "kind": "mean", "worse": "higher"}
    guarded = trial(guardrails=[guardrail])
    put(lake, EVENTS.name, [joined(n, 1, NOW) for n in range(0, N_PEOPLE, 3)])
    assert [one.finding for one in reader.guarded(guarded).metrics] == ["open"]
    assert reader.guarded(guarded) is reader.guarded(guarded)
    assert len(opened) == 1
    put(lake, EVENTS.name, [joined(n, 2, NOW) for n in range(N_PEOPLE) if n // 10 % 2])
    found = reader.guarded(guarded)
    assert [one.finding for one in found.metrics] == ["broken"]
    assert (len(opened), found.segments) == (2, [])
    assert reader.guarded(trial(guardrails=[{**guardrail, "worse": "lower"}])).metrics[0].finding == "holds"
    assert len(opened) == 3
