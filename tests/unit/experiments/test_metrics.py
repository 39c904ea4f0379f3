"""Metrics on logs small enough to know the answer, and against a plain count of random logs; on both engines."""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quikapp_ml.entities.experiments import ExperimentSpec, Metric, Subject
from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.metrics import (
    DAY_MICROS,
    DEFAULTS,
    Statement,
    metric_statement,
    segments_statement,
    units_statement,
    watched,
)
from quikapp_ml.stores.lake import open_compute, open_lake
from quikapp_ml.stores.lake.base import Compute, Lake
from quikapp_ml.stores.lake.tables import ACTIVITIES, DECISIONS, EVENTS, FEEDBACK, USERS

SAIL = pytest.param("", id="sail")
SPARK = pytest.param(os.environ.get("TEST_SPARK_REMOTE", ""), id="spark", marks=pytest.mark.spark)
START = datetime(2026, 11, 2, tzinfo=UTC)
DAY = int(START.timestamp()) // 86_400


@pytest.fixture(scope="module", params=[SAIL, SPARK] if os.environ.get("TEST_SPARK_REMOTE") else [SAIL])
def compute(request: pytest.FixtureRequest) -> Iterator[Compute]:
    engine = open_compute(request.param)
    yield engine
    engine.close()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = open_lake(str(tmp_path))
    for table in (EVENTS, DECISIONS, FEEDBACK, ACTIVITIES, USERS):
        lake.ensure(table)
    return lake


def spec(*metrics: Metric, **given: Any) -> ExperimentSpec:
    variants = [{"name": "control", "weight": 0.5}, {"name": "new", "weight": 0.5}]
    known = {"name": "trial", "hypothesis": "More.", "subject": "rank", "variants": variants, "smallest_effect": 0.02}
    metrics = metrics or (Metric(name="joins", of="join", source="events"),)
    return ExperimentSpec.model_validate({**known, "metrics": [one.model_dump() for one in metrics], **given})


def answered(asker: str, hours: float, variant: str = "new", **given: Any) -> dict[str, Any]:
    known = {
        "decision_id": f"d-{asker}-{hours}", "kind": "rank", "decided_at": START + timedelta(hours=hours),
        "user_id": asker, "experiment": "trial", "unit": asker, "variant": variant, "assignment": "hash",
        "latency_ms": 4.0, "degraded": False,
    }  # fmt: skip
    return {**known, **given}


def event(user: str, hours: float, kind: str = "join") -> dict[str, Any]:
    at = START + timedelta(hours=hours)
    return {
        "event_id": f"{kind}-{user}-{hours}", "type": kind, "event_time": at, "ingest_time": at, "user_id": user,
        "channel_id": "c",
    }  # fmt: skip


def said(decision_id: str, hours: float, action: str = "click", user: str | None = None) -> dict[str, Any]:
    return {
        "feedback_id": f"{decision_id}-{action}-{hours}", "decision_id": decision_id, "action": action, "user_id": user,
        "received_at": START + timedelta(hours=hours),
    }  # fmt: skip


def put(lake: Lake, table: str, *rows: dict[str, Any]) -> None:
    lake.append(table, pa.Table.from_pylist(list(rows), schema=lake.columns(table)))


def asked(lake: Lake, compute: Compute, statement: Statement) -> list[dict[str, Any]]:
    rows = compute.query(statement.sql, {view: lake.uri(table.name) for view, table in statement.tables.items()})
    return sorted(rows.to_pylist(), key=lambda row: (row["unit"], row.get("day") or 0))


def counts(lake: Lake, compute: Compute, metric: Metric, **given: Any) -> dict[str, tuple[float, float, float]]:
    """Of each unit: counted, out of, before."""
    totals: dict[str, tuple[float, float, float]] = {}
    for row in asked(lake, compute, metric_statement(spec(metric, **given), metric)):
        old = totals.get(row["unit"], (0.0, 0.0, 0.0))
        totals[row["unit"]] = (old[0] + row["counted"], old[1] + row["out_of"], old[2] + row["before"])
    return totals


JOINS = Metric(name="joins", of="join", source="events", kind="mean", window_days=2)


