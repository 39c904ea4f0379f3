"""Shapley values of complete trees (TreeSHAP), looked up rather than worked out.

What a leaf gives to the features on its path depends only on which of its splits go its way. So it is worked out once
for each pattern of splits, and summed over the eight leaves of each subtree of three levels; a row then costs one
look-up a subtree. (Lundberg et al. 2018, path-dependent; equal to XGBoost's `pred_contribs` but for rounding.)
"""

from dataclasses import dataclass
from functools import cache
from math import factorial
from typing import Any, Self

import numpy as np

Array = np.ndarray[Any, Any]

SUBTREE_LEVELS = 3


@dataclass(frozen=True)
class ShapleyTables:
    """`nodes` (n_groups, n_bits): which nodes a subtree hangs on; `patterns` (n_trees, n_groups, 2^n_bits, n_bits).

    A bit is set where the split goes right; a value belongs to the feature of the node.
    """

    splits: Array
    nodes: Array
    patterns: Array
    expected: float

    @classmethod
    def of(cls, splits: Array, leaves: Array, covers: Array) -> Self:
        """From trees as `models/boosted.py` has them."""
        depth = int(leaves.shape[1]).bit_length() - 1
        path, side, nodes, bits = _layout(depth)
        shares = _shares(covers, depth)  # of the leaf's side at each split of its path
        by_leaf = leaves[:, :, None, None] * _leaf_values(splits[:, path], shares)
        n_groups, n_bits = nodes.shape
        pattern = np.arange(2**n_bits)
        found = np.zeros((len(splits), n_groups, 2**n_bits, n_bits))
        n_leaves = leaves.shape[1] // n_groups
        for leaf in range(leaves.shape[1]):
            group = leaf // n_leaves
            agrees = ((pattern[:, None] >> bits[leaf]) & 1) == side[leaf]
            mask = (agrees << np.arange(depth)).sum(axis=1)
            found[:, group, :, bits[leaf]] += by_leaf[:, leaf, mask].transpose(2, 0, 1)
        weight = covers / covers.sum(axis=1, keepdims=True)
        return cls(splits, nodes, found, float((weight * leaves).sum()))

    def values(self, is_right: Array, n_features: int) -> Array:
        """(n_rows, n_features) from which splits go right (n_rows, n_trees, n_nodes)."""
        n_rows, n_trees = is_right.shape[:2]
        n_groups, n_bits = self.nodes.shape
        pattern = (is_right[:, :, self.nodes] << np.arange(n_bits)).sum(axis=3)
        found = self.patterns[np.arange(n_trees)[:, None], np.arange(n_groups), pattern]
        columns = self.splits[:, self.nodes].ravel()
        place = np.arange(n_rows)[:, None] * n_features + columns
        return np.bincount(place.ravel(), found.ravel(), n_rows * n_features).reshape(n_rows, n_features)


def _layout(depth: int) -> tuple[Array, Array, Array, Array]:
    """Nodes and sides of each leaf's path; nodes of each subtree and above it; the bits of a leaf's path in them."""
    leaf = np.arange(2**depth)
    level = np.arange(depth)
    side = (leaf[:, None] >> (depth - 1 - level)) & 1
    path = (2**level - 1) + (leaf[:, None] >> (depth - level))
    n_groups = 2 ** max(0, depth - SUBTREE_LEVELS)
    of_group = path.reshape(n_groups, -1)
    nodes = np.array([np.unique(each) for each in of_group])
    group = leaf // (len(leaf) // n_groups)
    bits = np.array([np.searchsorted(nodes[at], each) for at, each in zip(group, path, strict=True)])
    return path, side, nodes, bits


def _shares(covers: Array, depth: int) -> Array:
    """(n_trees, n_leaves, depth): which share of a node's examples go to the leaf's side; 1 where the node has none."""
    n_trees, n_leaves = covers.shape
    leaf = np.arange(n_leaves)
    totals = [
        covers.reshape(n_trees, 2**level, -1).sum(axis=2)[:, leaf >> (depth - level)] for level in range(depth + 1)
    ]
    above, below = np.stack(totals[:-1], axis=2), np.stack(totals[1:], axis=2)
    return np.asarray(np.divide(below, above, out=np.ones_like(below, dtype=float), where=above > 0))


def _leaf_values(features: Array, shares: Array) -> Array:
    """(n_trees, n_leaves, 2^depth, depth): Shapley values of a leaf of value 1, for each pattern of agreeing splits.

    Splits by the same feature are one player, in the first one's place; the others become players without effect.
    """
    depth = features.shape[2]
    same = features[..., :, None] == features[..., None, :]
    first = same.argmax(axis=3)
    is_first = first == np.arange(depth)
    zero = np.where(is_first, np.where(same, shares[..., None, :], 1.0).prod(axis=3), 1.0)
    agrees = ((np.arange(2**depth)[:, None] >> np.arange(depth)) & 1).astype(bool)
    together = (agrees[:, None, :] | ~same[..., None, :, :]).all(axis=4)
    one = np.where(is_first[..., None, :], together, True).astype(float)
    zero = np.broadcast_to(zero[..., None, :], one.shape)
    found = np.zeros(one.shape)
    for subset, player, weight in _coalitions(depth):
        rest = [at for at in range(depth) if at != player and at not in subset]
        inside = one[..., list(subset)].prod(axis=-1) * zero[..., rest].prod(axis=-1)
        found[..., player] += weight * inside * (one[..., player] - zero[..., player])
    return found


@cache
def _coalitions(depth: int) -> tuple[tuple[tuple[int, ...], int, float], ...]:
    """Each player with each coalition of the others, and its Shapley weight."""
    found = []
    for player in range(depth):
        for mask in range(2**depth):
            if not mask >> player & 1:
                subset = tuple(at for at in range(depth) if mask >> at & 1)
                weight = factorial(len(subset)) * factorial(depth - len(subset) - 1) / factorial(depth)
                found.append((subset, player, weight))
    return tuple(found)
