from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any


def _spam(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages that others reported and a third person deleted."""
    messages = {event["message_id"]: event for event in events if event["type"] == "message"}
    reported = {event["message_id"] for event in events if event["type"] == "report"}
    deleted = {
        event["message_id"]
        for event in events
        if event["type"] == "delete" and event["user_id"] != messages[event["message_id"]]["user_id"]
    }
    return [messages[message_id] for message_id in messages if message_id in reported & deleted]


def _since(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["event_time"])


def test_campaigns_are_near_duplicates_within_minutes(events: list[dict[str, Any]]) -> None:
    by_author: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for message in _spam(events):
        by_author[message["user_id"]].append(message)
    floods = [sent for sent in by_author.values() if len(sent) >= 4]

    assert len(floods) >= 2
    for sent in floods:
        assert _since(sent[-1]) - _since(sent[0]) < timedelta(minutes=30)
        words = Counter(word for message in sent for word in set(message["content"].split()))
        assert words.most_common(1)[0][1] >= 0.6 * len(sent)


def test_spam_is_rare(events: list[dict[str, Any]]) -> None:
    n_messages = sum(event["type"] == "message" for event in events)

    assert 0.002 < len(_spam(events)) / n_messages < 0.05


def test_moderators_clean_up(events: list[dict[str, Any]]) -> None:
    roles = {event["user_id"]: event["role"] for event in events if event["type"] == "role_changed"}
    spam = {message["message_id"] for message in _spam(events)}

    cleaners = {event["user_id"] for event in events if event["type"] == "delete" and event["message_id"] in spam}

    assert cleaners
    assert {roles.get(user) for user in cleaners} <= {"moderator", "admin", "owner"}


def test_some_reports_are_of_honest_messages(events: list[dict[str, Any]]) -> None:
    deleted = {event["message_id"] for event in events if event["type"] == "delete"}

    assert any(event["type"] == "report" and event["message_id"] not in deleted for event in events)


def test_a_fresh_account_that_spams_is_closed(events: list[dict[str, Any]]) -> None:
    spammers = {message["user_id"] for message in _spam(events)}
    without_title = {event["user_id"] for event in events if event["type"] == "user_updated" and not event.get("title")}
    closed = {event["user_id"] for event in events if event.get("is_deleted")}
    employees = {event["user_id"] for event in events if event["type"] == "user_updated" and event.get("title")}

    fresh = (spammers & without_title) - employees

    assert fresh
    assert fresh <= closed
