"""What is said of a decision finds it when it is only in the tables any more, and when it is not even there."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quikapp_ml.bootstrap import Service, open_service
from quikapp_ml.entities.questions import Feedback, RankItem, RankQuestion, SpamQuestion
from quikapp_ml.entities.reviews import ReviewResolution
from quikapp_ml.errors import NotFound, PermissionDenied
from quikapp_ml.jobs.table_upkeep import Retention, keep_up
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake.tables import DECISIONS, FEEDBACK
from quikapp_ml.stores.state.moderation import ReviewFilter, ReviewStatus

OFFER = "You have been selected for a free crypto airdrop, claim your tokens now: http://win.example/claim"
LUNCH = "Lunch at noon in the usual place, who comes along?"


@contextmanager
def service_at(home: Path) -> Iterator[Service]:
    given = {"QUIKAPP_ML_HOME": str(home), "MLFLOW_TRACKING_URI": "memory://", "QUIKAPP_ML_RUN_SCHEDULES": "false"}
    service = open_service(Settings.from_environment(given))
    try:
        service.start()
        service.lake_writer.flush()  # forgets what the tables have
        yield service
    finally:
        service.close()


@pytest.fixture
def archived(tmp_path: Path) -> tuple[str, str, str]:
    """Decisions of a life that has ended: a ranking, a check of an offer, and one of a harmless text."""
    with service_at(tmp_path) as service:
        items = [RankItem(item_id="m1", content=LUNCH)]
        ranked = service.ranking.rank(RankQuestion(user_id="ann", items=items))
        offer = service.spam.check(SpamQuestion(content=OFFER, user_id="mal", metadata={"channel_id": "C1"}))
        lunch = service.spam.check(SpamQuestion(content=LUNCH, user_id="bob", metadata={"channel_id": "C1"}))
    return ranked.decision_id, offer.decision_id, lunch.decision_id


def say(service: Service, decision_id: str, action: str, user_id: str, comment: str | None = None) -> str:
    given = {"decision_id": decision_id, "action": action, "user_id": user_id, "comment": comment}
    return asyncio.run(service.feedback.accept(Feedback.model_validate(given), datetime.now(UTC)))


def resolve(service: Service, decision_id: str) -> None:
    asyncio.run(
        service.feedback.resolve(decision_id, ReviewResolution(resolution="remove"), "local", datetime.now(UTC))
    )


def test_feedback_and_reviews_find_what_is_in_the_tables_alone(tmp_path: Path, archived: tuple[str, str, str]) -> None:
    ranked, offer, lunch = archived
    with service_at(tmp_path) as service:
        assert not [frame for frame in service.spool.read(0) if frame.table == DECISIONS.name]
        assert service.ledger.was_made(ranked) is None
        said = say(service, ranked, "click", "ann")
        with pytest.raises(PermissionDenied, match="only its author"):
            say(service, offer, "appeal", "bob", "mine")
        say(service, offer, "appeal", "mal", "it is real")
        assert service.moderation.queue.get(offer).appeal == "it is real"
        resolve(service, lunch)
        assert service.moderation.queue.get(lunch).status == ReviewStatus.REMOVED
        service.spool.sync()
        service.lake_writer.flush()
        made = {row["decision_id"]: row["kind"] for row in service.lake.read(DECISIONS.name).to_pylist()}
        told = {row["feedback_id"]: row for row in service.lake.read(FEEDBACK.name).to_pylist()}
        assert {made[row["decision_id"]] for row in told.values()} == {"rank", "spam-check"}
        assert told[said]["decision_id"] == ranked


def test_what_is_past_its_retention_takes_feedback_and_no_reviews(
    tmp_path: Path, archived: tuple[str, str, str]
) -> None:
    ranked, _, lunch = archived
    with service_at(tmp_path) as service:
        keep_up(service.lake, {}, timedelta(days=30), retentions={DECISIONS.name: Retention("decided_at", timedelta())})
        assert service.lake.read(DECISIONS.name).num_rows == 0
        waiting = service.moderation.queue.find(ReviewFilter(), 10).total
        with pytest.raises(NotFound, match="no decision"):
            service.decisions.find(ranked)
        for decision_id in (ranked, lunch):
            assert say(service, decision_id, "spam", "ann"), "it may have been made: it is written down"
        assert service.moderation.queue.find(ReviewFilter(), 10).total == waiting
        with pytest.raises(NotFound, match="no spam check that is kept"):
            resolve(service, lunch)
