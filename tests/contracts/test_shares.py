"""What every control state does with shares and recipients, in memory and in SQL."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from quikapp_ml.errors import AlreadyExists, NotFound
from quikapp_ml.stores.state import open_state
from quikapp_ml.stores.state.base import ControlState
from quikapp_ml.stores.state.database import METADATA
from quikapp_ml.stores.state.shares import Recipient, RecipientToken, Share, ShareChange, SharedTable

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def share(name: str) -> Share:
    return Share(name, f"id of {name}", NOW, "owner", "what it is for")


def table(schema: str, name: str) -> SharedTable:
    return SharedTable(schema, name, f"quikapp_ml.{schema}.{name}", f"id of {name}", NOW, "somebody", "why", True, 3)


def token(digest: str, expires_at: datetime | None = LATER) -> RecipientToken:
    return RecipientToken(f"id of {digest}", digest, NOW, expires_at)


def recipient(name: str, *tokens: RecipientToken) -> Recipient:
    return Recipient(name, f"id of {name}", NOW, "owner", "who it is", tokens)


def add(state: ControlState, name: str, added: SharedTable) -> None:
    state.shares.change(name, ShareChange(added=(added,)))


def remove(state: ControlState, name: str, removed: tuple[str, str]) -> None:
    state.shares.change(name, ShareChange(removed=(removed,)))


def test_a_share_comes_back_as_it_was_given(state: ControlState) -> None:
    state.shares.create(share("sales"))
    assert state.shares.share("sales") == share("sales")


def test_shares_recipients_and_tables_are_in_the_order_of_their_names(state: ControlState) -> None:
    for name in ("b", "ab", "a_b", "c", "a-b", "a"):
        state.shares.create(share(name))
        state.recipients.create(recipient(name))
    for schema, name in (("s", "b"), ("a", "z"), ("s", "a")):
        add(state, "b", table(schema, name))
    names = ["a", "a-b", "a_b", "ab", "b", "c"]
    assert [each.name for each in state.shares.all()] == [each.name for each in state.recipients.all()] == names
    assert state.shares.share("b").tables == (table("a", "z"), table("s", "a"), table("s", "b"))


def test_a_name_is_taken_once(state: ControlState) -> None:
    state.shares.create(share("sales"))
    add(state, "sales", table("s", "t"))
    state.recipients.create(recipient("acme"))
    with pytest.raises(AlreadyExists):
        state.shares.create(share("sales"))
    with pytest.raises(AlreadyExists):
        add(state, "sales", table("s", "t"))
    with pytest.raises(AlreadyExists):
        state.recipients.create(recipient("acme"))


def test_a_table_leaves_its_share_alone(state: ControlState) -> None:
    state.shares.create(share("sales"))
    add(state, "sales", table("s", "t"))
    add(state, "sales", table("s", "u"))
    remove(state, "sales", ("s", "t"))
    assert state.shares.share("sales").tables == (table("s", "u"),)
    with pytest.raises(NotFound):
        remove(state, "sales", ("s", "t"))


def test_a_change_is_made_whole_or_not_at_all(state: ControlState) -> None:
    state.shares.create(share("sales"))
    add(state, "sales", table("s", "t"))
    before = state.shares.share("sales")
    for broken in (
        ShareChange(comment="new", removed=(("s", "t"), ("s", "missing"))),
        ShareChange(owner="she", removed=(("s", "t"),), added=(table("s", "u"), table("s", "u"))),
    ):
        with pytest.raises((NotFound, AlreadyExists)):
            state.shares.change("sales", broken)
        assert state.shares.share("sales") == before
    state.recipients.create(recipient("acme"))
    with pytest.raises(NotFound):
        state.shares.change_grants("sales", ["acme", "missing"], [])
    assert state.shares.share("sales").recipients == ()


def test_a_table_is_replaced_in_one_change(state: ControlState) -> None:
    state.shares.create(share("sales"))
    add(state, "sales", table("s", "t"))
    other = replace(table("s", "t"), with_history=False)
    assert state.shares.change("sales", ShareChange(removed=(("s", "t"),), added=(other,))).tables == (other,)


def test_who_is_granted_and_revoked_at_once_may_not_read(state: ControlState) -> None:
    state.shares.create(share("sales"))
    state.recipients.create(recipient("acme"))
    assert state.shares.change_grants("sales", ["acme", "acme"], ["acme"]).recipients == ()
    assert state.shares.change_grants("sales", ["acme", "acme"], []).recipients == ("acme",)


def test_a_grant_is_seen_from_both_sides_and_taken_back(state: ControlState) -> None:
    for name in ("sales", "other"):
        state.shares.create(share(name))
    state.recipients.create(recipient("acme"))
    state.shares.change_grants("sales", ["acme"], [])
    state.shares.change_grants("sales", ["acme"], [])
    assert state.shares.share("sales").recipients == ("acme",)
    assert state.recipients.recipient("acme").shares == ("sales",)
    assert state.shares.share("other").recipients == ()
    state.shares.change_grants("sales", [], ["acme"])
    state.shares.change_grants("sales", [], ["acme"])
    assert state.shares.share("sales").recipients == state.recipients.recipient("acme").shares == ()


def test_what_is_removed_takes_its_grants_along(state: ControlState) -> None:
    for name in ("sales", "other"):
        state.shares.create(share(name))
        add(state, name, table("s", "t"))
    for name in ("acme", "initech"):
        state.recipients.create(recipient(name, token(f"digest of {name}")))
        for granted in ("sales", "other"):
            state.shares.change_grants(granted, [name], [])
    state.shares.remove("sales")
    state.recipients.remove("acme")
    assert state.recipients.recipient("initech").shares == ("other",)
    assert state.shares.share("other").recipients == ("initech",)
    assert state.recipients.by_digest("digest of acme") is None
    state.shares.create(share("sales"))
    assert state.shares.share("sales") == share("sales"), "a new share must not inherit tables or grants"
    state.recipients.create(recipient("acme"))
    assert state.recipients.recipient("acme") == recipient("acme"), "nor a new recipient tokens or grants"


def test_what_is_said_can_be_changed(state: ControlState) -> None:
    state.shares.create(share("sales"))
    state.recipients.create(recipient("acme"))
    assert state.shares.change("sales", ShareChange(owner="she")) == replace(share("sales"), owner="she")
    assert state.shares.change("sales", ShareChange(comment="")).comment == state.shares.share("sales").comment == ""
    assert (state.recipients.describe("acme", "he", "").owner, state.recipients.recipient("acme").comment) == ("he", "")


def test_a_recipient_is_found_by_the_digest_of_any_token(state: ControlState) -> None:
    state.recipients.create(recipient("acme", token("one"), token("two", None)))
    state.recipients.create(recipient("initech", token("three")))
    found = [state.recipients.by_digest(digest) for digest in ("one", "two", "three", "four")]
    assert [each and each.name for each in found] == ["acme", "acme", "initech", None]


def test_rotation_shortens_what_would_live_longer_and_adds_the_successor(state: ControlState) -> None:
    soon = NOW + timedelta(hours=1)
    ended = NOW - timedelta(hours=1)
    state.recipients.create(recipient("acme", token("1", None), token("2", LATER), token("3", ended)))
    state.recipients.create(recipient("initech", token("4")))
    rotated = state.recipients.expire_tokens("acme", soon, token("5"))
    assert [(each.digest, each.expires_at) for each in rotated.tokens] == [
        ("1", soon),
        ("2", soon),
        ("3", ended),
        ("5", LATER),
    ]
    assert rotated == state.recipients.recipient("acme")
    assert state.recipients.recipient("initech").tokens == (token("4"),)


def test_a_token_is_fetched_once(state: ControlState) -> None:
    waiting = replace(token("pending"), activation="code")
    state.recipients.create(recipient("acme", token("1"), waiting))
    state.recipients.create(recipient("initech", token("2")))
    fetched = state.recipients.activate("code", "3")
    assert fetched.name == "acme" and [each.digest for each in fetched.tokens if not each.activation] == ["1", "3"]
    assert state.recipients.by_digest("3") == fetched == state.recipients.recipient("acme")
    assert state.recipients.by_digest("pending") is None
    with pytest.raises(NotFound):
        state.recipients.activate("code", "4")


def test_a_token_is_valid_until_its_end_and_not_at_it() -> None:
    assert token("t", LATER).is_valid(LATER - timedelta(microseconds=1))
    assert not token("t", LATER).is_valid(LATER)
    assert token("t", None).is_valid(LATER)


def test_what_does_not_exist_is_not_found(state: ControlState) -> None:
    state.shares.create(share("sales"))
    state.recipients.create(recipient("acme"))
    shares, recipients = state.shares, state.recipients
    attempts: tuple[Callable[[], object], ...] = (
        lambda: shares.share("x"),
        lambda: shares.remove("x"),
        lambda: shares.change("x", ShareChange()),
        lambda: shares.change("sales", ShareChange(removed=(("s", "t"),))),
        lambda: shares.change_grants("x", ["acme"], []),
        lambda: shares.change_grants("sales", ["x"], []),
        lambda: shares.change_grants("sales", [], ["x"]),
        lambda: recipients.activate("x", "digest"),
        lambda: recipients.activate("", "digest"),
        lambda: recipients.recipient("x"),
        lambda: recipients.remove("x"),
        lambda: recipients.describe("x", "", ""),
        lambda: recipients.expire_tokens("x", NOW),
    )
    for attempt in attempts:
        with pytest.raises(NotFound):
            attempt()


def test_shares_outlive_the_process_that_made_them(url: str) -> None:
    first = open_state(url)
    first.shares.create(share("sales"))
    first.close()
    second = open_state(url)
    assert second.shares.all() == [share("sales")]
    second.close()


def test_reading_waits_for_nobody_who_writes(url: str) -> None:
    """A pipeline may hold the write lock; a request must be answered all the same."""
    state, writer = open_state(url), open_state(url)
    state.shares.create(share("sales"))
    found: list[Share] = []
    with writer.shares._engine.begin() as connection:  # type: ignore[attr-defined]
        connection.execute(METADATA.tables["shares"].delete())
        reader = threading.Thread(target=lambda: found.append(state.shares.share("sales")))
        reader.start()
        reader.join(timeout=5)
        assert found == [share("sales")]
    state.close()
    writer.close()
