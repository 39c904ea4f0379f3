"""Moderation in the whole service: what was said and changed outlives a restart, and reaches the tables."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import orjson

from quikapp_ml.bootstrap import Service, open_service
from quikapp_ml.entities.decisions import SpamAnswer
from quikapp_ml.entities.questions import Feedback, SpamQuestion
from quikapp_ml.entities.reviews import ReviewResolution
from quikapp_ml.entities.spam_policy import SpamPolicyChange
from quikapp_ml.jobs import erasure
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake.tables import DECISIONS, FEEDBACK
from quikapp_ml.stores.state.moderation import PolicyScope, ReviewFilter
from quikapp_ml.training.spam_corrections import corrected_checks

SPAM = "WINNER!! You have won a free prize of $5,000, click here to claim your cash now: http://win.example/claim"
VARIANT = (
    "WINNER!!! You have won a FREE prize of $7,500, click here to claim your cash today: http://win.example/claim2"
)


def settings_of(home: Path) -> Settings:
    given = {"QUIKAPP_ML_HOME": str(home), "MLFLOW_TRACKING_URI": "memory://", "QUIKAPP_ML_RUN_SCHEDULES": "false"}
    return Settings.from_environment(given)


def opened(home: Path) -> Service:
    service = open_service(settings_of(home))
    service.start()
    return service


def check(service: Service, text: str, user_id: str = "mal") -> SpamAnswer:
    return service.spam.check(SpamQuestion(content=text, user_id=user_id, metadata={"channel_id": "C1"}))


def test_what_was_said_outlives_a_restart_and_reaches_the_tables(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    service = opened(tmp_path / "home")
    asked = SpamPolicyChange.model_validate({"thresholds": {"flag": 0.5, "hold": 0.9}, "changed_by": "ada"})
    service.moderation.policies.change(PolicyScope("", "C1"), asked, "ada", now)
    held, waiting = check(service, SPAM), check(service, SPAM, "eve")
    assert (held.action, held.policy_version, held.campaign_id) == ("hold", "spam-1", waiting.campaign_id)
    released = ReviewResolution(resolution="release", comment="a game")
    asyncio.run(service.feedback.resolve(held.decision_id, released, "local", now))
    appeal = Feedback(decision_id=waiting.decision_id, action="appeal", user_id="eve", comment="mine, too")
    asyncio.run(service.feedback.accept(appeal, now))
    assert check(service, VARIANT).action == "allow"
    service.close()

    service = opened(tmp_path / "home")
    again = check(service, VARIANT)
    assert (again.action, again.policy_version, again.campaign_id) == ("allow", "spam-1", held.campaign_id)
    (line,) = service.moderation.queue.find(ReviewFilter(), 10).items
    assert (line.decision_id, line.appeal) == (waiting.decision_id, "mine, too")
    service.lake_writer.flush()
    rows = service.lake.read(FEEDBACK.name).to_pylist()
    assert {(row["action"], row["value"], row["user_id"]) for row in rows} == {
        ("ham", 1.0, "local"),
        ("appeal", 0.0, "eve"),
    }
    assert set(service.lake.read(DECISIONS.name)["policy_version"].to_pylist()) == {"spam-1"}
    (corrected,) = corrected_checks(service.lake)
    assert (corrected.content, corrected.is_spam) == (SPAM, False)
    service.close()


def test_a_decision_of_an_earlier_run_can_still_be_corrected_and_appealed_against(tmp_path: Path) -> None:
    service = opened(tmp_path / "home")
    passed = check(service, f"{SPAM} hello")
    tried = service.spam.check(SpamQuestion(content=f"{SPAM} bye", user_id="mal", dry_run=True))
    ranked = Feedback(decision_id=passed.decision_id, action="reported", user_id="eve")
    service.close()

    service = opened(tmp_path / "home")
    service.moderation.queue._store.erase("mal")  # as if it had never waited, and as long ago as you like
    asyncio.run(service.feedback.accept(ranked, datetime.now(UTC)))
    for decision_id in (passed.decision_id, tried.decision_id):
        appeal = Feedback(decision_id=decision_id, action="appeal", user_id="mal", comment="mine")
        asyncio.run(service.feedback.accept(appeal, datetime.now(UTC)))
    (line,) = service.moderation.queue.find(ReviewFilter(), 10).items
    assert (line.decision_id, line.content, line.reported, line.appeal) == (
        passed.decision_id, f"{SPAM} hello", 1, "mine",
    )  # fmt: skip
    assert line.evidence == [dict(item) for item in _plain(passed)]
    removed = ReviewResolution(resolution="release")
    asyncio.run(service.feedback.resolve(passed.decision_id, removed, "local", datetime.now(UTC)))
    assert check(service, f"{SPAM} hello").campaign_id == passed.campaign_id
    assert not check(service, f"{SPAM} hello").is_spam
    service.close()


def _plain(answer: SpamAnswer) -> list[dict[str, object]]:
    return orjson.loads(orjson.dumps(answer.evidence))  # type: ignore[no-any-return]


def test_who_is_erased_is_gone_from_the_queue_and_from_corrections(tmp_path: Path) -> None:
    service = opened(tmp_path / "home")
    first, other = check(service, SPAM), check(service, SPAM, "eve")
    for decision_id in (first.decision_id, other.decision_id):
        asyncio.run(
            service.feedback.resolve(decision_id, ReviewResolution(resolution="remove"), "ada", datetime.now(UTC))
        )
    service.close()
    changed = erasure.run(settings_of(tmp_path / "home"), "mal")
    assert (changed["review queue"], changed["corrections"]) == (1, 1)
    service = opened(tmp_path / "home")
    found = service.moderation.queue.find(ReviewFilter(status=None), 10)
    assert [line.user_id for line in found.items] == ["eve"]
    service.close()


def test_what_was_checked_and_then_posted_in_many_channels_is_known(tmp_path: Path) -> None:
    service = opened(tmp_path / "home")
    text = "Please look at the new holiday plan and tell me by friday whether the dates suit you"
    before = check(service, text)
    posted = {"type": "message", "user_id": "mal", "content": text, "event_time": datetime.now(UTC).isoformat()}
    events = [
        {**posted, "event_id": f"e{number}", "channel_id": f"R{number}", "message_id": f"m{number}"}
        for number in range(6)
    ]
    assert service.intake.accept_now(events, datetime.now(UTC)).accepted == 6
    after = check(service, text)
    assert {item.signal for item in after.evidence} - {item.signal for item in before.evidence} >= {
        "channels_with_same_text"
    }
    service.close()
