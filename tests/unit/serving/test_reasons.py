"""Each reason says a fact that is there, the strongest first; deleting the fact deletes the reason."""

import numpy as np
import pytest

from quikapp_ml.entities.decisions import ItemType
from quikapp_ml.features.conversations import Conversation
from quikapp_ml.models.recommendation import PRIORS, ItemSimilarity
from quikapp_ml.serving.reasons import MAX_REASONS, Facts, reasons_for
from support.chats import Chat, office


def facts(chat: Chat, user_id: str = "ann", here: str | None = None) -> Facts:
    similarity = ItemSimilarity(("attic", "home"), np.array([[1], [0]]), np.array([[0.5], [0.5]]))
    return Facts(chat.view(user_id), similarity, here)


def said(given: Facts, item_type: ItemType, item: "str | Conversation", feature: str) -> str:
    """The text of the reason that one feature gives; empty for the plain one."""
    reason = reasons_for(given, item_type, item, {feature: 1.0})[0]
    return "" if reason.code in {"open", "member"} else reason.text


@pytest.mark.parametrize(
    ("feature", "channel_id", "text"),
    [
        ("collaborators", "craft", "The person you work with most is in it"),
        ("team", "craft", "2 of your 2 teammates are in it"),
        ("popularity", "lobby", "Number 1 in activity among the channels you can see"),
        ("first_steps", "lobby", "Number 1 in activity among the channels you can see"),
        ("joins", "lobby", "Number 3 in people joining among the channels you can see"),
        ("reach", "attic", "1 person is in it"),
        ("shared_members", "craft", "2 people of your channels are in it too"),
        ("similar_channels", "attic", "The same people use #home-name, where you are a member"),
        ("newness", "attic", "Opened 42 minutes ago"),
        ("current_channel", "craft", "2 people of #home-name, where you are now, are in it"),
    ],
)
def test_channels(feature: str, channel_id: str, text: str) -> None:
    assert said(facts(office(), here="home"), "channel", channel_id, feature) == text


@pytest.mark.parametrize("feature", ["collaborators", "team", "shared_members", "similar_channels", "current_channel"])
def test_a_channel_without_the_fact_gets_no_such_reason(feature: str) -> None:
    assert said(facts(office(), here="home"), "channel", "lobby", feature) == ""


@pytest.mark.parametrize(
    ("feature", "user_id", "text"),
    [
        ("shared_channels", "bob", "You are both in #secret-own-name and #home-name"),
        ("team", "cid", "On your team, design"),
        ("collaborators", "cid", "Is in #craft-name with one of the people you work with"),
        ("activity", "dan", "Writes in #lobby-name"),
        ("current_channel", "cid", "Is in #home-name, where you are now"),
    ],
)
def test_people(feature: str, user_id: str, text: str) -> None:
    assert said(facts(office(), here="home"), "user", user_id, feature) == text


@pytest.mark.parametrize("feature", ["shared_channels", "team", "collaborators", "reaches_out", "current_channel"])
def test_a_person_without_the_fact_gets_no_such_reason(feature: str) -> None:
    assert said(facts(office(), here="home"), "user", "eve", feature) == ""


def test_somebody_who_answered_is_said_to() -> None:
    chat = office()
    chat.react("cid", "home", "a1")
    assert said(facts(chat), "user", "cid", "reaches_out") == "Has replied or reacted to your messages"


def conversation(chat: Chat, channel_id: str, message_id: str) -> Conversation:
    message = chat.workspace.message(channel_id, message_id)
    assert message is not None
    assert message.author_id is not None
    return Conversation(channel_id, message, message.author_id, message.posted_at, message.n_replies, False)


@pytest.mark.parametrize(
    ("feature", "place", "text"),
    [
        ("author", ("home", "h1"), "By Bob, whom you work with"),
        ("team", ("home", "h1"), "By Bob, of your team"),
        ("channel_habit", ("home", "h1"), "In #home-name, where you are active"),
        ("membership", ("secret-own", "s1"), "In #secret-own-name, where you are a member"),
        ("replies", ("home", "h1"), "1 reply, and somebody wrote 31 minutes ago"),
        ("reactions", ("home", "h1"), "1 reaction"),
        ("current_channel", ("home", "h1"), "In #home-name, where you are now"),
        ("recency", ("home", "h1"), "Written 31 minutes ago"),
        ("author", ("lobby", "l1"), "Written 29 minutes ago"),
    ],
)
def test_messages(feature: str, place: tuple[str, str], text: str) -> None:
    chat = office()
    assert said(facts(chat, here="home"), "message", conversation(chat, *place), feature) == text


def test_in_a_chat_asleep_the_newest_message_is_not_praised_for_its_age_alone() -> None:
    chat = office()
    asked = conversation(chat, "home", "h1")
    chat.wait(days=800)

    reason = reasons_for(facts(chat), "message", asked, {"recency": 1.0})[0]

    assert (reason.code, reason.text) == ("recent", "Among the newest that you can see, written 2 years ago")


def test_the_strongest_come_first_and_never_more_than_three() -> None:
    strengths = {"reach": 0.1, "team": 3.0, "popularity": 2.0, "first_steps": 1.9, "joins": 1.0, "newness": -1.0}
    reasons = reasons_for(facts(office()), "channel", "craft", strengths)
    assert [reason.code for reason in reasons] == ["team", "popular", "growing"]
    assert len(reasons) == MAX_REASONS


def test_there_is_always_one() -> None:
    assert [one.code for one in reasons_for(facts(office()), "channel", "attic", {})] == ["open"]
    assert [one.code for one in reasons_for(facts(office()), "user", "eve", {"team": 5.0})] == ["member"]


def test_every_feature_that_can_speak_for_an_item_has_words() -> None:
    """A feature with a positive prior gives a reason for some item of the office, or of one where Cid answered Ann."""
    chat = office()
    chat.react("cid", "home", "a1")
    given = facts(chat, here="home")
    for feature, weight in PRIORS["channel"].items():
        assert weight < 0 or any(said(given, "channel", one, feature) for one in given.view.open_channels), feature
    for feature, weight in PRIORS["user"].items():
        assert weight < 0 or any(said(given, "user", one, feature) for one in ("bob", "cid", "dan")), feature


def test_a_low_place_is_no_reason() -> None:
    chat = office()
    for number in range(6):
        chat.channel(f"busy{number}", "dan")
        for message in range(20):
            chat.post("dan", f"busy{number}", f"b{number}-{message}")
    assert said(facts(chat), "channel", "lobby", "popularity") == ""
