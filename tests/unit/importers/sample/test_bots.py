from collections import Counter
from typing import Any


def test_bots_say_that_they_are_bots(events: list[dict[str, Any]]) -> None:
    bots = {
        event["user_id"]: event["name"] for event in events if event["type"] == "user_updated" and "is_bot" in event
    }
    posts = Counter(event["user_id"] for event in events if event["type"] == "message" and event.get("is_bot"))

    assert sorted(bots.values()) == ["ci-bot", "oncall-bot", "standup-bot"]
    assert posts.keys() == bots.keys()


def test_people_answer_the_standup_in_its_thread(events: list[dict[str, Any]]) -> None:
    standup = next(e["user_id"] for e in events if e["type"] == "user_updated" and e["name"] == "standup-bot")
    questions = {e["message_id"] for e in events if e["type"] == "message" and e["user_id"] == standup}

    answers = [event for event in events if event.get("thread_id") in questions]

    assert len(answers) > len(questions)
    assert not any(event.get("is_bot") for event in answers)
