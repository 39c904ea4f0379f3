"""Challengers in the shadow: asked beside the champion, within a budget, and never in the way."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from quikapp_ml.entities.questions import RankItem, RankQuestion
from quikapp_ml.errors import Damaged, Unavailable
from quikapp_ml.models.base import Model
from quikapp_ml.models.linear import LinearHead
from quikapp_ml.models.ranking import ContentRanker
from quikapp_ml.models.spam import SpamClassifier
from quikapp_ml.serving.scoring import Scores
from quikapp_ml.serving.shadow import QUEUED, ShadowHost, Wanted, agreement, asked
from support.chats import OneModel, office, ranker

CHAMPION = ContentRanker(LinearHead.prior({"recency": 1.0}, 0.0))
REVERSED = ContentRanker(LinearHead.prior({"recency": -1.0}, 0.0))
WANTED = Wanted("ranks", "content-ranker", 2, 1.0, 0.5)
VALUES = np.array([[0.1], [0.5], [0.9]])


def score(model: Any) -> Scores:
    return Scores.by_model(model.contributions(("recency",), VALUES))


def fails(_model: Any) -> Scores:
    raise ZeroDivisionError


@pytest.fixture
def host() -> Iterator[ShadowHost]:
    host = ShadowHost(lambda _, __: REVERSED)
    host.start()
    yield host
    host.close()


def until(met: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not met() and time.monotonic() < ends:
        time.sleep(0.01)
    assert met()


def test_both_are_asked_and_compared(host: ShadowHost) -> None:
    host.offer("content-ranker", CHAMPION, score)
    host.follow({"content-ranker": WANTED})
    host.offer("content-ranker", CHAMPION, score)
    host.offer("spam-classifier", CHAMPION, fails)
    until(lambda: host._shadowed["content-ranker"].tally.asked == 1)
    tally = host.taken("content-ranker")
    assert (tally.asked, tally.errors, tally.agreement) == (1, 0, 0.0)
    assert host.taken("content-ranker").asked == 0
    host.follow({})
    host.offer("content-ranker", CHAMPION, score)
    assert host.taken("content-ranker").asked == 0


def test_what_fails_is_counted_and_a_champion_that_fails_makes_it_void() -> None:
    def only_champion(model: Any) -> Scores:
        return score(model) if model is CHAMPION else fails(model)

    assert asked(CHAMPION, REVERSED, only_champion).errors == 1
    assert asked(REVERSED, CHAMPION, only_champion).asked == 0
    assert asked(CHAMPION, CHAMPION, score).agreement == 1.0


def test_a_request_waits_for_nobody_and_what_is_too_much_is_dropped() -> None:
    host = ShadowHost(lambda _, __: REVERSED)
    host.follow({"content-ranker": WANTED})
    for _ in range(QUEUED + 5):
        host.offer("content-ranker", CHAMPION, score)
    assert host.taken("content-ranker").dropped == 5


def test_it_keeps_to_its_share_of_questions() -> None:
    host = ShadowHost(lambda _, __: REVERSED)
    host.follow({"content-ranker": Wanted("ranks", "content-ranker", 2, 0.0, 0.5)})
    for _ in range(100):
        host.offer("content-ranker", CHAMPION, score)
    assert host._queue.empty()


def test_a_version_that_cannot_be_loaded_is_told_and_one_that_cannot_be_fetched_is_tried_again() -> None:
    failures: list[Exception | None] = [Unavailable("the registry is away"), Damaged("torn"), None]

    def load(_name: str, _number: int) -> Model:
        failure = failures.pop(0)
        if failure is not None:
            raise failure
        return REVERSED

    host = ShadowHost(load)
    host.follow({"content-ranker": WANTED})
    assert host.failure("content-ranker") == ""
    host.follow({"content-ranker": WANTED})
    assert "version 2 cannot be loaded" in host.failure("content-ranker")
    host.follow({"content-ranker": WANTED})
    host.follow({"content-ranker": WANTED})
    assert host.failure("content-ranker") == ""
    assert failures == []


def test_answers_of_every_kind_can_be_compared() -> None:
    spam = SpamClassifier.prior()
    first, second = score(CHAMPION), score(REVERSED)
    assert agreement(first, first) == 1.0
    assert agreement({"channel": first, "user": first}, {"channel": first, "user": second}) == 0.5
    assert agreement({}, {}) == 1.0
    assert agreement([[0.1, 0.9], [0.8, 0.2]], [[0.2, 0.8], [0.1, 0.9]]) == 0.5
    assert agreement(spam.check("hi"), SpamClassifier.prior(bias=-2.0).check("hi")) == 1.0
    assert agreement(spam.check("hi"), SpamClassifier.prior(bias=2.0).check("hi")) == 0.0


def test_the_services_offer_what_they_were_asked() -> None:
    chat = office()
    service, _ = ranker(chat, CHAMPION)
    models = service._models
    assert isinstance(models, OneModel)
    service.rank(RankQuestion(user_id="ann", items=[RankItem(item_id="h0"), RankItem(item_id="h5")]))
    ((name, model, ask),) = models.offered
    assert (name, model) == ("content-ranker", CHAMPION)
    assert agreement(ask(model), ask(CHAMPION)) == 1.0
    rules, _ = ranker(chat, None)
    rules.rank(RankQuestion(user_id="ann", items=[RankItem(item_id="h0")]))
    assert isinstance(rules._models, OneModel)
    assert rules._models.offered == []
