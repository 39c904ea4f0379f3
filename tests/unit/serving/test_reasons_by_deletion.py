"""Reasons are true: without what a reason names, the item has another score or rank, or is not there any more."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp

import numpy as np
import pytest

from quikapp_ml.entities.decisions import RecommendationAnswer, RecommendedItem
from quikapp_ml.entities.events import Event, Message
from quikapp_ml.entities.questions import RecommendationQuestion
from quikapp_ml.models.recommendation import ItemSimilarity, RecommendationModel
from support.chats import Chat, office, recommender

ASKERS = ("ann", "bob", "dan")
HERE = "home"
SIMILARITY = ItemSimilarity(("attic", "home", "lobby"), np.array([[1], [2], [0]]), np.array([[0.9], [0.7], [0.5]]))
MODEL = RecommendationModel(RecommendationModel.prior().heads_, SIMILARITY)


@dataclass(frozen=True)
class Told:
    """An item that was recommended to somebody, and the code of one of its reasons."""

    asker: str
    item: RecommendedItem
    code: str


Cause = Callable[[Told, Event], bool]


def lively_office() -> Chat:
    chat = office()
    chat.channel("annex", "dan", "bob", "ann")
    chat.post("ann", "annex", "x1")
    chat.post("dan", "annex", "x2", thread_id="x1")
    chat.post("bob", "annex", "x3")
    chat.react("eve", "lobby", "l4")
    chat.react("dan", "annex", "x1")
    chat.react("cid", "home", "a2")
    chat.post("eve", "lobby", "l9", thread_id="l5")
    chat.tell("join", "eve", channel_id="craft")
    return chat


def ask(chat: Chat, asker: str) -> RecommendationAnswer:
    question = RecommendationQuestion(user_id=asker, limit=100, explain=True, context={"channel_id": HERE})
    return recommender(chat, MODEL)[0].recommend(question)


def told_of(chat: Chat) -> list[Told]:
    return [
        Told(asker, item, reason.code)
        for asker in ASKERS
        for item in ask(chat, asker).recommendations
        for reason in item.reasons
    ]


def place_of(event: Event) -> str | None:
    return getattr(event, "channel_id", None)


def source_of(told: Told) -> str:
    return told.item.source.removeprefix("channel:")


def is_of_item(told: Told, event: Event) -> bool:
    return getattr(event, "message_id", None) == told.item.item_id


def is_answer_to_item(told: Told, event: Event) -> bool:
    return isinstance(event, Message) and event.thread_id == told.item.item_id


def turns_to_others(told: Told, event: Event) -> bool:
    return event.user_id == told.asker and event.type in {"reaction", "message"}


def gives_a_team(told: Told, event: Event) -> bool:
    return event.user_id == told.asker and event.type == "user_updated"


def fills_the_channel(told: Told, event: Event) -> bool:
    return place_of(event) == told.item.item_id


def is_at_the_current_place(_told: Told, event: Event) -> bool:
    return place_of(event) == HERE


def brings_the_asker_in(told: Told, event: Event) -> bool:
    return event.user_id == told.asker and event.type in {"join", "message", "reaction", "channel_created"}


CAUSES: Mapping[tuple[str, str], Cause] = {
    ("channel", "collaborators"): turns_to_others,
    ("channel", "team"): gives_a_team,
    ("channel", "popular"): lambda told, event: place_of(event) == told.item.item_id and event.type == "message",
    ("channel", "growing"): lambda told, event: place_of(event) == told.item.item_id and event.type == "join",
    ("channel", "members"): fills_the_channel,
    ("channel", "shared_members"): brings_the_asker_in,
    ("channel", "similar_channels"): brings_the_asker_in,
    ("channel", "new_channel"): lambda told, event: (
        place_of(event) == told.item.item_id and event.type == "channel_created"
    ),
    ("channel", "current_channel"): is_at_the_current_place,
    ("user", "shared_channels"): brings_the_asker_in,
    ("user", "team"): gives_a_team,
    ("user", "collaborators"): turns_to_others,
    ("user", "active"): lambda told, event: event.user_id == told.item.item_id and event.type == "message",
    ("user", "contacts_you"): lambda told, event: (
        event.user_id == told.item.item_id and event.type in {"message", "reaction"}
    ),
    ("user", "current_channel"): is_at_the_current_place,
    ("message", "recent"): is_of_item,
    ("message", "collaborators"): turns_to_others,
    ("message", "team"): gives_a_team,
    ("message", "your_channel"): lambda told, event: event.user_id == told.asker and place_of(event) == source_of(told),
    ("message", "active_thread"): is_answer_to_item,
    ("message", "reactions"): lambda told, event: is_of_item(told, event) and event.type == "reaction",
    ("message", "answers_you"): lambda told, event: event.user_id == told.asker and event.type == "message",
    ("message", "current_channel"): is_at_the_current_place,
}


def without(chat: Chat, told: Told) -> Chat:
    cause = CAUSES[told.item.item_type, told.code]
    other = Chat()
    for event in chat.log:
        if not cause(told, event):
            other.apply(event)
    other.time = chat.time
    assert len(other.log) < len(chat.log), f"nothing in the log is the cause of {told}"
    return other


def test_without_its_cause_an_item_scores_otherwise() -> None:
    chat = lively_office()
    for told in told_of(chat):
        if told.code in {"open", "member"}:  # said of an item where there is nothing to say
            continue
        again = ask(without(chat, told), told.asker).recommendations
        same = [one for one in again if (one.item_type, one.item_id) == (told.item.item_type, told.item.item_id)]
        assert not same or (same[0].score, same[0].rank) != (told.item.score, told.item.rank), told


def test_every_code_of_a_reason_has_a_cause_and_nearly_all_of_them_were_tried() -> None:
    tried = {(told.item.item_type, told.code) for told in told_of(lively_office())}
    plain = {("channel", "open"), ("user", "member")}
    assert tried - plain <= CAUSES.keys()
    assert len(CAUSES.keys() - tried) <= 3, CAUSES.keys() - tried


@pytest.mark.parametrize("asker", [*ASKERS, "nobody-yet"])
def test_contributions_and_bias_add_up_to_the_score(asker: str) -> None:
    for item in ask(lively_office(), asker).recommendations:
        assert item.contributions is not None
        assert item.score == pytest.approx(1 / (1 + exp(-sum(item.contributions.values()))), abs=1e-9)
