import asyncio
from datetime import UTC, datetime

import pytest

from quikapp_ml.entities.decisions import Decision, ModelRef
from quikapp_ml.entities.questions import Feedback
from quikapp_ml.errors import NotFound, Overloaded
from quikapp_ml.serving.decisions import DecisionLedger, time_ordered_id
from quikapp_ml.serving.feedback import FeedbackIntake
from quikapp_ml.serving.lake_writer import arrow_rows
from quikapp_ml.stores.lake.tables import FEEDBACK
from quikapp_ml.stores.spool.memory import MemorySpool

NOW = datetime(2026, 11, 23, 8, 0, 0, 250_000, tzinfo=UTC)


def made_decision(ledger: DecisionLedger) -> str:
    decision_id = ledger.new_decision_id()
    ledger.record(Decision(decision_id, "rank", "u1", ModelRef("content-ranker", "1.0.0"), {}, {}, 1.0))
    return decision_id


def test_feedback_becomes_a_row_of_its_table() -> None:
    spool = MemorySpool()
    ledger = DecisionLedger(spool, b"k")
    decision_id = made_decision(ledger)
    feedback = Feedback(decision_id=decision_id, action="click", user_id="u1", item_id="m1", value=1.0, comment="good")
    feedback_id = asyncio.run(FeedbackIntake(spool, ledger).accept(feedback, NOW))
    frames = [frame for frame in spool.read(0) if frame.table == FEEDBACK.name]
    assert arrow_rows(frames, FEEDBACK.columns).to_pylist() == [
        {
            "feedback_id": feedback_id,
            "decision_id": decision_id,
            "received_at": NOW,
            "user_id": "u1",
            "item_id": "m1",
            "action": "click",
            "value": 1.0,
            "comment": "good",
        }
    ]


def test_feedback_on_a_decision_that_never_was_is_refused() -> None:
    spool = MemorySpool()
    intake = FeedbackIntake(spool, DecisionLedger(spool, b"k"))
    with pytest.raises(NotFound, match="no decision 'd-1'"):
        asyncio.run(intake.accept(Feedback(decision_id="d-1", action="click"), NOW))
    assert list(spool.read(0)) == []


def test_feedback_on_a_decision_of_an_earlier_run_is_taken() -> None:
    spool = MemorySpool()
    intake = FeedbackIntake(spool, DecisionLedger(spool, b"k"))
    asyncio.run(intake.accept(Feedback(decision_id=time_ordered_id(1_700_000_000_000), action="ham"), NOW))
    (frame,) = spool.read(0)
    assert frame.n_rows == 1


def test_feedback_that_cannot_be_kept_is_not_acknowledged() -> None:
    full = MemorySpool(max_pending_bytes=-1)
    ledger = DecisionLedger(full, b"k")
    with pytest.raises(Overloaded):
        asyncio.run(
            FeedbackIntake(full, ledger).accept(Feedback(decision_id=made_decision(ledger), action="read"), NOW)
        )
