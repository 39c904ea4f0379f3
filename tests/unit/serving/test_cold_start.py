"""Who is new has a good list at once, and each step tells more: by what is lively, by team, by places, by people."""

import pytest

from quikapp_ml.entities.decisions import RecommendationAnswer
from quikapp_ml.entities.questions import RecommendationQuestion
from quikapp_ml.models.recommendation import RecommendationModel
from support.chats import Chat, office, recommender

MODEL = RecommendationModel.prior()
NOBODY_KNOWN = {"popular", "growing", "new_channel", "members", "open", "recent", "active_thread", "reactions",
                "active", "member"}  # fmt: skip
"""Codes of reasons that need nothing of the asker."""


def ask(chat: Chat, user_id: str, *types: str, limit: int = 10) -> RecommendationAnswer:
    given = {"types": types} if types else {}
    question = RecommendationQuestion.model_validate({"user_id": user_id, "limit": limit, **given}, strict=False)
    return recommender(chat, MODEL)[0].recommend(question)


def codes(answer: RecommendationAnswer) -> set[str]:
    return {reason.code for item in answer.recommendations for reason in item.reasons}


def first(answer: RecommendationAnswer) -> str:
    return answer.recommendations[0].item_id


def test_a_stranger_gets_what_is_lively_by_nothing_but_that() -> None:
    answer = ask(office(), "zed")
    assert len(answer.recommendations) == 10
    assert {item.item_type for item in answer.recommendations} == {"channel", "user", "message"}
    assert codes(answer) <= NOBODY_KNOWN
    assert first(ask(office(), "zed", "channel")) in {"home", "lobby"}


def test_with_a_team_the_team_is_what_counts() -> None:
    chat = office()
    chat.tell("user_updated", "zed", name="Zed", team="design", title="Designer")
    answer = ask(chat, "zed")
    assert codes(answer) - NOBODY_KNOWN == {"team"}
    assert {item.item_id for item in ask(chat, "zed", "channel", limit=2).recommendations} == {"home", "craft"}
    assert {item.item_id for item in ask(chat, "zed", "user", limit=3).recommendations} == {"ann", "bob", "cid"}


def test_after_one_event_the_place_counts() -> None:
    chat = office()
    chat.tell("join", "zed", channel_id="craft")
    answer = ask(chat, "zed")
    assert codes(answer) - NOBODY_KNOWN == {"shared_members", "shared_channels", "your_channel"}
    assert first(ask(chat, "zed", "message")).startswith("c")
    assert {item.item_id for item in ask(chat, "zed", "user", limit=2).recommendations} == {"bob", "cid"}


def test_after_three_events_the_people_count() -> None:
    chat = office()
    chat.tell("join", "zed", channel_id="lobby")
    chat.react("zed", "lobby", "l3")
    chat.post("zed", "lobby", "z1", thread_id="l4")
    answer = ask(chat, "zed")
    assert {"collaborators", "your_channel"} <= codes(answer)
    assert first(ask(chat, "zed", "message")) in {"l3", "l4", "l5", "m5", "m4"}


def test_after_ten_events_all_of_it_counts_and_what_is_done_is_not_said_again() -> None:
    chat = office()
    for channel_id in ("lobby", "craft"):
        chat.tell("join", "zed", channel_id=channel_id)
    for number in range(4):
        chat.react("zed", "craft", f"c{number}")
        chat.post("zed", "craft", f"z{number}", thread_id=f"c{number}")
    answer = ask(chat, "zed", limit=100)
    found = {item.item_id for item in answer.recommendations}
    assert not {"lobby", "craft", "z0", "z1", "z2", "z3"} & found
    assert first(ask(chat, "zed", "channel")) == "home"
    assert {"collaborators", "shared_members", "your_channel"} <= codes(answer)
    assert ask(chat, "zed", "user").recommendations[-1].item_id == "cid"  # whom they write with already


@pytest.mark.parametrize("asker", ["ann", "zed"])
def test_a_channel_that_was_just_opened_is_there_and_says_it_is_new(asker: str) -> None:
    chat = office()
    chat.wait(days=60)
    chat.channel("fresh", "eve")
    answer = ask(chat, asker, "channel")
    fresh = next(item for item in answer.recommendations if item.item_id == "fresh")
    assert (fresh.source, fresh.reasons[0].code) == ("new", "new_channel")
    attic = next(item for item in answer.recommendations if item.item_id == "attic")
    assert fresh.score > attic.score


def test_the_first_minutes_of_a_workspace() -> None:
    chat = Chat()
    assert ask(chat, "amy").recommendations == ()
    chat.channel("first", "amy")
    nobody_else = ask(chat, "amy")
    assert (nobody_else.recommendations, nobody_else.fewer is not None) == ((), True)
    assert {item.item_id for item in ask(chat, "zed").recommendations} == {"first", "amy"}
    chat.people("bob")
    assert [item.item_id for item in ask(chat, "amy").recommendations] == ["bob"]
    chat.post("bob", "first", "m1")
    assert {item.item_id for item in ask(chat, "amy").recommendations} == {"bob", "m1"}


def test_a_guest_gets_people_but_no_channel_that_nobody_let_them_into() -> None:
    chat = office()
    chat.tell("role_changed", "gus", role="guest")
    assert {item.item_type for item in ask(chat, "gus", limit=100).recommendations} == {"user"}
    chat.tell("join", "gus", channel_id="lobby")
    assert {item.source for item in ask(chat, "gus", "message").recommendations} == {"channel:lobby"}
