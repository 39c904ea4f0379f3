"""The book of policies: scopes inside scopes, versions, and what a change would have done."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from quikapp_ml.entities.decisions import SpamAction
from quikapp_ml.entities.spam_policy import SpamCase, SpamPolicyChange, SpamPolicyFields
from quikapp_ml.errors import Conflict
from quikapp_ml.serving.spam_memory import SpamCheck, SpamMemory
from quikapp_ml.serving.spam_policy import PolicyBook
from quikapp_ml.stores.state.memory import MemoryControlState
from quikapp_ml.stores.state.moderation import PolicyScope

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
EVERYWHERE, HOME, ROOM, ELSEWHERE = PolicyScope(), PolicyScope("W1"), PolicyScope("W1", "C1"), PolicyScope("W2", "C1")


def asked(**fields: Any) -> SpamPolicyChange:
    return SpamPolicyChange(**fields)


def check(number: int, probability: float, action: SpamAction, scope: PolicyScope = ROOM) -> SpamCheck:
    case = SpamCase(probability, 0.0, "mal", channel=scope.channel)
    return SpamCheck(f"d-{number}", NOW.timestamp() + number, scope.workspace, "x", case, action, (), 0, "", None)


def test_a_channel_is_as_what_is_around_it_but_for_what_it_says() -> None:
    book = PolicyBook(MemoryControlState().moderation.policies)
    assert book.holding(ROOM).name == "spam-0"
    book.change(EVERYWHERE, asked(exempt_roles=["admin"], abuse_flagged_from=0.7), "ada", NOW)
    book.change(HOME, asked(abuse_flagged_from=0.8), "ada", NOW)
    book.change(ROOM, asked(thresholds={"hold": 0.6}), "bob", NOW)
    book.change(PolicyScope("", "C1"), asked(abuse_flagged_from=0.6), "bob", NOW)
    held = book.holding(ROOM)
    assert (held.exempt_roles, held.abuse_flagged_from) == (frozenset({"admin"}), 0.6)
    assert held.thresholds == {"hold": 0.6}
    assert held.version == 4
    assert (book.holding(HOME).abuse_flagged_from, book.holding(HOME).version) == (0.8, 2)
    assert (book.holding(ELSEWHERE).abuse_flagged_from, book.holding(ELSEWHERE).version) == (0.6, 4)
    assert book.holding(EVERYWHERE).version == 1


def test_every_change_is_told_and_based_on_what_was_seen() -> None:
    store = MemoryControlState().moderation.policies
    book = PolicyBook(store)
    seen = book.show(ROOM)
    assert (seen.version, seen.own) == (0, {})
    changed = book.change(ROOM, asked(thresholds={"flag": 0.3}, comment="loud", based_on=0), "ada", NOW)
    assert (changed.version, changed.own) == (1, {"thresholds": {"flag": 0.3}})
    with pytest.raises(Conflict):
        book.change(ROOM, asked(based_on=0), "bob", NOW)
    (change,) = book.history(ROOM, 10).changes
    assert (change.by, change.before, change.after, change.comment) == ("ada", {}, changed.own, "loud")
    assert PolicyBook(store).holding(ROOM) == book.holding(ROOM)
    book.change(ROOM, asked(), "ada", NOW)
    assert (book.holding(ROOM).thresholds["flag"], book.holding(ROOM).name) == (0.5, "spam-2")


def test_a_dry_run_counts_what_would_have_happened_in_its_scope() -> None:
    book = PolicyBook(MemoryControlState().moderation.policies)
    checks = [
        check(1, 0.55, "flag"), check(2, 0.97, "hold"), check(3, 0.999, "block"), check(4, 0.1, "allow"),
        check(5, 0.97, "hold", ELSEWHERE),
    ]  # fmt: skip
    fields = SpamPolicyFields(thresholds={"flag": 0.9})  # type: ignore[arg-type]
    found = book.dry_run(HOME, fields, checks)
    assert (found.n_decisions, found.since) == (4, datetime.fromtimestamp(checks[0].at, UTC))
    assert (found.was, found.would_be) == (
        {"flag": 1, "hold": 1, "block": 1, "allow": 1},
        {"allow": 2, "flag": 2},
    )
    assert {(each.was, each.would_be): (each.count, each.decision_ids) for each in found.changes} == {
        ("flag", "allow"): (1, ["d-1"]), ("hold", "flag"): (1, ["d-2"]), ("block", "flag"): (1, ["d-3"]),
    }  # fmt: skip
    assert book.dry_run(EVERYWHERE, fields, checks).n_decisions == 5
    assert book.dry_run(PolicyScope("W3"), fields, checks).since is None
    assert book.holding(ROOM).version == 0


def test_the_memory_of_checks_is_bounded() -> None:
    memory = SpamMemory(max_checks=3)
    for number in range(5):
        memory.add(check(number, 0.1, "allow"))
    assert [each.decision_id for each in memory.all()] == ["d-2", "d-3", "d-4"]
    assert memory.get("d-0") is None


def test_checks_are_known_by_the_message_that_they_were_of() -> None:
    memory = SpamMemory(max_checks=2)
    for number, message_id in enumerate(("m1", "m1", "", "m2")):
        memory.add(replace(check(number, 0.1, "allow"), message_id=message_id))
    assert memory.of_message("C1", "m1") is None
    assert [memory.of_message("C1", "m2"), memory.of_message("C2", "m2")] == [memory.get("d-3"), None]
    assert memory.of_message("C1", "") is None