def test_events_count_from_the_first_answer_until_the_end_of_the_window(lake: Lake, compute: Compute) -> None:
    put(lake, DECISIONS.name, answered("ann", 0), answered("ann", 30, variant="control"), answered("bob", 5, "control"))
    put(lake, EVENTS.name, *(event("ann", hours) for hours in (-49, -47, -1, 0, 1, 25, 47.9, 48)), event("cid", 1))
    rows = asked(lake, compute, metric_statement(spec(), JOINS))
    since = DAY * DAY_MICROS
    ann = {"unit": "ann", "variant": "new", "since": since, "out_of": 0.0}
    assert rows == [
        {**ann, "day": DAY - 2, "counted": 0.0, "before": 1.0},
        {**ann, "day": DAY - 1, "counted": 0.0, "before": 1.0},
        {**ann, "day": DAY, "counted": 2.0, "before": 0.0},
        {**ann, "day": DAY + 1, "counted": 2.0, "before": 0.0},
        {
            "unit": "bob", "variant": "control", "since": since + 5 * 3_600_000_000, "day": None, "counted": 0.0,
            "out_of": 0.0, "before": 0.0,
        },
    ]  # fmt: skip


def test_testers_the_erased_and_other_experiments_do_not_count(lake: Lake, compute: Compute) -> None:
    put(
        lake,
        DECISIONS.name,
        answered("ann", 0, assignment="override"),
        answered("erased", 0),
        answered("bob", 0, experiment="other"),
        answered("cid", 0, unit=None),
        answered("dan", 1, assignment="fallback"),
        answered("dan", 2),
    )
    (dan,) = asked(lake, compute, units_statement(spec()))
    assert (dan["unit"], dan["n_answers"], dan["n_fallbacks"]) == ("dan", 2, 1)


def test_feedback_counts_by_the_unit_of_its_answer_and_before_by_the_person(lake: Lake, compute: Compute) -> None:
    put(lake, DECISIONS.name, answered("ann", 0), answered("ann", 5), answered("bob", 0), answered("x", -9, unit=None))
    put(
        lake,
        FEEDBACK.name,
        said("d-ann-0", 1, user="ann"),
        said("d-ann-5", 6),
        said("d-x--9", 7, user="ann"),
        said("d-x--9", -8, user="ann"),
        said("d-bob-0", 1, "dismiss"),
    )
    clicks = Metric(name="clicks", of="click", kind="ratio")
    assert counts(lake, compute, clicks) == {"ann": (2, 2, 1), "bob": (0, 1, 0)}
    assert counts(lake, compute, clicks, unit="channel") == {"ann": (2, 2, 0), "bob": (0, 1, 0)}


def test_an_appeal_is_upheld_when_somebody_else_calls_the_text_ham_later(lake: Lake, compute: Compute) -> None:
    put(lake, DECISIONS.name, *(answered(unit, 0) for unit in ("ann", "bob", "cid", "dan")))
    put(
        lake,
        FEEDBACK.name,
        said("d-ann-0", 1, "appeal", "ann"),
        said("d-ann-0", 2, "ham", "mod"),
        said("d-bob-0", 1, "appeal", "bob"),
        said("d-bob-0", 2, "ham", "bob"),
        said("d-cid-0", 1, "ham", "mod"),
        said("d-cid-0", 2, "appeal", "cid"),
        said("d-dan-0", 1, "appeal", "dan"),
        said("d-dan-0", 2, "spam", "mod"),
    )
    upheld = Metric(name="upheld", of="appeal-upheld", kind="ratio")
    assert {unit: found[0] for unit, found in counts(lake, compute, upheld).items()} == {
        "ann": 1, "bob": 0, "cid": 0, "dan": 0,
    }  # fmt: skip


