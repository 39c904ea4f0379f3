from collections.abc import Callable
from typing import Any

import pytest

from quikapp_ml.importers.slack.archive import BrokenPart
from quikapp_ml.importers.slack.entries import EntryReader, author_of

TS = "1600100000.000100"
LATER = "1600100060.000200"
EventsOfDay = Callable[..., list[dict[str, Any]]]


def _entry(**more: Any) -> dict[str, Any]:
    return {"type": "message", "user": "UADA", "text": "hi", "ts": TS, **more}


def _told(event: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key not in ("event_id", "event_time")}


def test_a_message(events_of_day: EventsOfDay) -> None:
    assert events_of_day(_entry(client_msg_id="x", team="T1", blocks=[])) == [
        {
            "event_id": f"slack:C1:{TS}:message",
            "type": "message",
            "event_time": "2020-09-14T16:13:20.000100+00:00",
            "user_id": "UADA",
            "channel_id": "C1",
            "message_id": f"C1-{TS}",
            "content": "hi",
        }
    ]


@pytest.mark.parametrize(
    "subtype", ["me_message", "file_share", "thread_broadcast", "reply_broadcast", "huddle_thread"]
)
def test_other_ways_to_say_something(events_of_day: EventsOfDay, subtype: str) -> None:
    (event,) = events_of_day(_entry(subtype=subtype))

    assert (event["type"], event["content"], event["user_id"]) == ("message", "hi", "UADA")


def test_answers_name_the_first_message_and_the_first_does_not(events_of_day: EventsOfDay) -> None:
    first, answer, broadcast = events_of_day(
        _entry(thread_ts=TS, reply_count=1, replies=[{"user": "UBO", "ts": LATER}]),
        _entry(ts=LATER, user="UBO", thread_ts=TS),
        _entry(ts="1600100070.000300", user="UBO", thread_ts=TS, subtype="thread_broadcast", root={"ts": TS}),
    )

    assert "thread_id" not in first
    assert answer["thread_id"] == broadcast["thread_id"] == first["message_id"]


def test_an_edit_is_told_at_its_own_time(events_of_day: EventsOfDay) -> None:
    message, edit = events_of_day(_entry(edited={"user": "UBO", "ts": LATER}))

    assert message["type"] == "message"
    assert _told(edit) == {
        "type": "edit", "user_id": "UBO", "channel_id": "C1", "message_id": f"C1-{TS}", "content": "hi",
    }  # fmt: skip
    assert edit["event_time"] == "2020-09-14T16:14:20.000200+00:00"


def test_reactions_are_one_event_a_person_one_second_after_the_message(events_of_day: EventsOfDay) -> None:
    reactions = [{"name": "tada", "users": ["UADA", "UBO"], "count": 3}, {"name": "+1::skin-tone-2", "users": ["UBO"]}]

    _, *given = events_of_day(_entry(reactions=reactions))

    assert [(event["user_id"], event["reaction"]) for event in given] == [
        ("UADA", "tada"), ("UBO", "tada"), ("UBO", "+1::skin-tone-2"),
    ]  # fmt: skip
    assert {event["event_time"] for event in given} == {"2020-09-14T16:13:21.000100+00:00"}


@pytest.mark.parametrize(
    ("subtype", "kind", "more"),
    [
        ("channel_join", "join", {}),
        ("group_join", "join", {"inviter": "UBO"}),
        ("channel_leave", "leave", {}),
        ("group_leave", "leave", {}),
        ("channel_archive", "channel_archived", {"members": ["UADA"]}),
    ],
)
def test_comings_and_goings(events_of_day: EventsOfDay, subtype: str, kind: str, more: dict[str, Any]) -> None:
    event = events_of_day(_entry(subtype=subtype, text="<@UADA> …", **more))[0]

    assert _told(event) == {"type": kind, "user_id": "UADA", "channel_id": "C1"}


@pytest.mark.parametrize(
    ("subtype", "kind"),
    [
        ("channel_unarchive", "channel_archived"),
        ("group_unarchive", "channel_archived"),
        ("channel_convert_to_public", "channel_made_private"),
    ],
)
def test_what_is_undone(events_of_day: EventsOfDay, subtype: str, kind: str) -> None:
    (event,) = events_of_day(_entry(subtype=subtype))

    assert (event["type"], event["removed"]) == (kind, True)


def test_a_channel_becomes_private(events_of_day: EventsOfDay) -> None:
    (event,) = events_of_day(_entry(subtype="channel_convert_to_private"))

    assert _told(event) == {"type": "channel_made_private", "user_id": "UADA", "channel_id": "C1"}


