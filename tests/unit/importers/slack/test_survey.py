from collections.abc import Callable
from pathlib import Path
from typing import Any

from quikapp_ml.importers.slack import ExportReport

MakeExport = Callable[[dict[str, Any]], Path]
ReadAll = Callable[..., list[dict[str, Any]]]
DAY = "general/2020-09-14.json"
TS = "1600100000.000100"


def _message(user: str, second: int, **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": user, "text": "hi", "ts": f"{1_600_100_000 + second}.000100", **more}


def _of(events: list[dict[str, Any]], *kinds: str) -> list[tuple[str, str, str]]:
    """Type, person and time of the events of these types."""
    return [(e["type"], e["user_id"], e["event_time"][:19]) for e in events if e["type"] in kinds]


def _channel(**more: Any) -> dict[str, Any]:
    return {"id": "C1", "name": "general", "created": 1_600_000_000, "creator": "UADA", "members": [], **more}


def test_people_and_channels_are_there_before_the_first_message(make_export: MakeExport, read_all: ReadAll) -> None:
    events = read_all(make_export({DAY: [_message("UBO", 0)]}))

    opening = [event for event in events if event["type"] in ("user_updated", "role_changed")]
    assert opening == events[:4]
    assert [(e["user_id"], e.get("name"), e.get("title"), e.get("is_bot"), e.get("role")) for e in opening] == [
        ("UADA", "Ada L", "CTO", None, None),
        ("UADA", None, None, None, "owner"),
        ("UBO", "Bo", None, None, None),
        ("UCI", "CI", None, True, None),
    ]
    created = events[4]
    assert (created["type"], created["name"], created["topic"]) == ("channel_created", "general", "news & more")
    assert "is_private" not in created


def test_members_join_when_they_are_known_to(make_export: MakeExport, read_all: ReadAll) -> None:
    """By their own entry; else at their first message; else with the channel."""
    channel = _channel(members=["UADA", "UBO", "UEVE", "UFAY"])
    entries = [_message("UBO", 0, subtype="channel_join"), _message("UEVE", 60), _message("UBO", 90)]

    events = read_all(make_export({"channels.json": [channel], DAY: entries}))

    assert _of(events, "channel_created", "join") == [
        ("channel_created", "UADA", "2020-09-13T12:26:40"),
        ("join", "UFAY", "2020-09-13T12:26:40"),
        ("join", "UBO", "2020-09-14T16:13:20"),
        ("join", "UEVE", "2020-09-14T16:14:20"),
    ]


def test_who_is_no_member_any_more_leaves_on_the_last_day(make_export: MakeExport, read_all: ReadAll) -> None:
    channel = _channel(members=["UBO"])
    entries = [
        _message("UADA", 0),
        _message("UCI", 10),
        _message("UBO", 20),
        _message("UBO", 30, subtype="channel_leave"),
    ]

    events = read_all(make_export({"channels.json": [channel], DAY: entries}))

    assert _of(events, "leave", "join")[-2:] == [
        ("leave", "UADA", "2020-09-14T16:13:51"),
        ("join", "UBO", "2020-09-14T16:13:51"),
    ]


def test_a_channel_closed_without_a_word_is_closed_after_its_last_message(
    make_export: MakeExport, read_all: ReadAll
) -> None:
    path = make_export({"channels.json": [_channel(is_archived=True)], DAY: [_message("UBO", 0)]})

    assert _of(read_all(path), "channel_archived") == [("channel_archived", "UADA", "2020-09-14T16:13:20")]


def test_a_channel_closed_with_a_word_is_closed_once(make_export: MakeExport, read_all: ReadAll) -> None:
    entries = [_message("UBO", 0), _message("UBO", 9, subtype="channel_archive")]

    events = read_all(make_export({"channels.json": [_channel(is_archived=True)], DAY: entries}))

    assert _of(events, "channel_archived") == [("channel_archived", "UBO", "2020-09-14T16:13:29")]


def test_a_channel_begins_under_its_first_name_and_without_later_topics(
    make_export: MakeExport, read_all: ReadAll
) -> None:
    entries = [
        _message("UADA", 9, subtype="channel_name", old_name="b", name="general"),
        _message("UADA", 5, subtype="channel_name", old_name="a", name="b"),
        _message("UADA", 6, subtype="channel_topic", topic="news"),
    ]

    events = read_all(make_export({"channels.json": [_channel(topic={"value": "news"})], DAY: entries}))

    (created,) = [event for event in events if event["type"] == "channel_created"]
    assert (created["name"], created.get("topic")) == ("a", None)
    assert [event["name"] for event in events if event["type"] == "channel_renamed"] == ["b", "general"]


def test_private_conversations_are_private_from_the_start(make_export: MakeExport, read_all: ReadAll) -> None:
    files = {
        "groups.json": [
            {"id": "G1", "name": "board", "creator": "UADA", "created": 1_600_000_000, "members": ["UADA"]}
        ],
        "mpims.json": [{"id": "G2", "name": "mpdm-ada--bo-1", "creator": "UBO", "members": ["UADA", "UBO"]}],
        "dms.json": [{"id": "D1", "created": 1_600_000_000, "members": ["UADA", "UBO"]}],
        "D1/2020-09-14.json": [_message("UBO", 0)],
        "mpdm-ada--bo-1/2020-09-14.json": [_message("UBO", 0)],
    }

    events = read_all(make_export(files))

    created = {e["channel_id"]: e for e in events if e["type"] == "channel_created"}
    assert {channel_id: e["name"] for channel_id, e in created.items() if e.get("is_private")} == {
        "G1": "board", "G2": "group message", "D1": "direct message",
    }  # fmt: skip
    assert {e["channel_id"] for e in events if e["type"] == "message"} == {"D1", "G2"}
    assert {(e["user_id"], e["channel_id"]) for e in events if e["type"] == "join"} >= {("UBO", "D1"), ("UADA", "G2")}


def test_a_channel_that_became_private_was_public_before(make_export: MakeExport, read_all: ReadAll) -> None:
    group = {"id": "G1", "name": "board", "creator": "UADA", "created": 1_600_000_000, "members": ["UADA"]}
    entries = [_message("UADA", 0, subtype="channel_convert_to_private")]

    events = read_all(make_export({"groups.json": [group], "board/2020-09-14.json": entries}))

    told = [(e["type"], e.get("is_private")) for e in events if e.get("channel_id") == "G1"]
    assert told == [("channel_created", None), ("channel_made_private", None)]


def test_guests_and_integrations_in_no_list_are_introduced(make_export: MakeExport, read_all: ReadAll) -> None:
    entries = [
        _message("UGUEST", 0, user_profile={"display_name": "", "real_name": "Gus Guest"}),
        {"type": "message", "subtype": "bot_message", "bot_id": "B2", "username": "github", "text": "x", "ts": TS},
    ]

    events = read_all(make_export({DAY: entries}))

    told = {e["user_id"]: (e["name"], e.get("is_bot")) for e in events if e["type"] == "user_updated"}
    assert (told["UGUEST"], told["B2"]) == (("Gus Guest", None), ("github", True))


def test_a_folder_in_no_list_is_kept_and_reported(make_export: MakeExport, read_all: ReadAll) -> None:
    """Its channel is never announced, so that nobody but its writers may see it."""
    report = ExportReport()

    events = read_all(make_export({"lost/2020-09-14.json": [_message("UBO", 0)]}), report=report)

    assert report.unlisted_channels == ["lost"]
    assert [e["channel_id"] for e in events if e["type"] == "message"] == ["lost"]
    assert "lost" not in {e["channel_id"] for e in events if e["type"] == "channel_created"}


def test_an_export_without_any_message_still_has_its_people(make_export: MakeExport, read_all: ReadAll) -> None:
    events = read_all(make_export({"channels.json": []}))

    assert {event["user_id"] for event in events} == {"UADA", "UBO", "UCI"}
