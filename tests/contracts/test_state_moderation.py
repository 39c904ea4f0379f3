"""What every control state does with policies, the review queue and corrections, in memory and in SQL."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from quikapp_ml.errors import Conflict, NotFound
from quikapp_ml.stores.state.base import ControlState
from quikapp_ml.stores.state.moderation import Correction, PolicyScope, ReviewFilter, ReviewItem, ReviewStatus

NOW = datetime(2026, 11, 23, 2, 0, 0, 250_000, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
EVERYWHERE, HOME, ROOM = PolicyScope(), PolicyScope("W1"), PolicyScope("W1", "C1")
ITEM = ReviewItem(
    "d-1", "W1", "C1", "mal", "free ü", "hold", 0.97, [{"signal": "phrase", "weight": 1.5}], 3, NOW, "c-1", b"\x00\xff",
    ("win.example",),
)  # fmt: skip
CORRECTION = Correction("f-1", "d-1", "c-1", "c-0", True, "ann", 0.5, False, "mal", NOW, b"\x00\xff", ("win.example",))


def test_changes_of_policies_are_counted_and_kept(state: ControlState) -> None:
    policies = state.moderation.policies
    assert (policies.current(), policies.history()) == ([], [])
    first = policies.put(EVERYWHERE, {"exempt_roles": ["ü"]}, "ada", NOW, comment="why")
    second = policies.put(ROOM, {"thresholds": {"flag": 0.4, "block": None}}, "bob", LATER)
    third = policies.put(EVERYWHERE, {}, "bob", LATER, based_on=first.version)
    assert (first.version, second.version, third.version) == (1, 2, 3)
    assert (first.before, first.after, first.by, first.at, first.comment) == (
        {}, {"exempt_roles": ["ü"]}, "ada", NOW, "why",
    )  # fmt: skip
    assert (third.before, third.after) == ({"exempt_roles": ["ü"]}, {})
    assert policies.current() == [second, third]
    assert policies.history() == [third, second, first]
    assert policies.history(limit=1) == [third]
    assert policies.history(ROOM) == [second]
    assert policies.history(HOME) == []


def test_a_policy_is_changed_by_who_has_seen_it_last(state: ControlState) -> None:
    policies = state.moderation.policies
    policies.put(HOME, {"a": 1}, "ada", NOW, based_on=0)
    with pytest.raises(Conflict, match="version 1 now, not 0"):
        policies.put(HOME, {"a": 2}, "bob", NOW, based_on=0)
    assert [change.after for change in policies.history()] == [{"a": 1}]


def test_items_wait_for_a_moderator_the_oldest_first(state: ControlState) -> None:
    reviews = state.moderation.reviews
    second = replace(ITEM, decision_id="d-2", decided_at=LATER, channel="C2", campaign_id="c-2")
    other = replace(ITEM, decision_id="d-3", workspace="W2", campaign_id="")
    reviews.add([second, ITEM, ITEM])
    reviews.add([other, replace(ITEM, content="again")])
    reviews.add([])
    assert reviews.get("d-1") == ITEM
    assert reviews.find(ReviewFilter(), 10) == [ITEM, other, second]
    assert reviews.find(ReviewFilter(), 1) == [ITEM]
    assert reviews.find(ReviewFilter(workspace="W1"), 10) == [ITEM, second]
    assert reviews.find(ReviewFilter(workspace="W1", channel="C2"), 10) == [second]
    assert reviews.find(ReviewFilter(campaign_id="c-1"), 10) == [ITEM]
    assert (reviews.count(ReviewFilter()), reviews.count(ReviewFilter(status=ReviewStatus.REMOVED))) == (3, 0)


def test_an_item_is_resolved_once(state: ControlState) -> None:
    reviews = state.moderation.reviews
    reviews.add([ITEM])
    done = replace(
        ITEM, status=ReviewStatus.RELEASED, resolved_by="ada", resolved_at=LATER, appeal="it is mine", appealed_at=NOW,
        reporters=("a", "b"),
    )  # fmt: skip
    reviews.replace(ITEM, done)
    assert reviews.get("d-1") == done
    assert reviews.find(ReviewFilter(), 10) == []
    assert reviews.find(ReviewFilter(status=None), 10) == [done]
    with pytest.raises(Conflict):
        reviews.replace(ITEM, replace(ITEM, status=ReviewStatus.REMOVED))
    for gone in (lambda: reviews.get("d-9"), lambda: reviews.replace(replace(ITEM, decision_id="d-9"), done)):
        with pytest.raises(NotFound):
            gone()


def test_items_are_forgotten_by_age_and_number_and_erased_by_person(state: ControlState) -> None:
    reviews = state.moderation.reviews
    items = [replace(ITEM, decision_id=f"d-{n}", decided_at=NOW + timedelta(hours=n)) for n in range(6)]
    reviews.add([*items, replace(ITEM, decision_id="d-9", user_id="eve", decided_at=LATER)])
    assert reviews.forget(NOW + timedelta(hours=2), 100) == 2
    assert reviews.forget(NOW, 3) == 2
    assert [item.decision_id for item in reviews.find(ReviewFilter(), 10)] == ["d-4", "d-5", "d-9"]
    assert (reviews.erase("mal"), reviews.erase("mal")) == (2, 0)
    assert [item.user_id for item in reviews.find(ReviewFilter(), 10)] == ["eve"]


def test_corrections_are_kept_one_a_person_and_decision(state: ControlState) -> None:
    corrections = state.moderation.corrections
    other = replace(CORRECTION, correction_id="f-2", by="bob", at=LATER, is_moderator=True)
    again = replace(CORRECTION, correction_id="f-3", is_spam=False, at=LATER)
    for one in (CORRECTION, other):
        corrections.add(one)
    assert corrections.since(NOW, 10) == [CORRECTION, other]
    corrections.add(again)
    assert corrections.since(NOW, 10) == [other, again]
    assert corrections.since(NOW, 1) == [again]
    assert corrections.since(LATER + timedelta(seconds=1), 10) == []


def test_corrections_are_forgotten_and_erased(state: ControlState) -> None:
    corrections = state.moderation.corrections
    for number, by in enumerate(("ann", "bob", "mal")):
        at = NOW + timedelta(days=number)
        corrections.add(replace(CORRECTION, correction_id=f"f-{number}", by=by, author_id=f"author-{number}", at=at))
    assert corrections.forget(LATER) == 1
    assert (corrections.erase("mal"), corrections.erase("author-1")) == (1, 1)
    assert corrections.since(NOW, 10) == []
