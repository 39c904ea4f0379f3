from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from quikapp_ml.models.boosted import BoostedHead
from quikapp_ml.models.linear import LinearHead
from quikapp_ml.training.boosted import Boosting, fit_ranking_head, margins_of, train_booster, trees_of
from quikapp_ml.training.choices import Choices, ndcg_of_questions, row_weights


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
    flat = LinearHead.prior(dict.fromkeys(choices.names, 0.0), 0.0)
    head = BoostedHead(flat, trees_of(booster, depth), 1.0, 0.0)
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


UNSIGNED = dict.fromkeys("abcd", 0.0)
SMALL = Boosting(depth=3, rounds=30, rate=0.2)


def test_a_head_gets_trees_where_held_out_choices_show_that_they_help() -> None:
    choices, unseen = made_choices(400), made_choices(seed=1)
    head = fit_ranking_head(choices, LinearHead.prior(UNSIGNED, -3.0), UNSIGNED, SMALL)
    assert isinstance(head, BoostedHead)
    gain = ndcg_of_questions(unseen, head.logits(unseen.features)).mean()
    assert gain > ndcg_of_questions(unseen, head.line.logits(unseen.features)).mean() + 0.1
    again = fit_ranking_head(choices, head, UNSIGNED, SMALL)
    assert isinstance(again, BoostedHead)
    assert again.line.weights == pytest.approx(head.line.weights, abs=0.2)


def test_its_scores_are_honest() -> None:
    """Of what is said to be chosen with some chance, about that share is: by the weights that the line learns with."""
    head = fit_ranking_head(made_choices(600), LinearHead.prior(UNSIGNED, -3.0), UNSIGNED, SMALL)
    unseen = made_choices(600, seed=1)
    scores, weights = head.scores(unseen.features), row_weights(unseen)
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 1.0)):
        rows = (scores >= low) & (scores < high)
        share = np.average(unseen.chosen[rows], weights=weights[rows])
        assert share == pytest.approx(np.average(scores[rows], weights=weights[rows]), abs=0.12)


def test_a_head_stays_a_line_where_a_line_says_it_all_or_little_is_known() -> None:
    choices = made_choices(400)
    best = choices.features[:, 0].reshape(400, -1).argmax(axis=1)
    chosen = np.zeros((400, 12), dtype=bool)
    chosen[np.arange(400), best] = True
    prior = {**UNSIGNED, "a": 1.0}
    straight = replace(choices, chosen=chosen.ravel())
    assert isinstance(fit_ranking_head(straight, LinearHead.prior(prior, -3.0), prior, SMALL), LinearHead)
    assert isinstance(fit_ranking_head(made_choices(100), LinearHead.prior(prior, -3.0), prior, SMALL), LinearHead)


def test_more_of_a_feature_never_lowers_a_score_where_the_prior_says_it_speaks_for_an_item() -> None:
    choices = made_choices(400)
    prior = {"a": 1.0, "b": -1.0, "c": 0.0, "d": 0.0}
    signs = (1, -1, 0, 0)
    trees = trees_of(train_booster(choices, SMALL, np.zeros(len(choices.features)), signs), 3)
    head = BoostedHead(LinearHead.prior(prior, -3.0), trees, 1.0, 0.0)
    rows = choices.features[:200]
    for column, sign in ((0, 1), (1, -1)):
        more = rows.copy()
        more[:, column] += 0.7
        assert (sign * (head.logits(more) - head.logits(rows)) >= 0).all()
