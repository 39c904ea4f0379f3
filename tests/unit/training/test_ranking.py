"""The ranking recipe on a small sample workspace."""

from functools import cache

import numpy as np
import pytest

from quikapp_ml.entities.events import parse_event
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.models.boosted import line_of
from quikapp_ml.models.ranking import RANKING_PRIOR, ContentRanker
from quikapp_ml.training.choices import Choices
from quikapp_ml.training.ranking import RankingRecipe, examples_of
from quikapp_ml.training.recipe import NotEnoughData
from support.chats import LATEST, office

RECIPE = RankingRecipe()


@cache
def examples() -> Choices:
    log = [parse_event(event, now=LATEST) for event in generate(SampleConfig(users=60, days=21))]
    return examples_of(lambda: log)


def test_the_columns_are_those_of_the_model() -> None:
    assert examples().names == tuple(RANKING_PRIOR)
    assert np.isfinite(examples().features).all()
    assert (examples().column("query_match") == 0).all()


def test_the_split_is_in_time() -> None:
    early, late = RECIPE.split(examples())
    assert early.at.max() < late.at.min()
    assert len(late) == pytest.approx(len(examples()) / 5, rel=0.1)


def test_the_fitted_model_beats_its_baselines_and_the_version_before() -> None:
    early, late = RECIPE.split(examples())
    before = ContentRanker.prior()
    model = RECIPE.fit(early, before)
    measures = RECIPE.evaluate(model, late)
    assert measures["ndcg_at_10_low"] <= measures["ndcg_at_10"] <= measures["ndcg_at_10_high"]
    assert measures["ndcg_at_10"] > max(measures["baseline_popular"], measures["baseline_recency"])
    assert measures["ndcg_at_10"] > RECIPE.evaluate(before, late)["ndcg_at_10"]


def test_the_gain_over_the_version_before_is_told_by_slices() -> None:
    early, late = RECIPE.split(examples())
    before = ContentRanker.prior()
    model = RECIPE.fit(early, before)
    gained = RECIPE.compare(model, before, late)
    by_all = RECIPE.evaluate(model, late)["ndcg_at_10"] - RECIPE.evaluate(before, late)["ndcg_at_10"]
    assert gained["difference"] == pytest.approx(by_all)
    assert gained["difference_low"] < gained["difference"] < gained["difference_high"]
    assert {"difference_in_many", "difference_in_seasoned"} <= set(gained)
    assert set(RECIPE.compare(model, model, late).values()) == {0.0}


def test_what_a_log_cannot_tell_stays_as_it_was() -> None:
    head = line_of(RECIPE.fit(examples(), ContentRanker.prior()).head_)
    raw = dict(zip(head.names, head.weights / head.scales, strict=True))
    for name in ("query_match", "query_found"):
        assert raw[name] == pytest.approx(RANKING_PRIOR[name])


def test_too_few_choices_are_counted() -> None:
    chat = office()
    chat.wait(days=2)
    chat.react("ann", "craft", "c1")
    with pytest.raises(NotEnoughData, match=r"1 answers or reactions.*needed are 50"):
        examples_of(lambda: chat.log)
