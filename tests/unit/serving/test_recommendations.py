"""Recommendations over a small office whose right answers can be read off its events."""

from dataclasses import asdict
from math import exp
from typing import Any

import numpy as np
import orjson
import pytest

from quikapp_ml.entities.decisions import Decision, RecommendationAnswer, RecommendedItem
from quikapp_ml.entities.questions import RecommendationQuestion
from quikapp_ml.errors import InvalidInput
from quikapp_ml.models.base import Model
from quikapp_ml.models.linear import LinearHead
from quikapp_ml.models.recommendation import ItemSimilarity, RecommendationModel
from quikapp_ml.serving.policy import ListPolicy
from support.chats import Chat, office, recommender

MODEL = RecommendationModel.prior()


def ask(chat: Chat, user_id: str = "ann", model: Model | None = MODEL, **fields: Any) -> RecommendationAnswer:
    return recommender(chat, model)[0].recommend(RecommendationQuestion(user_id=user_id, **fields))


def ids(answer: RecommendationAnswer) -> list[str]:
    return [item.item_id for item in answer.recommendations]


def codes(item: RecommendedItem) -> list[str]:
    return [reason.code for reason in item.reasons]


def test_channels_of_collaborators_come_before_lively_ones() -> None:
    answer = ask(office(), types=["channel"])
    assert ids(answer) == ["craft", "lobby", "attic"]
    craft = answer.recommendations[0]
    assert craft.source == "collaborators"
    assert "The person you work with most is in it" in [reason.text for reason in craft.reasons]
    assert "2 of your 2 teammates are in it" in [reason.text for reason in craft.reasons]


def test_people_to_meet_come_before_people_already_known() -> None:
    answer = ask(office(), types=["user"])
    assert ids(answer)[0] == "cid"
    assert ids(answer)[-1] == "bob"
    assert set(ids(answer)) == {"bob", "cid", "dan", "eve"}
    assert {"team", "shared_channels"} <= set(codes(answer.recommendations[0]))


def test_threads_are_one_item_and_own_messages_none() -> None:
    chat = office()
    chat.post("cid", "home", "reply", thread_id="h2")
    answer = ask(chat, types=["message"], limit=100)
    assert len(ids(answer)) == len(set(ids(answer)))
    assert "h2" in ids(answer)
    assert not {"reply", *(f"a{number}" for number in range(6))} & set(ids(answer))
    assert {item.source for item in answer.recommendations} <= {
        "channel:home", "channel:craft", "channel:lobby", "channel:secret-own",
    }  # fmt: skip


def test_an_answer_to_ones_own_message_says_so() -> None:
    chat = office()
    chat.post("ann", "home", "mine")
    chat.post("cid", "home", "theirs", thread_id="mine")
    answer = ask(chat, types=["message"])
    assert ids(answer)[0] == "theirs"
    assert "answers_you" in codes(answer.recommendations[0])


def test_a_mixed_list_is_ranked_scored_and_explained() -> None:
    answer = ask(office(), explain=True)
    assert [item.rank for item in answer.recommendations] == list(range(1, 11))
    scores = [item.score for item in answer.recommendations]
    assert scores == sorted(scores, reverse=True)
    assert {item.item_type for item in answer.recommendations} == {"channel", "user", "message"}
    for item in answer.recommendations:
        assert item.contributions is not None
        assert item.score == pytest.approx(1 / (1 + exp(-sum(item.contributions.values()))), abs=1e-9)
        assert item.reasons


def test_contributions_are_there_only_when_asked_for() -> None:
    assert all(item.contributions is None for item in ask(office()).recommendations)


def test_a_stranger_gets_what_is_lively_and_open() -> None:
    answer = ask(office(), "nobody-yet", limit=100)
    found = {(item.item_type, item.item_id) for item in answer.recommendations}
    assert {("channel", "lobby"), ("user", "dan"), ("message", "l5")} <= found
    assert not {("channel", "vault"), ("channel", "secret-own")} & found
    assert ids(ask(office(), "nobody-yet", types=["channel"]))[0] in {"lobby", "home"}


def test_an_empty_chat_has_nothing_to_recommend() -> None:
    answer = ask(Chat())
    assert answer.recommendations == ()
    assert not answer.degraded


