import logging
import time
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from quikapp_ml.entities.decisions import Decision, ModelRef
from quikapp_ml.serving import decisions
from quikapp_ml.serving.decisions import DecisionLedger, asked_by, asked_through, time_ordered_id
from quikapp_ml.serving.lake_writer import arrow_rows
from quikapp_ml.stores.lake.tables import DECISIONS
from quikapp_ml.stores.spool.memory import MemorySpool

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW.timestamp()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def spool() -> MemorySpool:
    return MemorySpool()


@pytest.fixture
def ledger(spool: MemorySpool, clock: Clock) -> DecisionLedger:
    return DecisionLedger(spool, b"k" * 32, clock)


def decision(decision_id: str, **changes: Any) -> Decision:
    fields: dict[str, Any] = {
        "decision_id": decision_id,
        "kind": "spam-check",
        "user_id": "user-789",
        "model": ModelRef("spam-classifier", "2.4.0"),
        "request": {"content": "Check this out", "metadata": {"ip_address": "192.168.1.1", "user_agent": "Mozilla"}},
        "answer": {"is_spam": False},
        "latency_ms": 1.5,
    }
    return Decision(**{**fields, **changes})


def test_a_decision_becomes_a_row_of_its_table(ledger: DecisionLedger, spool: MemorySpool) -> None:
    decision_id = ledger.new_decision_id()
    known = {"model_number": 7, "model_alias": "champion", "policy_version": "p1", "propensity": 1}
    ledger.record(decision(decision_id, **known, features={"seen": (1, 2)}))
    frames = list(spool.read(0))
    assert [frame.table for frame in frames] == [DECISIONS.name]
    (row,) = arrow_rows(frames, DECISIONS.columns).to_pylist()
    request = orjson.loads(row.pop("request"))
    assert len(row.pop("request_hash")) == 32
    assert row == {
        "decision_id": decision_id,
        "kind": "spam-check",
        "decided_at": NOW,
        "user_id": "user-789",
        "asked_by": "local",
        "model_name": "spam-classifier",
        "model_version": "2.4.0",
        "model_number": 7,
        "degraded": False,
        "experiment": None,
        "variant": None,
        "propensity": 1.0,
        "features": '{"seen":[1,2]}',
        "answer": '{"is_spam":false}',
        "latency_ms": 1.5,
        "model_alias": "champion",
        "policy_version": "p1",
        "endpoint": None,
        "inputs": "addresses_hashed",
        "features_from": f"quikapp_ml.bronze.events@{spool.writer_id}:0",
        "assignment": None,
        "unit": None,
        "candidates": None,
    }
    assert request["content"] == "Check this out"
    assert ledger.recorded == 1


def test_no_ip_address_is_written(ledger: DecisionLedger, spool: MemorySpool) -> None:
    ledger.record(decision(ledger.new_decision_id(), features={"ip": "192.168.1.1"}))
    (frame,) = spool.read(0)
    assert b"192.168.1.1" not in frame.body
    assert frame.body.count(b"ip-") == 2


def rows(spool: MemorySpool) -> list[dict[str, Any]]:
    return list(arrow_rows(list(spool.read(0)), DECISIONS.columns).to_pylist())


def test_inputs_without_addresses_are_kept_as_they_came(ledger: DecisionLedger, spool: MemorySpool) -> None:
    for content in ("a", "b", "a"):
        ledger.record(decision(ledger.new_decision_id(), request={"content": content}))
    written = rows(spool)
    assert [row["inputs"] for row in written] == ["kept"] * 3
    hashes = [row["request_hash"] for row in written]
    assert hashes[0] == hashes[2] != hashes[1]


def test_decisions_name_the_endpoint_that_was_asked(ledger: DecisionLedger, spool: MemorySpool) -> None:
    with asked_through("quikapp-spam"):
        ledger.record(decision(ledger.new_decision_id()))
        ledger.record(decision(ledger.new_decision_id(), endpoint="mine"))
    ledger.record(decision(ledger.new_decision_id()))
    assert [row["endpoint"] for row in rows(spool)] == ["quikapp-spam", "mine", None]


