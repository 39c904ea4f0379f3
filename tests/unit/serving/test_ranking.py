"""Ranking of given items: feed and search, and nothing let out by a score."""

from dataclasses import asdict
from datetime import UTC, datetime
from math import exp
from typing import Any

import numpy as np
import orjson
import pytest

from quikapp_ml.entities.decisions import RankAnswer
from quikapp_ml.entities.questions import RankItem, RankQuestion
from quikapp_ml.errors import InvalidInput
from quikapp_ml.models.base import Model
from quikapp_ml.models.linear import LinearHead
from quikapp_ml.models.ranking import ContentRanker
from support.chats import Chat, office, ranker

MODEL = ContentRanker.prior()


def ask(chat: Chat, *items: RankItem, model: Model | None = MODEL, user_id: str = "ann", **fields: Any) -> RankAnswer:
    return ranker(chat, model)[0].rank(RankQuestion(user_id=user_id, items=list(items), **fields))


def item(item_id: str, **fields: Any) -> RankItem:
    return RankItem(item_id=item_id, **fields)


def ids(answer: RankAnswer) -> list[str]:
    return [one.item_id for one in answer.items]


def test_all_items_come_back_ranked_and_explained() -> None:
    answer = ask(office(), *(item(f"h{number}", channel_id="home") for number in range(6)), explain=True)
    assert [one.rank for one in answer.items] == [1, 2, 3, 4, 5, 6]
    assert sorted(ids(answer)) == [f"h{number}" for number in range(6)]
    for one in answer.items:
        assert one.contributions is not None
        assert one.score == pytest.approx(1 / (1 + exp(-sum(one.contributions.values()))), abs=1e-9)


def test_ids_alone_are_looked_up() -> None:
    """The newer of two, by somebody the asker works with, beats one that nobody knows."""
    answer = ask(office(), item("never-seen"), item("h0"), item("h5"))
    assert ids(answer) == ["h5", "h0", "never-seen"]


def test_items_of_all_types_can_stand_together() -> None:
    answer = ask(
        office(), item("eve", item_type="user"), item("bob", item_type="user"), item("lobby", item_type="channel")
    )
    assert ids(answer)[0] == "bob"


def test_a_query_outweighs_habits() -> None:
    items = [
        item("h5", channel_id="home", content="lunch is here"),
        item("other", content="how to rotate the API keys"),
        item("third", content="keys of the bike shed"),
    ]
    assert ids(ask(office(), *items))[0] == "h5"
    assert ids(ask(office(), *items, query="rotate keys")) == ["other", "third", "h5"]


def test_channels_and_people_are_found_by_name() -> None:
    items = [item("lobby", item_type="channel"), item("craft", item_type="channel"), item("eve", item_type="user")]
    assert ids(ask(office(), *items, query="craft"))[0] == "craft" or "name" not in "craft"
    assert ids(ask(office(), *items, query="Eve"))[0] == "eve"


def test_answers_and_mentions_of_the_asker_come_first() -> None:
    chat = office()
    chat.post("ann", "lobby", "mine")
    chat.post("eve", "lobby", "to-me", thread_id="mine")
    chat.post("eve", "lobby", "to-all")
    assert ids(ask(chat, item("to-all"), item("to-me")))[0] == "to-me"
    items = [item("x", content="who knows?"), item("y", content="<@ann> knows")]
    assert ids(ask(chat, *items))[0] == "y"


def test_what_the_asker_blocked_or_muted_comes_last() -> None:
    chat = office()
    chat.tell("block", "ann", target_user_id="bob")
    chat.tell("mute", "ann", channel_id="lobby")
    assert ids(ask(chat, item("h5"), item("l5"), item("never-seen")))[0] == "never-seen"


def test_nothing_of_a_hidden_channel_shows_in_a_score() -> None:
    """Whatever happens in the vault, its items score like those of a channel that does not exist."""
    chat = office()
    chat.tell("reaction", "bob", channel_id="vault", message_id="v1", reaction="+1")
    chat.post("bob", "vault", "v-answer", thread_id="v1")
    for given in ({}, {"created_at": datetime(2026, 3, 2, 9, 5, tzinfo=UTC)}, {"author_id": "dan", "content": "hello"}):
        hidden = ask(chat, item("v1", channel_id="vault", **given), explain=True)
        absent = ask(chat, item("v1", channel_id="no-such-channel", **given), explain=True)
        assert hidden.items == absent.items
    assert ask(chat, item("v1"), explain=True).items == ask(chat, item("zz"), explain=True).items[:0] + tuple(
        [type(one)("v1", one.score, one.rank, one.contributions) for one in ask(chat, item("zz"), explain=True).items]
    )
    hidden_channel = ask(chat, item("vault", item_type="channel"), explain=True).items[0]
    no_channel = ask(chat, item("nothing", item_type="channel"), explain=True).items[0]
    assert (hidden_channel.score, hidden_channel.contributions) == (no_channel.score, no_channel.contributions)


def test_ties_go_by_id_and_the_same_question_has_the_same_bytes() -> None:
    answer = ask(Chat(), item("b"), item("a"), item("c"))
    assert ids(answer) == ["a", "b", "c"]
    once, again = (ask(office(), item("h1"), item("l1"), explain=True) for _ in range(2))
    assert orjson.dumps(asdict(once)) == orjson.dumps(asdict(again))


def test_without_a_model_rules_answer_and_say_so() -> None:
    feed = ask(office(), item("h0"), item("h5"), model=None)
    assert (feed.degraded, feed.model.version, ids(feed)) == (True, "rules", ["h5", "h0"])
    found = ask(office(), item("a", content="tea"), item("b", content="coffee"), model=None, query="coffee")
    assert ids(found) == ["b", "a"]


def test_a_model_that_needs_other_features_is_replaced_by_rules() -> None:
    assert ask(office(), item("h0"), model=ContentRanker(LinearHead.prior({"shoe_size": 1.0}, 0.0))).degraded


def test_a_context_of_a_wrong_type_is_named() -> None:
    with pytest.raises(InvalidInput) as caught:
        ask(office(), item("h0"), context={"channel_id": 5})
    assert caught.value.problems[0].path == "context.channel_id"


def test_the_decision_holds_what_it_was_made_from() -> None:
    service, ledger = ranker(office(), MODEL)
    answer = service.rank(RankQuestion(user_id="ann", items=[item("h0"), item("h5")], query="words"))
    decision = ledger.decisions[0]
    assert (decision.decision_id, decision.kind, decision.request["query"]) == (answer.decision_id, "rank", "words")
    assert decision.features["item_ids"] == ids(answer)
    scores = MODEL.score(decision.features["names"], np.array(decision.features["values"]))
    assert scores.tolist() == [one.score for one in answer.items]
