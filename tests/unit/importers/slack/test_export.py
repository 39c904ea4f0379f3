import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quikapp_ml.errors import InvalidInput
from quikapp_ml.importers.slack import ExportReport, count_members, read_export

MakeExport = Callable[[dict[str, Any]], Path]
ReadAll = Callable[..., list[dict[str, Any]]]


def _message(second: int, **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": "UBO", "text": "hi", "ts": f"{1_600_100_000 + second}.000100", **more}


def test_events_come_oldest_first_across_channels_and_days(make_export: MakeExport, read_all: ReadAll) -> None:
    late = _message(50, edited={"user": "UBO", "ts": "1600300000.000000"}, reactions=[{"name": "x", "users": ["UADA"]}])
    files = {
        "general/2020-09-14.json": [_message(200), late],
        "lost/2020-09-14.json": [_message(100)],
        "general/2020-09-15.json": [_message(86_400), _message(90_000, thread_ts="1600100050.000100")],
        "general/2020-09-17.json": [_message(260_000)],
    }

    events = read_all(make_export(files))

    times = [event["event_time"] for event in events]
    assert times == sorted(times)
    assert [e["type"] for e in events if e["type"] in ("message", "edit")] == [
        "message", "message", "message", "message", "message", "edit", "message",
    ]  # fmt: skip


def test_the_same_export_gives_the_same_ids(make_export: MakeExport, read_all: ReadAll) -> None:
    path = make_export(
        {"general/2020-09-14.json": [_message(1), _message(2, reactions=[{"name": "x", "users": ["UADA"]}])]}
    )

    first, second = read_all(path), read_all(path)

    assert first == second
    assert len({event["event_id"] for event in first}) == len(first)


def test_a_later_export_of_the_same_chat_adds_only_what_is_new(make_export: MakeExport, read_all: ReadAll) -> None:
    early = {event["event_id"]: event for event in read_all(make_export({"general/2020-09-14.json": [_message(1)]}))}
    more = {"general/2020-09-14.json": [_message(1)], "general/2020-09-15.json": [_message(86_400)]}

    later = {event["event_id"]: event for event in read_all(make_export(more))}

    assert [later[event_id]["type"] for event_id in later.keys() - early.keys()] == ["message"]
    assert early.keys() <= later.keys()


def test_an_unpacked_export_gives_the_same_events(make_export: MakeExport, read_all: ReadAll, tmp_path: Path) -> None:
    path = make_export({"general/2020-09-14.json": [_message(1)]})
    with ZipFile(path) as archive:
        archive.extractall(tmp_path / "unpacked")

    assert read_all(tmp_path / "unpacked") == read_all(path)


def test_all_that_is_broken_is_named_before_anything_is_told(make_export: MakeExport) -> None:
    path = make_export({
        "general/2020-09-14.json": [_message(1), "x", {"text": "no time"}],
        "general/2020-09-15.json": b'[{"type": ',
    })  # fmt: skip

    with pytest.raises(InvalidInput) as caught:
        next(read_export(path))

    assert "broken in 3 places, nothing was imported" in str(caught.value)
    assert [problem.path for problem in caught.value.problems] == [
        "general/2020-09-14.json", "general/2020-09-14.json", "general/2020-09-15.json",
    ]  # fmt: skip
    for said in (
        "2020-09-14.json, entry 1: it is a JSON str where an object belongs",
        "2020-09-14.json, entry 2: it has no ts",
        "2020-09-15.json: it is not JSON: unexpected end of data",
    ):
        assert said in str(caught.value)


def test_a_message_about_many_broken_parts_stays_short(make_export: MakeExport) -> None:
    path = make_export({"general/2020-09-14.json": ["x"] * 10_000})

    with pytest.raises(InvalidInput, match="and 9995 more") as caught:
        next(read_export(path))

    assert len(str(caught.value)) < 1_000


def test_what_is_broken_is_skipped_when_asked_and_reported(make_export: MakeExport, read_all: ReadAll) -> None:
    report = ExportReport()
    pin = {"type": "message", "subtype": "pinned_item", "ts": "1600200000.1"}
    path = make_export({
        "users.json": [{"id": "UBO", "name": "bo"}, {"name": "nobody"}],
        "general/2020-09-14.json": [_message(1), {"text": "no time"}, _message(3)],
        "general/2020-09-15.json": b'[{"type": ',
        "general/2020-09-16.json": [_message(172_800), pin],
    })  # fmt: skip

    events = read_all(path, True, report)

    assert Counter(event["type"] for event in events)["message"] == 3
    assert [(part.member, part.entry) for part in report.skipped] == [
        ("users.json", 1), ("general/2020-09-14.json", 1), ("general/2020-09-15.json", None),
    ]  # fmt: skip
    assert report.ignored == {"pinned_item": 1}
    assert (report.n_members, report.members_read, report.entries) == (5, 5, 5)


def test_broken_lists_can_be_skipped_too(make_export: MakeExport, read_all: ReadAll) -> None:
    path = make_export({"channels.json": b"[", "users.json": b"{}", "general/2020-09-14.json": [_message(1)]})

    assert [event["channel_id"] for event in read_all(path, True)] == ["general"]


def test_members_are_counted_without_reading_them(make_export: MakeExport) -> None:
    path = make_export(
        {"general/2020-09-14.json": b"broken", "general/2020-09-15.json": [], "integration_logs.json": []}
    )

    assert count_members(path) == 4


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from((
    "ts", "user", "subtype", "text", "thread_ts", "edited", "reactions", "files", "blocks", "attachments", "name",
    "old_name", "topic", "purpose", "message", "comment", "deleted_ts", "bot_id", "username", "bot_profile",
    "user_profile", "id", "profile", "members", "creator", "created", "is_archived", "type", "users", "updated",
))  # fmt: skip
VALUES = JSON | st.sampled_from((
    "1600100000.000100", "UADA", "channel_join", "channel_leave", "channel_name", "message_changed", "message_deleted",
    "tombstone", "channel_topic", "bot_message", [{"name": "tada", "users": ["UBO"]}], {"ts": "1600100001.0"},
))  # fmt: skip
ENTRIES = st.lists(JSON | st.dictionaries(KEYS, VALUES, max_size=8), max_size=6)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=ENTRIES, channels=ENTRIES, day=ENTRIES)
def test_whatever_an_export_holds_gives_events_that_the_service_takes_or_a_clear_error(
    make_export: MakeExport, read_all: ReadAll, people: list[Any], channels: list[Any], day: list[Any]
) -> None:
    path = make_export(
        {"users.json": people, "channels.json": channels, "general/2020-09-14.json": json.dumps(day).encode()}
    )

    try:
        read_all(path, True)
    except InvalidInput as error:
        assert "future" in str(error)  # an edit of the year 5138 is for the service to refuse
    try:
        read_all(path)
    except InvalidInput as error:
        assert "is broken in" in str(error) or "future" in str(error)
