"""Measures with answers known from elsewhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, recall_score

from quikapp_ml.training.measures import (
    average_precision,
    difference_with_interval,
    interval,
    macro_f1,
    macro_recall,
    with_interval,
)

LABELS = st.lists(st.integers(0, 2), min_size=1, max_size=30)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), min_size=1, max_size=40))
def test_average_precision_is_that_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    targets = np.array([target for target, _ in rows])
    scores = np.array([float(score) for _, score in rows])
    expected = average_precision_score(targets, scores) if targets.any() else 0.0
    assert average_precision(targets, scores) == pytest.approx(expected)


@given(LABELS)
def test_macro_measures_are_those_of_scikit_learn(labels: list[int]) -> None:
    targets = np.array(labels)
    guesses = np.random.default_rng(len(labels)).integers(0, 3, len(labels))
    present = np.unique(targets)
    assert macro_recall(targets, guesses) == pytest.approx(
        recall_score(targets, guesses, labels=present, average="macro", zero_division=0)
    )
    assert macro_f1(targets, guesses) == pytest.approx(
        f1_score(targets, guesses, labels=present, average="macro", zero_division=0)
    )


def test_the_interval_covers_a_mean_and_repeats_itself() -> None:
    values = np.random.default_rng(1).normal(5.0, 1.0, 400)
    low, high = interval(lambda drawn: float(values[drawn].mean()), len(values))
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.2)
    assert (low, high) == interval(lambda drawn: float(values[drawn].mean()), len(values))


def test_a_measure_comes_with_its_interval() -> None:
    targets = np.array([0, 1] * 50)
    found = with_interval("macro_recall", macro_recall, targets, np.array([0, 1] * 49 + [1, 0]))
    assert found["macro_recall"] == pytest.approx(0.98)
    assert found["macro_recall_low"] < 0.98 < found["macro_recall_high"]


def test_the_difference_of_equal_answers_is_zero_and_of_better_ones_surely_above() -> None:
    targets = np.array([0, 1] * 50)
    same = difference_with_interval("difference", macro_recall, targets, targets, targets)
    assert same == {"difference": 0.0, "difference_low": 0.0, "difference_high": 0.0}
    half = np.where(np.arange(100) < 50, targets, 0)
    better = difference_with_interval("difference", macro_recall, targets, targets, half)
    worse = difference_with_interval("difference", macro_recall, targets, half, targets)
    assert better["difference"] == pytest.approx(0.25)
    assert 0 < better["difference_low"] < 0.25 < better["difference_high"]
    assert worse["difference_high"] == pytest.approx(-better["difference_low"])