def test_a_channel_is_renamed(events_of_day: EventsOfDay) -> None:
    (event,) = events_of_day(_entry(subtype="channel_name", old_name="all", name="general"))

    assert (event["type"], event["name"]) == ("channel_renamed", "general")


def test_the_purpose_stands_in_while_there_is_no_topic(events_of_day: EventsOfDay) -> None:
    events = events_of_day(
        _entry(subtype="channel_purpose", purpose="talk &amp; tea"),
        _entry(subtype="channel_topic", topic="release", ts=LATER),
        _entry(subtype="channel_purpose", purpose="talk", ts="1600100070.000300"),
        _entry(subtype="channel_topic", topic="", ts="1600100080.000300"),
    )

    assert [event["topic"] for event in events] == ["talk & tea", "release", "release", "talk"]


def test_changes_and_deletions_of_compliance_exports(events_of_day: EventsOfDay) -> None:
    message, edit, deletion = events_of_day(
        _entry(),
        {"subtype": "message_changed", "ts": LATER, "message": {"user": "UADA", "text": "hi!", "ts": TS}},
        {"subtype": "message_deleted", "ts": "1600100070.0001", "deleted_ts": TS, "previous_message": {"user": "UADA"}},
    )

    assert (edit["type"], edit["content"], edit["user_id"]) == ("edit", "hi!", "UADA")
    assert (deletion["type"], deletion["user_id"]) == ("delete", "UADA")
    assert message["message_id"] == edit["message_id"] == deletion["message_id"]


def test_a_tombstone_is_a_deleted_message(events_of_day: EventsOfDay) -> None:
    text = "This message was deleted."
    (event,) = events_of_day(_entry(subtype="tombstone", user="USLACKBOT", hidden=True, text=text, thread_ts=TS))

    assert _told(event) == {
        "type": "delete", "user_id": "USLACKBOT", "channel_id": "C1", "message_id": f"C1-{TS}",
    }  # fmt: skip


def test_bots_are_told_apart(events_of_day: EventsOfDay) -> None:
    by_account, by_hook, by_name, by_person = events_of_day(
        _entry(user="UCI", bot_id="B1", bot_profile={"id": "B1", "name": "CI"}),
        {"subtype": "bot_message", "bot_id": "B2", "username": "github", "text": "push", "ts": LATER},
        {"subtype": "bot_message", "username": "Old Hook", "text": "old", "ts": "1600100070.000300"},
        _entry(user="UBO", bot_id="B9", ts="1600100080.000300"),
    )

    assert by_account["is_bot"]
    assert (by_hook["user_id"], by_hook["is_bot"]) == ("B2", True)
    assert (by_name["user_id"], by_name["is_bot"]) == ("bot:Old Hook", True)
    assert "is_bot" not in by_person


@pytest.mark.parametrize(
    ("entry", "author"),
    [
        ({"user": "U1", "bot_id": "B1"}, "U1"),
        ({"user": None, "bot_id": "B1"}, "B1"),
        ({"comment": {"user": "U2"}}, "U2"),
        ({"message": {"user": "U3"}}, "U3"),
        ({"previous_message": {"bot_id": "B4"}}, "B4"),
        ({"username": "hook"}, "bot:hook"),
        ({"user": {"id": "U1"}, "comment": "x"}, None),
        ({}, None),
    ],
)
def test_who_an_entry_is_by(entry: dict[str, Any], author: str | None) -> None:
    assert author_of(entry) == author


@pytest.mark.parametrize("entry", [
    {"subtype": "pinned_item", "user": "UADA", "ts": TS}, {"subtype": "bot_add", "user": "UADA", "ts": TS},
    {"subtype": "sh_room_created", "ts": TS}, {"subtype": 5, "ts": TS},
])  # fmt: skip
def test_what_is_no_event_of_ours_is_left_out(entry: dict[str, Any]) -> None:
    assert list(EntryReader({}).events("C1", entry)) == []


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"text": "hi", "user": "UADA"}, "it has no ts"),
        ({"text": "hi", "user": "UADA", "ts": "soon"}, "its ts is no time stamp: 'soon'"),
        ({"text": "hi", "ts": TS}, "it does not say who it is by"),
        (_entry(thread_ts="x"), "its thread_ts is no time stamp"),
        (_entry(edited={"user": "UADA"}), "it has no ts"),
        (_entry(reactions=[{"users": ["UBO"]}]), "a reaction without a name"),
        (_entry(subtype="channel_name"), "does not say to what"),
        (_entry(subtype="message_changed"), "does not hold it"),
        (_entry(subtype="message_deleted"), "it has no deleted_ts"),
    ],
)
def test_an_entry_that_cannot_be_read_says_why(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(BrokenPart, match=said):
        list(EntryReader({}).events("C1", entry))
