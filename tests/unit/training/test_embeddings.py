"""The recipe on a small sample workspace: past before future, above popularity, the same again, and private unseen."""

from functools import cache

import numpy as np
import pytest

from quikapp_ml.entities.events import Event, parse_event
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.models.embeddings import UserEmbeddings
from quikapp_ml.training.embeddings import ChannelQuestions, EmbeddingsRecipe, questions_of
from quikapp_ml.training.recipe import NotEnoughData
from support.chats import LATEST, Chat

RECIPE = EmbeddingsRecipe()


@cache
def log() -> tuple[Event, ...]:
    return tuple(parse_event(event, now=LATEST) for event in generate(SampleConfig(users=100, days=30, seed=1)))


@cache
def halves() -> tuple[ChannelQuestions, ChannelQuestions]:
    return RECIPE.split(questions_of(log()))


@cache
def fitted() -> UserEmbeddings:
    return RECIPE.fit(halves()[0], RECIPE.untrained())


def test_what_is_learnt_from_is_earlier_than_what_is_asked() -> None:
    learnt, held_out = halves()
    assert learnt.adoptions.at.max() < held_out.at.min()
    assert len(held_out) == pytest.approx(0.25 * len(learnt), abs=6)


def test_everybody_asked_about_has_used_a_channel_before() -> None:
    questions = questions_of(log())
    assert questions.adoptions.n_used_before(questions.askers, questions.at).min() >= 1
    pairs = list(zip(questions.adoptions.users, questions.adoptions.channels, strict=True))
    assert len(pairs) == len(set(pairs)), "coming back to a channel is no first step"


def test_it_beats_popularity_and_what_knows_nothing() -> None:
    measures = RECIPE.evaluate(fitted(), halves()[1])
    assert measures["ndcg_at_10"] > measures["baseline_popular"]
    assert measures["ndcg_at_10_low"] < measures["ndcg_at_10"] < measures["ndcg_at_10_high"]
    untrained = RECIPE.evaluate(RECIPE.untrained(), halves()[1])
    assert untrained["ndcg_at_10"] < measures["ndcg_at_10_low"]


def test_the_gain_over_the_version_before_has_its_interval() -> None:
    gained = RECIPE.compare(fitted(), RECIPE.untrained(), halves()[1])
    assert gained["difference_low"] > 0
    assert gained["difference_in_seasoned"] > 0
    same = RECIPE.compare(fitted(), fitted(), halves()[1])
    assert set(same.values()) == {0.0}


def test_a_fit_is_the_same_again_and_stays_where_the_version_before_was() -> None:
    learnt = halves()[0]
    again = RECIPE.fit(learnt, RECIPE.untrained())
    assert np.array_equal(again.factors_, fitted().factors_)
    tomorrow = RECIPE.fit(questions_of(log()), fitted())
    near = np.linalg.norm(tomorrow.embed([["C0001", "C0002"]]) - fitted().embed([["C0001", "C0002"]]))
    assert near < 0.7


def circles(chat: Chat) -> None:
    """Ten people each in two circles; the last of each has not joined all channels yet."""
    for circle in ("red", "blue"):
        people = [f"{circle}-{number}" for number in range(10)]
        chat.people(*people)
        for number in range(4):
            chat.channel(f"{circle}-c{number}", *people[: 10 - number])


def test_people_of_a_circle_point_the_same_way() -> None:
    chat = Chat()
    circles(chat)
    model = RECIPE.fit(questions_of(chat.log), RECIPE.untrained())
    red, newcomer, blue = model.embed([["red-c0", "red-c1", "red-c2"], ["red-c0"], ["blue-c0", "blue-c1"]])
    assert red @ newcomer > red @ blue + 0.2
    everybody = model.embed([chat.workspace.channels_of(user_id) for user_id in chat.workspace.people])
    sums = everybody[:10].sum(axis=0), everybody[10:].sum(axis=0)
    assert model.average_ @ sums[0] == pytest.approx(model.average_ @ sums[1]), "the average is in the middle"


def test_a_private_channel_is_not_in_the_model() -> None:
    told, untold = Chat(), Chat()
    for chat in (told, untold):
        circles(chat)
    told.channel("secret", "red-0", "blue-0", is_private=True)
    told.channel("closed", "red-1", "blue-1")
    told.tell("channel_made_private", "red-1", channel_id="closed")
    models = [RECIPE.fit(questions_of(chat.log), RECIPE.untrained()) for chat in (told, untold)]
    assert models[0].channel_ids_ == models[1].channel_ids_
    assert np.array_equal(models[0].factors_, models[1].factors_)


def test_too_few_steps_are_counted() -> None:
    chat = Chat()
    chat.channel("one", "ann", "bob")
    with pytest.raises(NotEnoughData, match=r"the events show 1 first steps.*needed are 20"):
        questions_of(chat.log)
    with pytest.raises(NotEnoughData, match="show 0 first steps"):
        questions_of([])
