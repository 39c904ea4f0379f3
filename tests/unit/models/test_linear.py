"""The linear head: its parts add up, a batch equals its rows, and damaged parts never make a head."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.errors import Damaged, InvalidInput
from quikapp_ml.models.linear import LinearHead, feature_columns, logistic

HEAD = LinearHead(("a", "b"), np.array([2.0, -1.0]), np.array([0.5, 1.0]), bias=-1.0)


def test_contributions_and_bias_are_the_logit() -> None:
    features = np.array([[0.25, 3.0]])
    assert HEAD.contributions(features).tolist() == [[1.0, -3.0]]
    assert HEAD.logits(features).tolist() == [-3.0]
    assert HEAD.scores(features)[0] == pytest.approx(1 / (1 + np.exp(3.0)))


def test_an_absent_feature_contributes_nothing() -> None:
    assert HEAD.contributions(np.zeros((1, 2))).tolist() == [[0.0, 0.0]]
    assert HEAD.logits(np.zeros((1, 2))).tolist() == [HEAD.bias]


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=2), min_size=1, max_size=40))
def test_a_batch_equals_its_rows_and_scores_stay_in_0_to_1(rows: list[list[float]]) -> None:
    features = np.array(rows)
    scores = HEAD.scores(features)
    assert scores.tolist() == [HEAD.scores(features[index : index + 1])[0] for index in range(len(rows))]
    assert ((scores >= 0) & (scores <= 1)).all()


def test_columns_are_found_by_name_and_surplus_ones_left_out() -> None:
    features = np.array([[9.0, 3.0, 0.25]])
    assert HEAD.select(("c", "b", "a"), features).tolist() == [[0.25, 3.0]]
    with pytest.raises(InvalidInput, match="needs the features b"):
        HEAD.select(("a",), np.zeros((1, 1)))


def test_parts_make_the_same_head_again() -> None:
    again = LinearHead.from_parts("x", HEAD.arrays("x"), HEAD.facts())
    features = np.array([[0.1, 0.7], [1.0, 0.0]])
    assert again.scores(features).tolist() == HEAD.scores(features).tolist()


@pytest.mark.parametrize(
    ("arrays", "facts"),
    [
        ({}, {"names": ["a"], "bias": 0.0}),
        ({"x_weights": np.ones(1), "x_scales": np.ones(1)}, {"names": ["a"]}),
        ({"x_weights": np.ones(2), "x_scales": np.ones(1)}, {"names": ["a"], "bias": 0.0}),
        ({"x_weights": np.ones(1), "x_scales": np.zeros(1)}, {"names": ["a"], "bias": 0.0}),
    ],
)
def test_damaged_parts_are_refused(arrays: dict[str, np.ndarray], facts: dict[str, object]) -> None:
    with pytest.raises(Damaged):
        LinearHead.from_parts("x", arrays, facts)


def test_the_logistic_does_not_overflow() -> None:
    assert logistic(np.array([-1e9, 0.0, 1e9])).tolist() == pytest.approx([0.0, 0.5, 1.0])


def test_feature_columns_name_what_is_wrong() -> None:
    assert feature_columns(("a", "b"), {"b": [1, 2]}, 2).tolist() == [[0.0, 1.0], [0.0, 2.0]]
    for wrong in (["x", "y"], [1.0, float("nan")], [1.0]):
        with pytest.raises(InvalidInput, match="column 'a'"):
            feature_columns(("a",), {"a": wrong}, 2)
