from itertools import combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quikapp_ml.models.boosted import BoostedHead, Trees
from quikapp_ml.models.linear import LinearHead

N_FEATURES = 4


def random_head(depth: int, n_trees: int, seed: int, with_line: bool = False) -> BoostedHead:
    rng = np.random.default_rng(seed)
    n_nodes = 2**depth - 1
    trees = Trees(
        rng.integers(0, N_FEATURES, (n_trees, n_nodes)),
        rng.normal(size=(n_trees, n_nodes)).astype(np.float32),
        rng.normal(size=(n_trees, n_nodes + 1)),
        rng.integers(1, 50, (n_trees, n_nodes + 1)).astype(float),
    )
    line = LinearHead(tuple("abcd"), rng.normal(size=4) * with_line, np.ones(4), 0.25 * with_line)
    return BoostedHead(line, trees, 1.5, -0.5)


def expected_of(trees: Trees, tree: int, row: np.ndarray, known: frozenset[int], place: int = 0) -> float:
    """What a tree is expected to give where only some features are known: the definition, node by node."""
    n_nodes = trees.splits.shape[1]
    if place >= n_nodes:
        return float(trees.leaves[tree, place - n_nodes])
    feature = int(trees.splits[tree, place])
    left, right = 2 * place + 1, 2 * place + 2
    if feature in known:
        return expected_of(trees, tree, row, known, right if row[feature] >= trees.thresholds[tree, place] else left)
    weights = [cover_of(trees, tree, side) for side in (left, right)]
    parts = [expected_of(trees, tree, row, known, side) for side in (left, right)]
    return float(np.dot(weights, parts) / sum(weights))


def cover_of(trees: Trees, tree: int, place: int) -> float:
    n_nodes = trees.splits.shape[1]
    if place >= n_nodes:
        return float(trees.covers[tree, place - n_nodes])
    return cover_of(trees, tree, 2 * place + 1) + cover_of(trees, tree, 2 * place + 2)


def shapley_by_definition(trees: Trees, row: np.ndarray) -> list[float]:
    found = []
    for player in range(N_FEATURES):
        others = [one for one in range(N_FEATURES) if one != player]
        total = 0.0
        for size in range(N_FEATURES):
            weight = factorial(size) * factorial(N_FEATURES - size - 1) / factorial(N_FEATURES)
            for coalition in combinations(others, size):
                for tree in range(len(trees.splits)):
                    without = expected_of(trees, tree, row, frozenset(coalition))
                    total += weight * (expected_of(trees, tree, row, frozenset((*coalition, player))) - without)
        found.append(total)
    return found


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_contributions_are_shapley_values_by_their_definition(depth: int) -> None:
    head = random_head(depth, 2, seed=depth)
    rows = np.random.default_rng(9).normal(size=(3, N_FEATURES))
    for row, contributions in zip(rows, head.contributions(rows), strict=True):
        assert contributions / head.slope == pytest.approx(shapley_by_definition(head.trees, row))


@settings(max_examples=25, deadline=None)
@given(depth=st.integers(1, 6), seed=st.integers(0, 1_000))
def test_contributions_and_bias_add_up_to_the_logit(depth: int, seed: int) -> None:
    head = random_head(depth, 5, seed, with_line=True)
    rows = np.random.default_rng(seed).normal(size=(4, N_FEATURES))
    assert head.bias + head.contributions(rows).sum(axis=1) == pytest.approx(head.logits(rows))


def test_a_feature_that_no_split_asks_for_adds_nothing() -> None:
    trees = Trees(np.array([[1]]), np.array([[0.5]], dtype=np.float32), np.array([[-1.0, 3.0]]), np.array([[3.0, 1.0]]))
    head = BoostedHead(LinearHead.prior({"a": 0.0, "b": 0.0}, 0.0), trees, 1.0, 0.0)
    assert head.bias == 0.0
    assert head.contributions(np.array([[9.0, 0.0], [9.0, 1.0]])).tolist() == [[0.0, -1.0], [0.0, 3.0]]