def test_decisions_name_whose_token_asked(ledger: DecisionLedger, spool: MemorySpool) -> None:
    with asked_by("ann@example.com"):
        ledger.record(decision(ledger.new_decision_id()))
    ledger.record(decision(ledger.new_decision_id()))
    assert [(row["user_id"], row["asked_by"]) for row in rows(spool)] == [
        ("user-789", "ann@example.com"),
        ("user-789", "local"),
    ]


def test_sampling_keeps_every_row_and_the_inputs_of_its_share(spool: MemorySpool, clock: Clock) -> None:
    ledger = DecisionLedger(spool, b"k" * 32, clock, {"spam-check": 0.25})
    for _ in range(400):
        ledger.record(decision(ledger.new_decision_id(), request={"content": "a"}))
    written = rows(spool)
    whole = [row for row in written if row["request"] is not None]
    assert 60 <= len(whole) <= 140
    others = [row for row in written if row["inputs"] == "sampled_out"]
    assert len(whole) + len(others) == 400
    assert all(row["answer"] and row["features"] is None and row["request"] is None for row in others)


def test_a_full_spool_costs_the_decision_but_not_the_answer(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    ledger = DecisionLedger(MemorySpool(max_pending_bytes=-1), b"k", clock)
    decision_id = ledger.new_decision_id()
    with caplog.at_level(logging.ERROR):
        ledger.record(decision(decision_id))
    assert (ledger.lost, ledger.recorded) == (1, 0)
    assert decision_id in caplog.text
    assert ledger.was_made(decision_id), "the answer was given, and may be spoken about"


@pytest.mark.parametrize("answer", [{"text": "\ud800"}, {"thing": object()}, {1: "number as key"}])
def test_what_is_no_json_is_counted_as_lost(ledger: DecisionLedger, answer: dict[Any, Any]) -> None:
    ledger.record(decision(ledger.new_decision_id(), answer=answer))
    assert (ledger.lost, ledger.recorded) == (1, 0)


def test_ids_sort_by_time_even_when_the_clock_goes_back(ledger: DecisionLedger, clock: Clock) -> None:
    ids = []
    for step in (0.0, 0.001, 5, -3600, 0.001, 7200):
        clock.now += step
        ids.append(ledger.new_decision_id())
    milliseconds = [int(decision_id.replace("-", "")[:12], 16) for decision_id in ids]
    assert milliseconds == sorted(milliseconds)
    assert len(set(ids)) == len(ids)


def test_ids_are_uuids_of_version_7() -> None:
    made = time_ordered_id(1_700_000_000_000)
    assert made.startswith("018bcfe5-6800-7")
    assert made[19] in "89ab"
    assert made != time_ordered_id(1_700_000_000_000)


def test_the_ledger_knows_what_it_has_made(ledger: DecisionLedger, clock: Clock) -> None:
    before = time_ordered_id(int(clock.now * 1000) - 1)
    clock.now += 1
    made, not_recorded = ledger.new_decision_id(), ledger.new_decision_id()
    ledger.record(decision(made))
    assert ledger.was_made(made) is True
    assert ledger.was_made(not_recorded) is False
    assert ledger.was_made(before) is None, "an earlier process may have made it"
    for no_id in ("", "d-1", "00000000-0000-0000-0000-000000000000", made.upper(), "\ud800"):
        assert ledger.was_made(no_id) is False


def test_old_decisions_are_forgotten_and_then_neither_known_nor_denied(
    ledger: DecisionLedger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "REMEMBERED", 10)
    made = []
    for _ in range(15):
        clock.now += 0.01
        made.append(ledger.new_decision_id())
        ledger.record(decision(made[-1]))
    assert [ledger.was_made(one) for one in made] == [None] * 5 + [True] * 10


def test_recording_takes_little_time(ledger: DecisionLedger) -> None:
    """The target is 0.3 ms; ten times as much fails, so that a busy machine does not."""
    many = [decision(ledger.new_decision_id()) for _ in range(500)]
    started = time.perf_counter()
    for one in many:
        ledger.record(one)
    assert (time.perf_counter() - started) / len(many) < 3e-3
