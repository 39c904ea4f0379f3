"""The fold of events: what holds, who is where, who may see what; and that the order of arrival changes none of it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.entities.activities import Activity
from quikapp_ml.entities.events import Event, parse_event
from quikapp_ml.errors import InvalidInput
from quikapp_ml.features.message_log import MessageLog
from quikapp_ml.features.workspace import Workspace
from support.logs import folded, late, random_log

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)

PEOPLE = ("ann", "bob", "cid")
CHANNELS = ("red", "blue")


def event(kind: str, minute: float, user_id: str, **fields: Any) -> Event:
    at = START + timedelta(minutes=minute)
    given = {"event_id": f"{kind}-{minute}-{user_id}", "type": kind, "event_time": at.isoformat(), "user_id": user_id}
    return parse_event({**given, **fields}, now=LATEST)


def seconds(minute: float) -> float:
    return (START + timedelta(minutes=minute)).timestamp()


def after(*events: Event) -> Workspace:
    workspace = Workspace()
    for one in events:
        workspace.apply(one)
    return workspace


def message(minute: float, user_id: str, message_id: str, **fields: Any) -> Event:
    return event("message", minute, user_id, **{"channel_id": "red", "message_id": message_id, **fields})


class TestWhoIsWhere:
    @pytest.mark.parametrize(
        "told",
        [
            event("join", 1, "ann", channel_id="red"),
            event("message", 1, "ann", channel_id="red", message_id="m"),
            event("channel_created", 1, "ann", channel_id="red", name="Red"),
        ],
        ids=lambda told: told.type,
    )
    def test_what_makes_a_member(self, told: Event) -> None:
        workspace = after(told)
        assert workspace.members_of("red") == {"ann"}
        assert workspace.channels_of("ann") == {"red"}

    def test_looking_into_a_channel_makes_no_member_neither_before_it_is_private_nor_after_leaving(self) -> None:
        created = event("channel_created", 1, "ann", channel_id="red", name="Red")
        looked = event("read", 2, "bob", channel_id="red")
        hidden = event("channel_made_private", 3, "ann", channel_id="red")
        assert not after(created, looked, hidden).may_see("bob", "red")
        join, leave = event("join", 4, "bob", channel_id="red"), event("leave", 5, "bob", channel_id="red")
        late = event("read", 6, "bob", channel_id="red")
        assert after(created, hidden, join, leave, late).members_of("red") == {"ann"}

    def test_a_reaction_makes_no_member(self) -> None:
        workspace = after(event("reaction", 1, "ann", channel_id="red", message_id="m", reaction="tada"))
        assert workspace.members_of("red") == set()

    def test_leaving_ends_it_whatever_arrives_first(self) -> None:
        join, leave = event("join", 1, "ann", channel_id="red"), event("leave", 2, "ann", channel_id="red")
        assert after(join, leave).members_of("red") == after(leave, join).members_of("red") == set()

    def test_who_leaves_in_the_minute_of_joining_is_gone(self) -> None:
        join, leave = event("join", 1, "ann", channel_id="red"), event("leave", 1, "ann", channel_id="red")
        assert after(join, leave).members_of("red") == after(leave, join).members_of("red") == set()

    def test_people_who_are_gone_are_nowhere_until_they_are_back(self) -> None:
        join = event("join", 1, "ann", channel_id="red")
        gone = event("user_updated", 2, "ann", is_deleted=True)
        wrote = event("message", 3, "ann", channel_id="blue", message_id="m")
        back = event("user_updated", 4, "ann")
        workspace = after(join, gone, wrote)
        assert (workspace.channels_of("ann"), workspace.members_of("red")) == (set(), set())
        workspace.apply(back)
        assert workspace.channels_of("ann") == {"red", "blue"}


class TestWhoMaySeeWhat:
    created = event("channel_created", 1, "ann", channel_id="red", name="Red")
    created_private = event("channel_created", 1, "ann", channel_id="red", name="Red", is_private=True)
    hidden = event("channel_made_private", 2, "ann", channel_id="red")
    opened = event("channel_made_private", 3, "ann", channel_id="red", removed=True)

    def test_all_see_a_public_channel_even_people_never_seen(self) -> None:
        assert after(self.created).may_see("stranger", "red")

    def test_members_alone_see_a_private_channel(self) -> None:
        for workspace in (
            after(self.created_private),
            after(self.created, self.hidden),
            after(self.hidden, self.created),
        ):
            assert workspace.may_see("ann", "red")
            assert not workspace.may_see("stranger", "red")

    def test_a_private_channel_can_be_opened_to_all(self) -> None:
        assert after(self.opened, self.hidden, self.created).may_see("stranger", "red")

    def test_members_alone_see_a_channel_whose_creation_was_never_seen(self) -> None:
        workspace = after(
            event("join", 1, "ann", channel_id="red"), event("channel_renamed", 2, "ann", channel_id="red", name="Red")
        )
        assert workspace.may_see("ann", "red")
        assert not workspace.may_see("bob", "red")
        assert not workspace.channels["red"].is_known

    def test_opening_a_channel_whose_creation_was_never_seen_does_not_show_it(self) -> None:
        assert not after(self.opened).may_see("bob", "red")

    def test_nobody_sees_a_channel_that_does_not_exist(self) -> None:
        assert not after(self.created).may_see("ann", "green")

    def test_a_guest_sees_the_channels_they_are_in(self) -> None:
        guest = event("role_changed", 1, "bob", role="guest")
        workspace = after(self.created, guest, event("channel_created", 2, "ann", channel_id="blue", name="Blue"))
        workspace.apply(event("join", 3, "bob", channel_id="red"))
        assert workspace.may_see("bob", "red")
        assert not workspace.may_see("bob", "blue")

    def test_who_is_gone_sees_nothing(self) -> None:
        assert not after(self.created, event("user_updated", 2, "ann", is_deleted=True)).may_see("ann", "red")


class TestMutesAndBlocks:
    def test_channels_and_people_are_muted_and_unmuted(self) -> None:
        workspace = after(
            event("mute", 1, "ann", channel_id="red"),
            event("mute", 1, "ann", target_user_id="bob"),
            event("mute", 2, "ann", target_user_id="bob", removed=True),
        )
        assert workspace.is_muted("ann", channel_id="red")
        assert not workspace.is_muted("ann", channel_id="blue")
        assert not workspace.is_muted("ann", other_user_id="bob")
        assert not workspace.is_muted("bob", other_user_id="ann")
        assert not workspace.is_muted("stranger", channel_id="red")

    def test_a_block_works_both_ways_until_it_is_taken_back(self) -> None:
        workspace = after(event("block", 1, "ann", target_user_id="bob"))
        assert workspace.is_blocked("ann", "bob") and workspace.is_blocked("bob", "ann")
        assert not workspace.is_blocked("ann", "cid")
        workspace.apply(event("block", 2, "ann", target_user_id="bob", removed=True))
        assert not workspace.is_blocked("bob", "ann")


class TestPeopleAndChannels:
    def test_what_is_known_of_a_person(self) -> None:
        workspace = after(
            event("user_updated", 1, "ann", name="Ann", team="Design", title="Lead"),
            event("role_changed", 2, "ann", role="admin"),
            event("user_updated", 3, "ann", team="Sales"),
            event("read", 5, "ann", channel_id="red"),
            event("read", 4, "ann", channel_id="red"),
            event("user_updated", 9, "ann"),
        )
        ann = workspace.people["ann"]
        assert (ann.name, ann.team, ann.title, ann.role) == ("Ann", "Sales", "Lead", "admin")
        assert (ann.first_seen_at, ann.last_seen_at) == (seconds(1), seconds(5))
        assert not ann.is_bot and not ann.is_deleted

    def test_somebody_who_was_only_announced_was_never_seen(self) -> None:
        assert after(event("user_updated", 1, "ann", name="Ann")).people["ann"].last_seen_at is None

    def test_bots_show_by_their_messages_too(self) -> None:
        assert after(message(1, "helper", "m", is_bot=True)).people["helper"].is_bot
        assert after(event("user_updated", 1, "helper", is_bot=True)).people["helper"].is_bot

    def test_what_is_known_of_a_channel(self) -> None:
        told = [
            event("channel_created", 1, "ann", channel_id="red", name="Red", topic="colours"),
            event("channel_renamed", 3, "bob", channel_id="red", name="Crimson"),
            event("channel_renamed", 2, "bob", channel_id="red", name="Scarlet"),
            event("channel_topic_set", 2, "bob", channel_id="red", topic="shades"),
            event("channel_archived", 4, "bob", channel_id="red"),
        ]
        for order in (told, told[::-1]):
            red = after(*order).channels["red"]
            assert (red.name, red.topic, red.creator_id, red.created_at) == ("Crimson", "shades", "ann", seconds(1))
            assert red.is_archived and red.is_known and not red.is_private

    def test_an_archived_channel_can_be_opened_again(self) -> None:
        archived = event("channel_archived", 1, "ann", channel_id="red")
        again = event("channel_archived", 2, "ann", channel_id="red", removed=True)
        assert not after(again, archived).channels["red"].is_archived


class TestActivities:
    def test_posting_answering_and_naming(self) -> None:
        workspace = after(message(1, "ann", "root"))
        text = "<@cid> and <@ann|Ann>, <@cid> and <@bob>"
        assert workspace.apply(message(2, "bob", "answer", thread_id="root", content=text)) == [
            Activity("posted", seconds(2), "bob", "red", "answer"),
            Activity("replied", seconds(2), "bob", "red", "root", "ann", value=60.0),
            Activity("mentioned", seconds(2), "bob", "red", "answer", "cid"),
            Activity("mentioned", seconds(2), "bob", "red", "answer", "ann"),
        ]

    def test_reacting_reading_joining_leaving_reporting(self) -> None:
        workspace = after(message(1, "ann", "m"))
        place = {"channel_id": "red", "message_id": "m"}
        for kind, told in (
            ("reacted", event("reaction", 2, "bob", reaction="tada", **place)),
            ("reported", event("report", 2, "bob", **place)),
        ):
            assert workspace.apply(told) == [Activity(kind, seconds(2), "bob", "red", "m", "ann")]  # type: ignore[arg-type]
        assert workspace.apply(event("read", 2, "bob", **place)) == [Activity("read", seconds(2), "bob", "red", "m")]
        assert workspace.apply(event("join", 2, "bob", channel_id="red")) == [
            Activity("joined", seconds(2), "bob", "red")
        ]
        assert workspace.apply(event("leave", 3, "bob", channel_id="red")) == [
            Activity("left", seconds(3), "bob", "red")
        ]

    def test_nobody_is_other_to_themselves(self) -> None:
        workspace = after(message(1, "ann", "m"))
        own = workspace.apply(message(2, "ann", "m2", thread_id="m", content="I, <@ann>"))
        assert own == [
            Activity("posted", seconds(2), "ann", "red", "m2"),
            Activity("replied", seconds(2), "ann", "red", "m", None),
        ]

    def test_the_first_message_of_a_thread_is_no_answer_to_itself(self) -> None:
        workspace = Workspace()
        assert [one.kind for one in workspace.apply(message(1, "ann", "m", thread_id="m"))] == ["posted"]
        found = workspace.message("red", "m")
        assert found is not None and found.thread_id is None

    def test_taking_a_reaction_off_is_no_activity(self) -> None:
        workspace = after(message(1, "ann", "m"))
        off = event("reaction", 2, "bob", channel_id="red", message_id="m", reaction="tada", removed=True)
        assert workspace.apply(off) == []

    def test_a_message_sent_again_counts_once(self) -> None:
        workspace = after(message(1, "ann", "m"))
        assert workspace.apply(message(1, "ann", "m")) == []

    def test_an_author_known_later_completes_what_came_before(self) -> None:
        workspace = Workspace()
        place = {"channel_id": "red", "message_id": "m"}
        early = [
            *workspace.apply(event("reaction", 2, "bob", reaction="tada", **place)),
            *workspace.apply(message(3, "cid", "answer", thread_id="m")),
            *workspace.apply(event("report", 4, "ann", **place)),
        ]
        assert all(one.other_user_id is None for one in early)
        assert workspace.apply(message(1, "ann", "m")) == [
            Activity("posted", seconds(1), "ann", "red", "m"),
            Activity("reacted", seconds(2), "bob", "red", "m", "ann", completes=True),
            Activity("replied", seconds(3), "cid", "red", "m", "ann", completes=True, value=120.0),
        ]

    def test_an_answer_dated_before_its_question_has_no_value(self) -> None:
        workspace = after(message(5, "ann", "m"))
        *_, replied = workspace.apply(message(4, "bob", "answer", thread_id="m"))
        assert (replied.kind, replied.other_user_id, replied.value) == ("replied", "ann", None)

    def test_edits_and_settings_are_no_activities(self) -> None:
        workspace = after(message(1, "ann", "m"))
        for told in (
            event("edit", 2, "ann", channel_id="red", message_id="m", content="<@bob>"),
            event("delete", 2, "ann", channel_id="red", message_id="m"),
            event("mute", 2, "ann", channel_id="red"),
            event("block", 2, "ann", target_user_id="bob"),
            event("role_changed", 2, "ann", role="admin"),
        ):
            assert workspace.apply(told) == []


class TestMessages:
    def test_what_is_known_of_a_message(self) -> None:
        workspace = after(
            message(1, "ann", "m"),
            message(2, "bob", "m2", thread_id="m", is_bot=True),
            event("reaction", 3, "bob", channel_id="red", message_id="m", reaction="tada"),
            event("report", 3, "cid", channel_id="red", message_id="m"),
        )
        found, answer = workspace.message("red", "m"), workspace.message("red", "m2")
        assert found is not None and answer is not None
        assert (found.author_id, found.posted_at, found.thread_id) == ("ann", seconds(1), None)
        assert (found.n_replies, found.n_reactions, found.n_reports, found.is_bot) == (1, 1, 1, False)
        assert (answer.thread_id, answer.is_bot) == ("m", True)
        assert workspace.message("blue", "m") is None

    def test_a_deleted_message_is_not_recent_whatever_arrives_first(self) -> None:
        gone = event("delete", 2, "ann", channel_id="red", message_id="m")
        for workspace in (after(message(1, "ann", "m"), gone), after(gone, message(1, "ann", "m"))):
            assert workspace.recent_messages("red", 10) == []
            found = workspace.message("red", "m")
            assert found is not None and found.is_deleted

    def test_beyond_the_bound_a_message_is_unknown(self) -> None:
        workspace = Workspace(MessageLog(per_channel=2))
        for number in range(3):
            workspace.apply(message(number, "ann", f"m{number}"))
        assert workspace.message("red", "m0") is None
        assert [one.message_id for one in workspace.recent_messages("red", 10)] == ["m2", "m1"]

    def test_no_text_is_kept(self) -> None:
        workspace = after(message(1, "ann", "m", content="a secret <@bob>"))
        documents = [document for one in workspace.changes().values() for document in one.values() if document]
        assert documents and not any(b"secret" in document for document in documents)


minutes = st.integers(0, 5)
told_events = st.one_of(
    st.builds(
        lambda kind, minute, user_id, channel_id: event(kind, minute, user_id, channel_id=channel_id),
        st.sampled_from(["join", "leave", "read"]), minutes, st.sampled_from(PEOPLE), st.sampled_from(CHANNELS),
    ),
    st.builds(
        lambda minute, user_id, channel_id, private: event(
            "channel_created", minute, user_id, channel_id=channel_id, name=f"{user_id}{minute}", is_private=private
        ),
        minutes, st.sampled_from(PEOPLE), st.sampled_from(CHANNELS), st.booleans(),
    ),
    st.builds(
        lambda kind, minute, channel_id, removed: event(kind, minute, "ann", channel_id=channel_id, removed=removed),
        st.sampled_from(["channel_made_private", "channel_archived", "mute"]), minutes, st.sampled_from(CHANNELS),
        st.booleans(),
    ),
    st.builds(
        lambda kind, minute, removed: event(kind, minute, "ann", target_user_id="bob", removed=removed),
        st.sampled_from(["mute", "block"]), minutes, st.booleans(),
    ),
    st.builds(
        lambda minute, user_id, gone: event("user_updated", minute, user_id, is_deleted=gone),
        minutes, st.sampled_from(PEOPLE), st.booleans(),
    ),
    st.builds(
        lambda minute, user_id, role: event("role_changed", minute, user_id, role=role),
        minutes, st.sampled_from(PEOPLE), st.sampled_from(["guest", "member"]),
    ),
)  # fmt: skip


def answers_of(workspace: Workspace) -> dict[str, object]:
    """Everything that decides about what may be shown to whom."""
    return {
        "members": {channel_id: set(workspace.members_of(channel_id)) for channel_id in CHANNELS},
        "memberships": {user_id: set(workspace.channels_of(user_id)) for user_id in PEOPLE},
        "sees": [workspace.may_see(user_id, channel_id) for user_id in (*PEOPLE, "eve") for channel_id in CHANNELS],
        "mutes": [
            workspace.is_muted(user_id, channel_id=channel_id) for user_id in PEOPLE for channel_id in CHANNELS
        ],
        "muted": [workspace.is_muted(one, other_user_id=other) for one in PEOPLE for other in PEOPLE],
        "blocked": [workspace.is_blocked(one, other) for one in PEOPLE for other in PEOPLE],
        "channels": {
            channel_id: (one.name, one.topic, one.is_private, one.is_archived, one.creator_id, one.created_at)
            for channel_id, one in workspace.channels.items()
        },
        "people": {
            user_id: (one.role, one.is_deleted, one.is_bot, one.first_seen_at, one.last_seen_at)
            for user_id, one in workspace.people.items()
        },
    }  # fmt: skip


@given(st.lists(told_events, max_size=12).flatmap(lambda told: st.tuples(st.just(told), st.permutations(told))))
def test_the_order_of_arrival_does_not_matter(told: tuple[Sequence[Event], Sequence[Event]]) -> None:
    one, other = (after(*order) for order in told)
    assert answers_of(one) == answers_of(other)


def test_late_events_lead_to_the_same_messages() -> None:
    events = random_log(seed=3, n_events=600)
    in_order, arrived = folded(events)[0], folded(late(events, seed=4, most_places=400))[0]
    for channel_id in in_order.channels:
        assert told_of(arrived, channel_id) == told_of(in_order, channel_id)
    assert any(in_order.recent_messages(channel_id, 1) for channel_id in in_order.channels)


@given(st.lists(told_events, max_size=12), st.lists(told_events, max_size=6))
def test_documents_restore_exactly_and_go_on_alike(before: list[Event], behind: list[Event]) -> None:
    kept = after(*before)
    restored = restored_from(kept)
    assert answers_of(restored) == answers_of(kept)
    for one in behind:
        assert restored.apply(one) == kept.apply(one)
    assert answers_of(restored) == answers_of(kept)


def test_documents_restore_messages_and_go_on_alike() -> None:
    events = late(random_log(seed=8, n_events=800), seed=9, most_places=300)
    kept = folded(events[:500])[0]
    restored = restored_from(kept)
    for one in events[500:]:
        assert restored.apply(one) == kept.apply(one)
    for channel_id in kept.channels:
        assert told_of(restored, channel_id) == told_of(kept, channel_id)


def told_of(workspace: Workspace, channel_id: str) -> list[tuple[object, ...]]:
    """Everything that is known of the messages of a channel."""
    return [
        (
            one.message_id, one.author_id, one.thread_id, one.posted_at, one.is_bot, one.n_reactions, one.n_replies,
            one.reactions, one.reporters, one.waiting,
        )
        for one in workspace.recent_messages(channel_id, 1_000)
    ]  # fmt: skip


def restored_from(kept: Workspace) -> Workspace:
    restored = Workspace()
    for namespace, documents in kept.changes().items():
        restored.load(namespace, [(key, document) for key, document in documents.items() if document is not None])
    return restored


def test_changes_hold_only_what_changed() -> None:
    workspace = after(message(1, "ann", "m"), message(1, "bob", "m2"))
    assert {namespace: set(documents) for namespace, documents in workspace.changes().items()} == {
        "people": {"ann", "bob"},
        "channels": {"red"},
        "messages": {"red\tm", "red\tm2"},
    }
    assert workspace.changes() == {}
    workspace.apply(event("read", 2, "bob", channel_id="red"))
    assert {namespace: set(documents) for namespace, documents in workspace.changes().items()} == {"people": {"bob"}}


def test_an_unknown_namespace_is_named() -> None:
    with pytest.raises(InvalidInput, match="unknown namespace 'nothing'; known are people, channels, messages"):
        Workspace().load("nothing", [])