def test_activities_count_by_person_or_channel(lake: Lake, compute: Compute) -> None:
    put(lake, DECISIONS.name, answered("ann", 0), answered("c", 0))
    at = START + timedelta(hours=1)
    done = {"event_id": "e", "kind": "replied", "event_time": at, "ingest_time": at, "user_id": "ann"}
    put(lake, ACTIVITIES.name, {**done, "channel_id": "c", "week": at.date()})
    replies = Metric(name="replies", of="replied")
    assert counts(lake, compute, replies) == {"ann": (1, 0, 0), "c": (0, 0, 0)}
    assert counts(lake, compute, replies, unit="channel") == {"ann": (0, 0, 0), "c": (1, 0, 0)}


def test_answers_tell_of_latency_and_errors(lake: Lake, compute: Compute) -> None:
    put(lake, DECISIONS.name, answered("ann", 0), answered("ann", 1, latency_ms=8.0, degraded=True))
    assert counts(lake, compute, Metric(name="slow", of="latency", kind="mean")) == {"ann": (12, 2, 0)}
    assert counts(lake, compute, Metric(name="errors", of="degraded")) == {"ann": (1, 2, 0)}
    slowest = Metric(name="slowest", of="latency", kind="quantile")
    rows = asked(lake, compute, metric_statement(spec(slowest), slowest))
    assert sorted(row["counted"] for row in rows) == [4.0, 8.0]


def test_people_have_their_role_and_team_of_now(lake: Lake, compute: Compute) -> None:
    put(lake, DECISIONS.name, answered("ann", 0), answered("bob", 0))
    told = {"user_id": "ann", "valid_from": START, "known_at": START, "week": START.date()}
    later = {**told, "valid_from": START + timedelta(days=1)}
    old = {**told, "team": "sales", "role": "member", "is_current": False, "valid_to": later["valid_from"]}
    put(lake, USERS.name, old, {**later, "team": "art", "role": "admin", "is_current": True})
    rows = asked(lake, compute, segments_statement(spec()))
    assert rows == [{"unit": "ann", "role": "admin", "team": "art"}]


@pytest.mark.parametrize("subject", DEFAULTS)
def test_default_metrics_run_on_empty_tables(lake: Lake, compute: Compute, subject: Subject) -> None:
    for unit in ("user", "workspace"):
        trial = spec(Metric(name="e", of="degraded", kind="rate"), subject=subject, unit=unit)
        for metric in watched(trial):
            assert asked(lake, compute, metric_statement(trial, metric)) == []


def test_what_is_measured_already_is_not_watched_again() -> None:
    own = Metric(name="my-clicks", of="click")
    assert [one.name for one in watched(spec(own))] == ["replies", "reads", "latency-p95", "errors"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"of": "teleport"}, "is no event, feedback or answer that is known; give one of"),
        ({"of": "click", "source": "events"}, "of click there is nothing in events; give one of"),
        ({"of": "click", "kind": "quantile"}, "quantiles are told of latency only"),
        ({"of": "click", "cap": 3, "winsor": 0.9}, "either a cap or a winsor share"),
    ],
)
def test_what_cannot_be_counted_is_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Metric.model_validate({"name": "x", **given})


def test_events_by_workspace_are_refused() -> None:
    with pytest.raises(
        InvalidInput, match="metric 'joins' counts 'join', but events name no workspace; count feedback"
    ):
        metric_statement(spec(JOINS, unit="workspace"), JOINS)


MOMENTS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(-80, 80)), max_size=12)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=MOMENTS, events=MOMENTS)
def test_a_plain_count_says_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    compute: Compute,
    answers: Sequence[tuple[str, int]],
    events: Sequence[tuple[str, int]],
) -> None:
    lake = open_lake(str(tmp_path_factory.mktemp("lake")))
    for table in (EVENTS, DECISIONS):
        lake.ensure(table)
    put(lake, DECISIONS.name, *(answered(unit, hours) for unit, hours in answers))
    put(lake, EVENTS.name, *(event(unit, hours + 0.5) for unit, hours in events))
    expected = {}
    for unit in {unit for unit, _ in answers}:
        first = min(hours for one, hours in answers if one == unit)
        ages = [hours + 0.5 - first for one, hours in events if one == unit]
        expected[unit] = (sum(0 <= age < 48 for age in ages), 0.0, sum(-48 <= age < 0 for age in ages))
    assert counts(lake, compute, JOINS) == expected
