from collections import Counter
from typing import Any

import pytest

HAPPY = {"tada", "heart", "rocket", "fire", "clap", "raised_hands", "star-struck"}
SAD = {"cry", "disappointed", "hugging_face", "rage", "weary", "face_with_rolling_eyes", "-1"}


def test_many_messages_are_answered_in_threads(events: list[dict[str, Any]]) -> None:
    messages = [event for event in events if event["type"] == "message"]

    assert 0.25 < sum("thread_id" in event for event in messages) / len(messages) < 0.7


def test_mentions_name_people_who_can_read_them(events: list[dict[str, Any]]) -> None:
    members: set[tuple[str, str]] = set()
    n_mentions = 0
    for event in events:
        if event["type"] in ("join", "channel_created", "message"):
            members.add((event["channel_id"], event["user_id"]))
        if event["type"] == "message" and "<@" in event["content"]:
            named = event["content"].split("<@")[1].split(">")[0]
            n_mentions += 1
            assert (event["channel_id"], named) in members
    assert n_mentions > 200


@pytest.mark.parametrize(("words", "fitting", "other"), [
    (("thank", "amazing", "love", "great"), HAPPY, SAD),
    (("annoying", "frustrated", "broken", "terrible", "worst"), SAD, HAPPY),
])  # fmt: skip
def test_reactions_fit_the_words(
    events: list[dict[str, Any]], words: tuple[str, ...], fitting: set[str], other: set[str]
) -> None:
    texts = {event["message_id"]: event["content"].lower() for event in events if event["type"] == "message"}
    given = Counter(
        event["reaction"]
        for event in events
        if event["type"] == "reaction" and any(word in texts[event["message_id"]] for word in words)
    )

    assert sum(given[name] for name in fitting) > 3 * sum(given[name] for name in other)


def test_an_edit_keeps_the_text_and_adds_to_it(events: list[dict[str, Any]]) -> None:
    texts = {event["message_id"]: event["content"] for event in events if event["type"] == "message"}
    edits = [event for event in events if event["type"] == "edit"]

    assert edits
    assert all(event["content"].startswith(texts[event["message_id"]]) for event in edits)
