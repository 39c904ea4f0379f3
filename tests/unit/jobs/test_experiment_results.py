"""Results from tables whose right answers are known."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from quikapp_ml.entities.experiments import ExperimentSpec
from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.verdict import Finding
from quikapp_ml.jobs.experiment_results import MetricResult, results
from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.stores.lake.tables import DECISIONS, EVENTS, FEEDBACK

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def spec(**changes: Any) -> ExperimentSpec:
    given = {
        "name": "first",
        "hypothesis": "More joins.",
        "subject": "recommendations",
        "variants": [{"name": "control", "weight": 0.5}, {"name": "new", "weight": 0.5}],
        "metrics": [{"name": "joins", "of": "join", "kind": "mean"}],
        "smallest_effect": 0.1,
    }
    return ExperimentSpec.model_validate({**given, **changes})


class Tables:
    """Tables that are filled row by row."""

    def __init__(self) -> None:
        self.lake = MemoryLake()
        self.rows: dict[str, list[dict[str, Any]]] = {table.name: [] for table in (DECISIONS, EVENTS, FEEDBACK)}

    def answer(self, unit: str, variant: str, at: datetime = NOW, **more: Any) -> str:
        decision_id = f"d{len(self.rows[DECISIONS.name])}"
        row = {
            "decision_id": decision_id, "kind": "recommendations", "decided_at": at, "experiment": "first",
            "unit": unit, "variant": variant, "assignment": "hash", "latency_ms": 1.0, "degraded": False,
        }  # fmt: skip
        self._add(DECISIONS, {**row, **more})
        return decision_id

    def event(self, user_id: str, at: datetime, kind: str = "join", channel_id: str = "C1") -> None:
        event_id = f"e{len(self.rows[EVENTS.name])}"
        row = {"event_id": event_id, "type": kind, "event_time": at, "ingest_time": at, "user_id": user_id}
        self._add(EVENTS, {**row, "channel_id": channel_id})

    def feedback(self, decision_id: str, action: str = "click") -> None:
        feedback_id = f"f{len(self.rows[FEEDBACK.name])}"
        row = {"feedback_id": feedback_id, "decision_id": decision_id, "received_at": NOW + HOUR, "action": action}
        self._add(FEEDBACK, row)

    def _add(self, table: Table, row: dict[str, Any]) -> None:
        self.rows[table.name].append(row)

    def written(self) -> MemoryLake:
        for table in (DECISIONS, EVENTS, FEEDBACK):
            self.lake.ensure(table)
            self.lake.append(table.name, pa.Table.from_pylist(self.rows[table.name], schema=table.columns))
        return self.lake


@pytest.fixture
def tables() -> Tables:
    return Tables()


def only(found: Any) -> MetricResult:
    (one,) = found.metrics
    return one if isinstance(one, MetricResult) else pytest.fail("no result")


def test_events_count_within_their_window_after_the_first_answer(tables: Tables) -> None:
    for unit, variant in (("a", "control"), ("b", "control"), ("c", "new"), ("d", "new")):
        tables.answer(unit, variant)
        tables.answer(unit, variant, NOW + HOUR)
    for hours in (-1, 0, 1, 24 * 7, 24 * 7 + 1):
        tables.event("a", NOW + hours * HOUR)
        tables.event("c", NOW + hours * HOUR, "leave")
    tables.event("c", NOW + 2 * HOUR)
    tables.event("stranger", NOW + 2 * HOUR)
    found = results(tables.written(), spec())
    assert found.units == {"control": 2, "new": 2}
    assert (only(found).control_value, only(found).value) == (1.0, 0.5)
    assert "4 units are too few" in only(found).sentence
    rate = results(tables.lake, spec(metrics=[{"name": "joined", "of": "join"}]))
    assert (only(rate).control_value, only(rate).value) == (0.5, 0.5)


def test_a_unit_counts_for_its_first_variant_and_testers_do_not(tables: Tables) -> None:
    tables.answer("a", "control")
    tables.answer("a", "new", NOW + HOUR)
    tables.answer("b", "new", assignment="fallback")
    tables.answer("tester", "new", assignment="override")
    tables.answer("erased", "new")
    tables.answer("other", "new", experiment="second")
    found = results(tables.written(), spec())
    assert (found.units, found.fallbacks) == ({"control": 1, "new": 1}, 1)
    assert "two units at least" in only(found).sentence


def test_feedback_counts_on_answers_of_the_experiment(tables: Tables) -> None:
    for unit in ("a", "b"):
        first, second = tables.answer(unit, "control"), tables.answer(unit, "control")
        tables.feedback(first)
        tables.feedback(second, "dismiss")
        tables.feedback(tables.answer(f"new-{unit}", "new"))
        tables.feedback("somebody else's")
    found = results(tables.written(), spec(metrics=[{"name": "clicks", "of": "click", "kind": "ratio"}]))
    assert (only(found).control_value, only(found).value) == (0.5, 1.0)


def test_latency_and_rules_are_measured_on_the_answers(tables: Tables) -> None:
    for at in range(4):
        tables.answer(f"a{at}", "control", latency_ms=2.0)
        tables.answer(f"b{at}", "new", latency_ms=3.0 + at, degraded=at == 0)
    guardrails = [
        {"name": "latency", "of": "latency", "kind": "mean", "worse": "higher"},
        {"name": "rules", "of": "degraded", "worse": "higher"},
    ]
    _, latency, rules = results(tables.written(), spec(guardrails=guardrails)).metrics
    assert (latency.control_value, latency.value, latency.is_guardrail) == (2.0, 4.5, True)
    assert (rules.value, rules.verdict) == (0.25, None)
    assert "control has none of it" in rules.sentence


def crowd(tables: Tables, lift: float, n_units: int = 3_000) -> MemoryLake:
    """People whose habits differ, half of them in each variant; `new` brings `lift` more."""
    rng = np.random.default_rng(8)
    habits = rng.gamma(2.0, 1.0, n_units)
    for at, habit in enumerate(habits):
        variant = ("control", "new")[at % 2]
        tables.answer(f"u{at}", variant)
        for _ in range(rng.poisson(habit)):
            tables.event(f"u{at}", NOW - HOUR)
        for _ in range(rng.poisson(habit * (1 + lift * (variant == "new")))):
            tables.event(f"u{at}", NOW + HOUR)
    return tables.written()


def test_a_lift_is_found_by_an_interval_that_holds_at_every_look(tables: Tables) -> None:
    found = results(crowd(tables, 0.5), spec())
    verdict = only(found).verdict
    assert verdict is not None
    assert (verdict.finding, found.sentence) == (Finding.HIGHER, "Units arrive in the shares that were promised.")
    assert verdict.low is not None and verdict.high is not None
    assert 0 < verdict.low < 0.5 < verdict.high
    assert "joins is higher, and stays so whenever one looks" in verdict.sentence
    assert (only(found).variance_cut or 0) > 0.2, "habits are foretold by the past"


def test_nothing_is_found_where_nothing_is(tables: Tables) -> None:
    lake = crowd(tables, 0.0)
    verdict = only(results(lake, spec(smallest_effect=0.01))).verdict
    assert verdict is not None
    assert verdict.finding == Finding.OPEN
    verdict = only(results(lake, spec(smallest_effect=0.9))).verdict
    assert verdict is not None
    assert verdict.finding == Finding.NO_MATTER


def test_guardrails_hold_or_break(tables: Tables) -> None:
    lake = crowd(tables, -0.5)
    guardrails = [
        {"name": "kept", "of": "join", "kind": "mean", "at_most": 0.9},
        {"name": "lost", "of": "join", "kind": "mean", "at_most": 0.1},
        {"name": "calm", "of": "join", "kind": "mean", "worse": "higher", "at_most": 0.1},
    ]
    found = results(lake, spec(guardrails=guardrails)).metrics
    assert [one.verdict.finding for one in found if one.verdict] == [
        Finding.LOWER, Finding.BROKEN, Finding.BROKEN, Finding.HOLDS,
    ]  # fmt: skip


def test_lost_units_are_found_out(tables: Tables) -> None:
    for at in range(3_000):
        tables.answer(f"u{at}", "new" if at % 3 else "control")
    found = results(tables.written(), spec())
    assert found.mismatch_p_value is not None and found.mismatch_p_value < 0.01
    assert "believe no other number" in found.sentence


def test_nobody_is_there_yet(tables: Tables) -> None:
    found = results(MemoryLake(), spec(metrics=[{"name": "clicks", "of": "click"}]))
    assert (found.units, found.sentence) == ({"control": 0, "new": 0}, "Nobody was let in yet.")
    with pytest.raises(InvalidInput, match="events name no workspace"):
        results(tables.written(), spec(unit="workspace"))
