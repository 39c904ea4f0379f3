import asyncio
from datetime import UTC, datetime

import pytest

from quikapp_ml.entities.decisions import Decision, ModelRef
from quikapp_ml.entities.questions import Feedback
from quikapp_ml.entities.reviews import ReviewResolution
from quikapp_ml.entities.spam_policy import SpamCase
from quikapp_ml.errors import InvalidInput, NotFound, Overloaded
from quikapp_ml.serving.decisions import DecisionLedger, time_ordered_id
from quikapp_ml.serving.feedback import FeedbackIntake
from quikapp_ml.serving.lake_writer import arrow_rows
from quikapp_ml.serving.moderation import Moderation
from quikapp_ml.serving.spam_memory import SpamCheck
from quikapp_ml.stores.lake.tables import FEEDBACK
from quikapp_ml.stores.spool.memory import MemorySpool
from quikapp_ml.stores.state.moderation import ReviewFilter, ReviewStatus
from support.chats import Chat, moderation_of

NOW = datetime(2026, 11, 23, 8, 0, 0, 250_000, tzinfo=UTC)


def intake(spool: MemorySpool, ledger: DecisionLedger, moderation: Moderation | None = None) -> FeedbackIntake:
    return FeedbackIntake(spool, ledger, moderation or moderation_of(Chat()))


def made_decision(ledger: DecisionLedger) -> str:
    decision_id = ledger.new_decision_id()
    ledger.record(Decision(decision_id, "rank", "u1", ModelRef("content-ranker", "1.0.0"), {}, {}, 1.0))
    return decision_id


def test_feedback_becomes_a_row_of_its_table() -> None:
    spool = MemorySpool()
    ledger = DecisionLedger(spool, b"k")
    decision_id = made_decision(ledger)
    feedback = Feedback(decision_id=decision_id, action="click", user_id="u1", item_id="m1", value=1.0, comment="good")
    feedback_id = asyncio.run(intake(spool, ledger).accept(feedback, NOW))
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
    desk = intake(spool, DecisionLedger(spool, b"k"))
    with pytest.raises(NotFound, match="no decision 'd-1'"):
        asyncio.run(desk.accept(Feedback(decision_id="d-1", action="click"), NOW))
    assert list(spool.read(0)) == []


def test_feedback_on_a_decision_of_an_earlier_run_is_taken() -> None:
    spool = MemorySpool()
    desk = intake(spool, DecisionLedger(spool, b"k"))
    asyncio.run(desk.accept(Feedback(decision_id=time_ordered_id(1_700_000_000_000), action="ham"), NOW))
    (frame,) = spool.read(0)
    assert frame.n_rows == 1


def test_feedback_that_cannot_be_kept_is_not_acknowledged() -> None:
    full = MemorySpool(max_pending_bytes=-1)
    ledger = DecisionLedger(full, b"k")
    with pytest.raises(Overloaded):
        asyncio.run(intake(full, ledger).accept(Feedback(decision_id=made_decision(ledger), action="read"), NOW))


# --- on spam checks


def held(ledger: DecisionLedger, moderation: Moderation) -> str:
    decision_id = made_decision(ledger)
    case = SpamCase(0.97, 0.0, "mal", channel="C1")
    moderation.queue.add(SpamCheck(decision_id, NOW.timestamp(), "", "free offer", case, "hold", (), 0, "c-1", None))
    return decision_id


def rows_of(spool: MemorySpool) -> list[dict[str, object]]:
    frames = [frame for frame in spool.read(0) if frame.table == FEEDBACK.name]
    rows: list[dict[str, object]] = arrow_rows(frames, FEEDBACK.columns).to_pylist()
    return rows


def test_a_resolution_is_feedback_too() -> None:
    spool = MemorySpool()
    ledger, moderation = DecisionLedger(spool, b"k"), moderation_of(Chat())
    first, second = held(ledger, moderation), held(ledger, moderation)
    asked = ReviewResolution(resolution="remove", comment="spam", whole_campaign=True)
    answer = asyncio.run(intake(spool, ledger, moderation).resolve(second, asked, "local", NOW))
    assert (answer.resolved_by, sorted(answer.decision_ids)) == ("local", sorted((first, second)))
    assert {(row["decision_id"], row["action"], row["user_id"], row["comment"]) for row in rows_of(spool)} == {
        (first, "spam", "local", "spam"), (second, "spam", "local", "spam"),
    }  # fmt: skip
    assert moderation.queue.find(ReviewFilter(status=ReviewStatus.REMOVED), 10).total == 2


def test_an_appeal_that_is_refused_is_not_written_down_and_one_that_is_taken_waits() -> None:
    spool = MemorySpool()
    ledger, moderation = DecisionLedger(spool, b"k"), moderation_of(Chat())
    decision_id = held(ledger, moderation)
    desk = intake(spool, ledger, moderation)
    with pytest.raises(InvalidInput) as refused:
        asyncio.run(desk.accept(Feedback(decision_id=decision_id, action="appeal", user_id="mal"), NOW))
    assert refused.value.problems[0].path == "comment"
    assert [frame for frame in spool.read(0) if frame.table == FEEDBACK.name] == []
    appeal = Feedback(decision_id=decision_id, action="appeal", user_id="mal", comment="it is real")
    asyncio.run(desk.accept(appeal, NOW))
    assert moderation.queue.get(decision_id).appeal == "it is real"
    assert [row["action"] for row in rows_of(spool)] == ["appeal"]
