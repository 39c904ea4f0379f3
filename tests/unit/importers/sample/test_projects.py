from collections import defaultdict
from typing import Any

from quikapp_ml.importers.sample.people import ENGINEERING


def test_projects_start_and_end(events: list[dict[str, Any]]) -> None:
    opened = {e["channel_id"]: e for e in events if e["type"] == "channel_created" and e["name"].startswith("proj-")}
    closed = {event["channel_id"] for event in events if event["type"] == "channel_archived"}
    first_day = events[0]["event_time"][:10]

    assert len({event["name"] for event in opened.values()}) == len(opened) > 4
    assert opened.keys() & closed
    assert opened.keys() - closed
    assert any(event["event_time"][:10] > first_day for event in opened.values())


def test_a_project_crosses_teams(events: list[dict[str, Any]]) -> None:
    teams = {e["user_id"]: e["team"] for e in events if e["type"] == "user_updated" and "team" in e}
    projects = {e["channel_id"] for e in events if e["type"] == "channel_created" and e["name"].startswith("proj-")}
    crews: defaultdict[str, set[str]] = defaultdict(set)
    for event in events:
        if event["type"] == "join" and event["channel_id"] in projects:
            crews[event["channel_id"]].add(teams.get(event["user_id"], ""))

    assert sum(len(crew) > 1 for crew in crews.values()) > 0.7 * len(crews)
    assert any(team.startswith(ENGINEERING) for crew in crews.values() for team in crew)
