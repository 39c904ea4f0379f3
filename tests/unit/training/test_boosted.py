from importlib import import_module

import numpy as np
import pytest

from quikapp_ml.models.boosted import BoostedHead
from quikapp_ml.training.boosted import Boosting, margins_of, train_booster, trees_of
from quikapp_ml.training.choices import Choices, ndcg_of_questions


def made_choices(n_questions: int = 150, n_items: int = 12, seed: int = 0) -> Choices:
    """What is chosen is high in the first feature or the second, but not in both."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_questions, n_items, 4))
    taste = np.abs(features[..., 0] - features[..., 1])
    chosen = np.zeros((n_questions, n_items), dtype=bool)
    chosen[np.arange(n_questions), taste.argmax(axis=1)] = True
    question = np.repeat(np.arange(n_questions), n_items)
    return Choices(
        tuple("abcd"), features.reshape(-1, 4), chosen.ravel(), question, np.arange(n_questions, dtype=float),
        rng.integers(0, 9, n_questions),
    )  # fmt: skip


@pytest.mark.parametrize("depth", [1, 3, 4])
def test_the_trees_answer_and_explain_as_xgboost_does(depth: int) -> None:
    choices = made_choices()
    booster = train_booster(choices, Boosting(depth=depth, rounds=12))
    head = BoostedHead(choices.names, trees_of(booster, depth), 1.0, 0.0)
    rows = choices.features[:50]
    assert head.logits(rows) == pytest.approx(margins_of(booster, rows), abs=1e-5)
    theirs = booster.predict(import_module("xgboost").DMatrix(rows), pred_contribs=True)
    assert head.contributions(rows) == pytest.approx(theirs[:, :-1], abs=1e-5)
    assert head.bias == pytest.approx(float(theirs[0, -1]), abs=1e-5)


def test_trees_find_what_no_line_can() -> None:
    booster = train_booster(made_choices(), Boosting(depth=3, rounds=40))
    unseen = made_choices(seed=1)
    assert ndcg_of_questions(unseen, margins_of(booster, unseen.features)).mean() > 0.7


def test_the_same_choices_give_the_same_trees() -> None:
    first, second = (trees_of(train_booster(made_choices(), Boosting(rounds=5)), 4) for _ in range(2))
    assert first.leaves.tolist() == second.leaves.tolist()
    assert first.thresholds.tolist() == second.thresholds.tolist()
