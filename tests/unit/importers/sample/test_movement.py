from collections import Counter
from typing import Any

from quikapp_ml.importers.sample.interests import INTERESTS


def _channels(events: list[dict[str, Any]]) -> dict[str, str]:
    return {event["channel_id"]: event["name"] for event in events if event["type"] == "channel_created"}


def test_everybody_is_in_the_common_channels_and_in_their_team(events: list[dict[str, Any]]) -> None:
    names = _channels(events)
    joined = {(event["user_id"], names[event["channel_id"]]) for event in events if event["type"] == "join"}
    created = {(event["user_id"], event["name"]) for event in events if event["type"] == "channel_created"}
    people = {
        event["user_id"]: event["team"] for event in events if event["type"] == "user_updated" and "team" in event
    }

    for user_id, team in people.items():
        assert (user_id, "general") in joined | created
        assert (user_id, f"team-{team}") in joined | created


def test_people_go_on_finding_channels(events: list[dict[str, Any]]) -> None:
    names, first_day = _channels(events), events[0]["event_time"][:10]
    later = [
        event
        for event in events
        if event["type"] == "join" and event["event_time"][:10] > first_day and names[event["channel_id"]] in INTERESTS
    ]

    assert len(later) > 60
    assert len({event["channel_id"] for event in later}) > 10


def test_private_channels_are_not_found_by_chance(events: list[dict[str, Any]]) -> None:
    private = {e["channel_id"] for e in events if e["type"] == "channel_created" and e.get("is_private")}
    first_day = events[0]["event_time"][:10]

    assert len(private) == 3
    assert not [
        e for e in events if e["type"] == "join" and e["channel_id"] in private and e["event_time"][:10] > first_day
    ]


def test_interests_differ_in_how_common_they_are(events: list[dict[str, Any]]) -> None:
    names = _channels(events)
    sizes = Counter(names[event["channel_id"]] for event in events if event["type"] == "join")
    common = sum(sizes[interest] for interest in INTERESTS[:5])
    rare = sum(sizes[interest] for interest in INTERESTS[-5:])

    assert common > 1.5 * rare
