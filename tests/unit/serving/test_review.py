"""The review queue: what waits, in which order, and that nothing is lost while the store is away."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from quikapp_ml.entities.decisions import Evidence, Span
from quikapp_ml.entities.spam_policy import SpamCase
from quikapp_ml.errors import Conflict, StorageFailed
from quikapp_ml.serving.review import ReviewQueue
from quikapp_ml.serving.spam_memory import SpamCheck
from quikapp_ml.stores.state.memory_moderation import MemoryReviews
from quikapp_ml.stores.state.moderation import ReviewFilter, ReviewItem, ReviewStatus

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
EVIDENCE = Evidence("phrase", 1.5, "“free”", (Span(0, 4, 0, 4),))


def check(number: int, campaign_id: str = "") -> SpamCheck:
    case = SpamCase(0.97, 0.1, "mal", "member", "C1", ("win.example",))
    at = NOW.timestamp() + number
    return SpamCheck(f"d-{number}", at, "W1", "free", case, "hold", (EVIDENCE,), 3, campaign_id, None)


def queue(store: MemoryReviews | None = None) -> ReviewQueue:
    return ReviewQueue(store or MemoryReviews(), lambda: NOW + timedelta(hours=1))


class Away(MemoryReviews):
    """A store that does not answer at first."""

    is_away = True

    def add(self, items: Sequence[ReviewItem]) -> None:
        if self.is_away:
            raise StorageFailed("away")
        super().add(items)


def test_what_waits_is_shown_with_its_evidence_the_oldest_first() -> None:
    waiting = queue()
    for number in (2, 1):
        waiting.add(check(number))
    found = waiting.find(ReviewFilter(), 10)
    assert (found.total, [line.decision_id for line in found.items], found.campaigns) == (2, ["d-1", "d-2"], [])
    line = found.items[0]
    assert (line.action, line.spam_probability, line.policy_version) == ("hold", 0.97, "spam-3")
    assert (line.workspace_id, line.channel_id, line.campaign_id, line.age_seconds) == ("W1", "C1", None, 3599.0)
    spans = [{"start": 0, "end": 4, "utf16_start": 0, "utf16_end": 4}]
    assert line.evidence == [{"signal": "phrase", "weight": 1.5, "detail": "“free”", "spans": spans}]


def test_campaigns_are_counted_and_can_come_first() -> None:
    waiting = queue()
    for number, campaign in enumerate(("", "c-1", "c-2", "c-2", "c-2", "c-1")):
        waiting.add(check(number, campaign))
    found = waiting.find(ReviewFilter(), 10, by_campaign=True)
    assert [line.campaign_id for line in found.items] == ["c-2"] * 3 + ["c-1"] * 2 + [None]
    assert [(each.campaign_id, each.count) for each in found.campaigns] == [("c-2", 3), ("c-1", 2)]
    assert found.campaigns[0].oldest == NOW + timedelta(seconds=2)
    assert [item.decision_id for item in waiting.of_campaign(waiting.get("d-3"))] == ["d-2", "d-4"]
    assert waiting.of_campaign(waiting.get("d-0")) == []


def test_a_second_resolution_is_a_conflict_and_an_appeal_opens_again() -> None:
    waiting = queue()
    waiting.add(check(1))
    item = waiting.get("d-1")
    waiting.resolve(item, ReviewStatus.REMOVED, "ada", "spam")
    with pytest.raises(Conflict):
        waiting.resolve(item, ReviewStatus.RELEASED, "bob", "")
    waiting.appeal(waiting.get("d-1"), "it was not")
    (line,) = waiting.find(ReviewFilter(), 10).items
    assert (line.appeal, line.resolved_by, line.status) == ("it was not", "ada", "open")


def test_what_the_store_did_not_take_waits() -> None:
    store = Away()
    waiting = queue(store)
    waiting.add(check(1))
    with pytest.raises(StorageFailed):
        waiting.flush()
    waiting.close()
    store.is_away = False
    waiting.add(check(2))
    waiting.close()
    assert store.count(ReviewFilter()) == 2


def test_a_thread_brings_what_waits_to_the_store() -> None:
    store = MemoryReviews()
    waiting = queue(store)
    waiting.start()
    waiting.add(check(1))
    waiting.close()
    assert store.count(ReviewFilter()) == 1