def test_the_same_state_and_question_give_the_same_bytes() -> None:
    once, again = ask(office(), explain=True), ask(office(), explain=True)
    assert orjson.dumps(asdict(once)) == orjson.dumps(asdict(again))


def test_the_current_channel_draws_in_its_neighbours() -> None:
    chat = office()
    before = {item.item_id: item.score for item in ask(chat, "eve", types=["channel"]).recommendations}
    here = ask(chat, "eve", types=["channel"], context={"channel_id": "lobby", "time_of_day": "morning"})
    chat.tell("join", "dan", channel_id="home")
    assert "current_channel" not in {code for item in here.recommendations for code in codes(item)}
    after = ask(chat, "eve", types=["channel"], context={"channel_id": "lobby"})
    home = next(item for item in after.recommendations if item.item_id == "home")
    assert "current_channel" in codes(home) or home.score > before["home"]


def test_a_hidden_or_unknown_current_channel_changes_nothing() -> None:
    plain = ask(office(), explain=True)
    for given in ("vault", "no-such-channel"):
        assert ask(office(), explain=True, context={"channel_id": given}).recommendations == plain.recommendations


@pytest.mark.parametrize("name", ["channel_id", "time_of_day"])
@pytest.mark.parametrize("value", [5, None, ["home"], {}])
def test_a_context_of_a_wrong_type_is_named(name: str, value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        ask(office(), context={name: value})
    assert caught.value.problems[0].path == f"context.{name}"


def test_without_a_model_rules_answer_and_say_so() -> None:
    answer = ask(office(), model=None, explain=True)
    assert answer.degraded
    assert (answer.model.name, answer.model.version) == ("recommendation-v2", "rules")
    channels = [item.item_id for item in answer.recommendations if item.item_type == "channel"]
    assert channels[0] == "lobby"
    assert all(0 <= item.score <= 1 and item.reasons for item in answer.recommendations)


def test_a_model_that_needs_other_features_is_replaced_by_rules() -> None:
    heads = {kind: LinearHead.prior({"shoe_size": 1.0}, 0.0) for kind in MODEL.heads_}
    answer = ask(office(), model=RecommendationModel(heads, ItemSimilarity.empty()))
    assert answer.degraded
    assert answer.model.version == "rules"
    assert answer.recommendations


def test_similar_channels_are_a_source_and_a_reason() -> None:
    similarity = ItemSimilarity(("attic", "home"), np.array([[1], [0]]), np.array([[0.9], [0.9]]))
    answer = ask(office(), model=RecommendationModel(MODEL.heads_, similarity), types=["channel"])
    attic = next(item for item in answer.recommendations if item.item_id == "attic")
    assert attic.source == "similar"
    assert ("similar_channels", "The same people use #home-name, where you are a member") in [
        (reason.code, reason.text) for reason in attic.reasons
    ]


def test_the_decision_holds_what_it_was_made_from() -> None:
    service, ledger = recommender(office(), MODEL)
    answer = service.recommend(RecommendationQuestion(user_id="ann", limit=4))
    decision = ledger.decisions[0]
    assert (decision.decision_id, decision.kind, decision.user_id) == (answer.decision_id, "recommendations", "ann")
    assert (decision.model_number, decision.degraded, decision.propensity) == (7, False, None)
    assert decision.latency_ms > 0
    assert sum(len(of_type["values"]) for of_type in decision.features.values()) == 4
    for item_type, of_type in decision.features.items():
        again = MODEL.score(item_type, of_type["names"], np.array(of_type["values"]))  # type: ignore[arg-type]
        answered = [item.score for item in answer.recommendations if item.item_type == item_type]
        assert again.tolist() == answered
    orjson.dumps(decision.answer)


def test_fewer_than_asked_for_come_with_the_reason() -> None:
    answer = ask(office(), types=["channel"], limit=5)
    assert answer.fewer is not None
    assert (answer.fewer.code, answer.fewer.text) == (
        "nothing_else", "Of what was asked for, there is nothing else to show: 3 of 5",
    )  # fmt: skip
    assert ask(office(), types=["channel"], limit=3).fewer is None


class TestPolicies:
    """What is put forward, what is tried, and what is alike."""

    def asked(self, policy: ListPolicy, **fields: Any) -> tuple[RecommendationAnswer, Decision]:
        service, ledger = recommender(office(), MODEL, policy)
        answer = service.recommend(RecommendationQuestion(**{"user_id": "ann", **fields}))
        return answer, ledger.decisions[0]

    def test_a_promoted_channel_has_a_place_and_says_so(self) -> None:
        answer, _ = self.asked(ListPolicy(promoted=("attic",)), limit=4, explain=True)
        attic = next(item for item in answer.recommendations if item.item_id == "attic")
        assert (attic.source, attic.reasons[0].code, len(answer.recommendations)) == ("promoted", "promoted", 4)

    @pytest.mark.parametrize("promoted", ["vault", "home", "no-such-channel"])
    def test_what_the_asker_may_not_join_is_not_promoted(self, promoted: str) -> None:
        answer, _ = self.asked(ListPolicy(promoted=(promoted,)))
        assert answer.recommendations == self.asked(ListPolicy())[0].recommendations

    def test_a_list_that_tries_something_keeps_how_likely_that_was(self) -> None:
        answer, decision = self.asked(ListPolicy(explore=1.0), limit=5)
        plain, _ = self.asked(ListPolicy(), limit=5)
        key = decision.candidates["explored"]
        new = set(ids(answer)) - set(ids(plain))
        assert len(new) == 1
        assert key is not None
        assert decision.propensity is not None
        assert 1 / decision.propensity == pytest.approx(round(1 / decision.propensity))
        assert self.asked(ListPolicy(explore=1.0), limit=5)[0].recommendations == answer.recommendations

    def test_a_list_that_could_have_tried_something_says_so_too(self) -> None:
        seeds = [self.asked(ListPolicy(explore=0.5), user_id=f"guest-{at}", limit=4)[1] for at in range(12)]
        for decision in seeds:
            assert decision.propensity is not None
            assert (decision.propensity == 0.5) == (decision.candidates["explored"] is None)

    def test_messages_of_one_channel_by_one_author_give_way(self) -> None:
        plain, _ = self.asked(ListPolicy(), types=["message"], limit=6)
        varied, _ = self.asked(ListPolicy(diversity=0.9), types=["message"], limit=6)
        assert len({item.source for item in varied.recommendations}) > len(
            {item.source for item in plain.recommendations}
        )


class TestWhatMayNotBeShown:
    """Each thing that takes an item out of the very next answer."""

    def everything(self, chat: Chat, user_id: str = "ann") -> set[str]:
        return set(ids(ask(chat, user_id, limit=100)))

    def test_joined_archived_muted_and_private_channels(self) -> None:
        chat = office()
        assert {"craft", "lobby", "attic"} <= self.everything(chat)
        chat.tell("join", "ann", channel_id="craft")
        chat.tell("channel_archived", "eve", channel_id="attic")
        chat.tell("channel_made_private", "dan", channel_id="lobby")
        assert not {"craft", "lobby", "attic", "l5"} & self.everything(chat)
        chat.tell("mute", "ann", channel_id="craft")
        assert "c5" not in self.everything(chat)

    def test_a_channel_whose_creation_was_never_seen(self) -> None:
        chat = office()
        chat.post("dan", "rumour", "r1")
        assert not {"rumour", "r1"} & self.everything(chat)

    @pytest.mark.parametrize(
        ("kind", "actor", "fields"),
        [
            ("block", "ann", {"target_user_id": "dan"}),
            ("block", "dan", {"target_user_id": "ann"}),
            ("mute", "ann", {"target_user_id": "dan"}),
            ("user_updated", "dan", {"is_deleted": True}),
        ],
    )
    def test_people_and_their_messages(self, kind: str, actor: str, fields: dict[str, object]) -> None:
        chat = office()
        assert {"dan", "l5"} <= self.everything(chat)
        chat.tell(kind, actor, **fields)
        assert not {"dan", "l5"} & self.everything(chat)

    def test_deleted_messages_bots_and_oneself(self) -> None:
        chat = office()
        chat.tell("delete", "dan", channel_id="lobby", message_id="l5")
        chat.tell("user_updated", "eve", is_bot=True)
        assert not {"l5", "eve", "ann"} & self.everything(chat)
