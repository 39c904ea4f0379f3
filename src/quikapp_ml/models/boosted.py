"""Gradient-boosted trees over named features, scored and explained by numpy alone: serving imports nothing heavy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from quikapp_ml.errors import Damaged
from quikapp_ml.models.linear import Floats, LinearHead, logistic
from quikapp_ml.models.shapley import ShapleyTables

Array = np.ndarray[Any, Any]

MAX_DEPTH = 6
BOOSTED = "boosted"
_PARTS = ("splits", "thresholds", "leaves", "covers")


@dataclass(frozen=True)
class Trees:
    """Complete binary trees of one depth: below node i are 2i + 1, taken where feature < threshold, and 2i + 2.

    `splits` (n_trees, n_nodes) are columns of features, `thresholds` the same in single precision; a node that does not
    divide has the largest threshold, so that everything goes left. `leaves` (n_trees, n_nodes + 1) are what a leaf
    adds, `covers` the weight of the examples that it was learnt from.
    """

    splits: Array
    thresholds: Array
    leaves: Array
    covers: Array

    def __post_init__(self) -> None:
        n_trees, n_nodes = self.splits.shape if self.splits.ndim == 2 else (0, 0)
        depth = (n_nodes + 1).bit_length() - 1
        if not 1 <= depth <= MAX_DEPTH or n_nodes != 2**depth - 1 or self.thresholds.shape != (n_trees, n_nodes):
            raise Damaged(f"the trees of a model must be complete and at most {MAX_DEPTH} splits deep")
        if self.leaves.shape != (n_trees, n_nodes + 1) or self.covers.shape != self.leaves.shape:
            raise Damaged("the trees of a model need one value and one cover for each leaf")
        if (self.splits < 0).any() or (self.covers < 0).any() or not (self.covers.sum(axis=1) > 0).all():
            raise Damaged("the trees of a model name a column below 0, or no example that they were learnt from")

    @property
    def depth(self) -> int:
        """How many splits there are from the root to a leaf."""
        return int(self.splits.shape[1] + 1).bit_length() - 1

    def margins(self, features: Floats) -> Floats:
        """(n_rows,): what all trees add up to. Row by row, so that a batch equals its rows one at a time."""
        values = features.astype(np.float32)
        n_trees, n_nodes = self.splits.shape
        trees = np.arange(n_trees)
        rows = np.arange(len(values))[:, None]
        node = np.zeros((len(values), n_trees), dtype=np.int64)
        for _ in range(self.depth):
            goes_right = values[rows, self.splits[trees, node]] >= self.thresholds[trees, node]
            node = 2 * node + 1 + goes_right
        return np.asarray(self.leaves[trees, node - n_nodes].sum(axis=1), dtype=float)


@dataclass(frozen=True)
class BoostedHead:
    """score = logistic(shift + slope × (a linear head + trees that correct it)): the promises of `LinearHead`.

    The line knows what was believed before any data; the trees add what it cannot say. `contributions` are those of the
    line and Shapley values over the trees (TreeSHAP, by the covers of the leaves), times the slope.
    """

    line: LinearHead
    trees: Trees
    slope: float
    shift: float

    def __post_init__(self) -> None:
        if not self.slope > 0 or not np.isfinite((self.slope, self.shift)).all():
            raise Damaged("the calibration of boosted trees needs a slope above 0 and a shift")
        if int(self.trees.splits.max(initial=0)) >= len(self.names):
            raise Damaged("the trees of a model ask for more features than it names")

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in the order of their columns."""
        return self.line.names

    @cached_property
    def _tables(self) -> ShapleyTables:
        trees = self.trees
        return ShapleyTables.of(trees.splits, trees.leaves, trees.covers)

    @property
    def bias(self) -> float:
        """The logit of the line where nothing is known, and the mean of the trees over what they were learnt from."""
        return self.shift + self.slope * (self.line.bias + self._tables.expected)

    def select(self, names: Sequence[str], features: Floats) -> Floats:
        """The head's own columns, in its order. Raises InvalidInput when one that it needs is missing."""
        return self.line.select(names, features)

    def contributions(self, features: Floats) -> Floats:
        """(n_items, n_features): what each feature adds to the logit of each item."""
        is_right = features.astype(np.float32)[:, self.trees.splits] >= self.trees.thresholds
        by_trees = self._tables.values(is_right, len(self.names))
        return np.asarray(self.slope * (self.line.contributions(features) + by_trees), dtype=float)

    def logits(self, features: Floats) -> Floats:
        """(n_items,): equal, but for rounding, to bias plus the contributions."""
        return self.shift + self.slope * (self.line.logits(features) + self.trees.margins(features))

    def scores(self, features: Floats) -> Floats:
        """(n_items,) in 0..1."""
        return logistic(self.logits(features))

    def arrays(self, prefix: str) -> dict[str, Array]:
        """The line and the trees, for `Model.arrays`."""
        return {**self.line.arrays(prefix), **{f"{prefix}_{part}": getattr(self.trees, part) for part in _PARTS}}

    def facts(self) -> dict[str, Any]:
        """Names, bias of the line and calibration, for `Model.facts`."""
        return {**self.line.facts(), "kind": BOOSTED, "slope": self.slope, "shift": self.shift}

    @classmethod
    def from_parts(cls, prefix: str, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> Self:
        """The opposite of `arrays` and `facts`. Raises Damaged."""
        try:
            trees = Trees(*(arrays[f"{prefix}_{part}"] for part in _PARTS))
            line = LinearHead.from_parts(prefix, arrays, facts)
            return cls(line, trees, float(facts["slope"]), float(facts["shift"]))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise Damaged(f"the head {prefix!r} of the model cannot be read: {error}") from error


Head = LinearHead | BoostedHead


def head_from_parts(prefix: str, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> Head:
    """A head of either kind from its parts. Raises Damaged."""
    is_boosted = isinstance(facts, Mapping) and facts.get("kind") == BOOSTED
    return (BoostedHead if is_boosted else LinearHead).from_parts(prefix, arrays, facts)


def line_of(head: Head) -> LinearHead:
    """What a head says without its trees."""
    return head.line if isinstance(head, BoostedHead) else head
