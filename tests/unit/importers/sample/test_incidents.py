from collections import Counter
from typing import Any


def test_an_outage_has_a_channel_of_its_own_that_closes(events: list[dict[str, Any]]) -> None:
    opened = [e["channel_id"] for e in events if e["type"] == "channel_created" and e["name"].startswith("inc-")]
    closed = {event["channel_id"] for event in events if event["type"] == "channel_archived"}
    messages = Counter(event["channel_id"] for event in events if event["type"] == "message")

    assert opened
    assert len([channel for channel in opened if channel in closed]) >= len(opened) - 1
    assert all(messages[channel] > 10 for channel in opened[:-1])


def test_the_alert_comes_from_the_bot(events: list[dict[str, Any]]) -> None:
    opened = [e["channel_id"] for e in events if e["type"] == "channel_created" and e["name"].startswith("inc-")]
    first: dict[str, dict[str, Any]] = {}
    for event in events:
        if event["type"] == "message" and event["channel_id"] in opened:
            first.setdefault(event["channel_id"], event)

    assert all(event.get("is_bot") for event in first.values())
