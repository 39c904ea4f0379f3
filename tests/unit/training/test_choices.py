"""Choices: what the fit learns and keeps, and measures whose right answers are known."""

import numpy as np
import pytest

from quikapp_ml.models.linear import LinearHead
from quikapp_ml.training.choices import Choices, fit_head, mean_with_interval, ndcg_of_questions


def choices(n_questions: int = 200, n_items: int = 6, seed: int = 1) -> Choices:
    """The chosen item has the largest `telling`; `noise` says nothing and `silent` is always 0."""
    rng = np.random.default_rng(seed)
    telling, noise = rng.random((n_questions, n_items)), rng.random((n_questions, n_items))
    chosen = telling == telling.max(axis=1, keepdims=True)
    features = np.column_stack([telling.ravel(), noise.ravel(), np.zeros(n_questions * n_items)])
    question = np.repeat(np.arange(n_questions), n_items)
    return Choices(
        ("telling", "noise", "silent"), features, chosen.ravel(), question,
        np.arange(n_questions, dtype=float), np.arange(n_questions) % 20,
    )  # fmt: skip


PRIOR = {"telling": 1.0, "noise": 1.0, "silent": -1.0}
PREVIOUS = LinearHead.prior({"telling": 0.0, "noise": 0.0, "silent": -3.0}, -3.5)


def test_the_fit_finds_what_tells_and_keeps_what_was_known_of_the_rest() -> None:
    head = fit_head(choices(), PREVIOUS, PRIOR)
    raw = dict(zip(head.names, head.weights / head.scales, strict=True))
    assert raw["telling"] > 3
    assert abs(raw["noise"]) < raw["telling"] / 4
    assert raw["silent"] == pytest.approx(-3.0)
    given = choices(seed=2)
    assert ndcg_of_questions(given, head.scores(given.features)).mean() > 0.9


def test_scores_are_the_share_of_the_chosen_among_ten_alternatives() -> None:
    given = choices(2000)
    head = fit_head(given, LinearHead.prior({"telling": 0.0, "noise": 0.0, "silent": 0.0}, 0.0), PRIOR)
    weights = np.where(given.chosen, 1.0, 10 / 5)
    assert np.average(head.scores(given.features), weights=weights) == pytest.approx(1 / 11, abs=0.005)


def test_few_examples_stay_near_the_previous_head() -> None:
    before = LinearHead.prior({"telling": 0.5, "noise": 0.0, "silent": 0.0}, -3.5)
    few, many = fit_head(choices(2), before, PRIOR), fit_head(choices(2000), before, PRIOR)
    assert few.weights[0] / few.scales[0] == pytest.approx(0.5, abs=1.0)
    assert many.weights[0] / many.scales[0] > 3


def test_a_weight_does_not_turn_round() -> None:
    head = fit_head(choices(), PREVIOUS, {**PRIOR, "telling": -1.0})
    assert head.weights[0] / head.scales[0] == pytest.approx(-0.3)


def test_ndcg_of_known_ranks_and_ties() -> None:
    given = choices(1, 4)
    where = int(np.flatnonzero(given.chosen)[0])
    first, third = np.zeros(4), np.arange(4.0)
    first[where] = 1.0
    third[[where, 1 if where != 1 else 0]] = third[[1 if where != 1 else 0, where]]
    assert ndcg_of_questions(given, first).tolist() == [1.0]
    assert ndcg_of_questions(given, np.zeros(4)).tolist() == pytest.approx([1 / np.log2(3.5)])
    scores = np.array([3.0, 2.0, 1.0, 0.0])
    scores[[where, 2]] = scores[[2, where]]
    assert ndcg_of_questions(given, scores).tolist() == pytest.approx([1 / np.log2(4)])


def test_ndcg_is_0_below_rank_ten() -> None:
    given = choices(1, 12)
    assert ndcg_of_questions(given, np.where(given.chosen, 0.0, 1.0)).tolist() == [0.0]
    assert ndcg_of_questions(given, np.zeros(12)).tolist() == pytest.approx([1 / np.log2(7.5)])


def test_split_and_only_number_the_questions_anew() -> None:
    early, late = choices(10, 3).split_at(8.0)
    assert (early.n_questions, late.n_questions) == (8, 2)
    assert late.question.tolist() == [0, 0, 0, 1, 1, 1]
    assert late.chosen.sum() == 2
    assert late.column("silent").tolist() == [0.0] * 6


def test_the_interval_is_over_people() -> None:
    """Ten people with 100 equal answers each say as little as ten answers."""
    gains = np.repeat(np.tile([0.0, 1.0], 5), 100)
    people = np.repeat(np.arange(10), 100)
    mean, low, high = mean_with_interval({"a": gains}, {"a": people})
    assert mean == pytest.approx(0.5)
    assert high - low > 0.4


def test_kinds_weigh_the_same_and_empty_ones_are_left_out() -> None:
    gains = {"a": np.ones(100), "b": np.zeros(2), "c": np.zeros(0)}
    askers = {"a": np.arange(100), "b": np.arange(2), "c": np.zeros(0, dtype=np.int64)}
    assert mean_with_interval(gains, askers)[0] == pytest.approx(0.5)
    assert mean_with_interval({"c": np.zeros(0)}, askers) == (0.0, 0.0, 0.0)


def test_thinned_choices_keep_what_was_chosen_and_so_many_others() -> None:
    whole, thin = choices(n_items=20), choices(n_items=20).thinned(5)
    assert thin.n_questions == whole.n_questions
    assert np.bincount(thin.question).tolist() == [6] * thin.n_questions
    assert np.bincount(thin.question, thin.chosen).tolist() == [1.0] * thin.n_questions
    assert thin.features[thin.chosen].tolist() == whole.features[whole.chosen].tolist()
    assert whole.thinned(20).features.tolist() == whole.features.tolist()
