"""Fitting: known answers, and a prior that holds."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from quikapp_ml.models.hashing import Hashing, bag_of
from quikapp_ml.models.linear import logistic
from quikapp_ml.models.text import tokenise
from quikapp_ml.training.linear import Fitted, Hold, balanced, calibrate, design_of, fit_binary, fit_classes

LOOSE = Hold(1e-6, 1e-6)


def nothing(n_classes: int, n_columns: int) -> Fitted:
    return Fitted(np.zeros((n_classes, n_columns)), np.zeros(n_classes))


def sample(n_rows: int = 4_000) -> tuple[csr_array, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    rng = np.random.default_rng(5)
    features = rng.integers(0, 2, (n_rows, 3)).astype(np.float32)
    logits = features @ np.array([2.0, -1.0, 0.0]) - 0.5
    return csr_array(features), (rng.random(n_rows) < logistic(logits)).astype(float)


def test_logistic_regression_finds_the_weights_that_made_the_labels() -> None:
    design, targets = sample()
    found = fit_binary(design, targets, np.ones(len(targets)), nothing(1, 3), LOOSE)
    assert found.weights[0] == pytest.approx([2.0, -1.0, 0.0], abs=0.25)
    assert found.biases[0] == pytest.approx(-0.5, abs=0.2)


def test_two_classes_by_softmax_differ_like_the_logistic() -> None:
    design, targets = sample()
    binary = fit_binary(design, targets, np.ones(len(targets)), nothing(1, 3), LOOSE)
    classes = fit_classes(design, targets.astype(np.int64), np.ones(len(targets)), nothing(2, 3), LOOSE)
    assert classes.weights[1] - classes.weights[0] == pytest.approx(binary.weights[0], abs=0.02)


def test_few_examples_change_little_and_many_change_much() -> None:
    design, targets = sample()
    prior = Fitted(np.array([[-1.0, 1.0, 0.5]]), np.array([0.0]))
    hold = Hold(20.0, 20.0)
    ones = np.ones(len(targets))
    few = fit_binary(design[:5], targets[:5], ones[:5], prior, hold)
    many = fit_binary(design, targets, ones, prior, hold)
    assert abs(few.weights - prior.weights).max() < 0.15
    assert abs(many.weights - [[2.0, -1.0, 0.0]]).max() < 0.4


def test_without_examples_the_prior_stays() -> None:
    prior = Fitted(np.array([[1.5, -2.0]]), np.array([0.25]))
    found = fit_binary(csr_array((0, 2), dtype=np.float32), np.zeros(0), np.zeros(0), prior, Hold(1.0, 1.0))
    assert np.array_equal(found.weights, prior.weights)
    assert np.array_equal(found.biases, prior.biases)


def test_unseen_features_keep_their_weights() -> None:
    prior = Fitted(np.array([[0.0, 3.0]]), np.zeros(1))
    design = csr_array(np.array([[1.0, 0.0], [0.0, 0.0]], dtype=np.float32))
    found = fit_binary(design, np.array([1.0, 0.0]), np.ones(2), prior, Hold(0.1, 0.1))
    assert found.weights[0, 1] == 3.0
    assert found.weights[0, 0] > 1


def test_rare_classes_count_more() -> None:
    importance = balanced(np.array([0, 0, 0, 1]), 2)
    assert importance.tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2.0])
    assert balanced(np.array([0, 0, 0, 1]), 2, power=0.0).tolist() == [1.0] * 4


def test_calibration_undoes_what_was_done_to_logits() -> None:
    rng = np.random.default_rng(3)
    honest = rng.normal(0, 2, 20_000)
    targets = (rng.random(len(honest)) < logistic(honest)).astype(float)
    slope, shift = calibrate((honest - 1.0) / 3.0, targets)
    assert (slope, shift) == pytest.approx((3.0, 1.0), abs=0.15)


def test_a_design_holds_the_features_of_its_texts() -> None:
    hashing = Hashing(bits=10)
    bags = [bag_of(tokenise(text), hashing) for text in ("to be", "", "or not to be")]
    design = design_of(bags, 1 << hashing.bits)
    weights = np.sin(np.arange(1 << hashing.bits))
    assert design.shape == (3, 1 << hashing.bits)
    expected = [float(weights[bag.buckets] @ bag.values) for bag in bags]
    assert (design @ weights).tolist() == pytest.approx(expected, abs=1e-5)
