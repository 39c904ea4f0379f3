from typing import Any

import pytest

from support.fake_service import Client

READ = {"type": "read", "event_time": "2026-11-23T08:00:00+00:00", "user_id": "u", "channel_id": "c"}
ALLOWED = "a list of 1 to 1000 events"


def _events(n: int) -> list[dict[str, Any]]:
    return [{**READ, "event_id": str(index)} for index in range(n)]


def test_events_are_taken_one_by_one(client: Client) -> None:
    given = [*_events(2), {**READ, "event_id": "x", "type": "dance"}, *_events(1)]
    answer = client.post("/api/ml/events", json={"events": given})
    assert answer.status_code == 202
    taken = answer.json()
    assert (taken["accepted"], taken["duplicates"]) == (2, 1)
    [rejection] = taken["rejected"]
    assert (rejection["index"], rejection["code"], rejection["path"]) == (2, "unknown_event_type", "type")


@pytest.mark.parametrize("n_events", [1, 1_000])
def test_lists_of_up_to_a_thousand(client: Client, n_events: int) -> None:
    assert client.post("/api/ml/events", json={"events": _events(n_events)}).json()["accepted"] == n_events


@pytest.mark.parametrize(
    ("body", "path", "code", "given"),
    [
        ({}, "events", "missing", None),
        ({"events": []}, "events", "too_short", "0 items"),
        ({"events": _events(1_001)}, "events", "too_long", "1001 items"),
        ({"events": {"0": 1}}, "events", "list_type", "{'0': 1}"),
        ({"events": None}, "events", "list_type", "None"),
    ],
)
def test_what_is_no_such_list_is_refused(
    client: Client, body: dict[str, Any], path: str, code: str, given: str | None
) -> None:
    answer = client.post("/api/ml/events", json=body)
    assert answer.status_code == 422
    [detail] = answer.json()["error"]["details"]
    assert (detail["path"], detail["code"], detail["given"], detail["allowed"]) == (path, code, given, ALLOWED)


def test_other_fields_are_refused(client: Client) -> None:
    answer = client.post("/api/ml/events", json={"events": _events(1), "event": 5})
    assert answer.status_code == 422
    [detail] = answer.json()["error"]["details"]
    assert (detail["path"], detail["given"], detail["allowed"]) == ("event", "5", "the field events")
