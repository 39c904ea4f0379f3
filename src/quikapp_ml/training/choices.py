"""Choices people made: what was picked, among what else could have been, and how well a head would have foreseen it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from scipy.optimize import minimize

from quikapp_ml.models.linear import Floats, LinearHead, logistic

Integers = np.ndarray[Any, np.dtype[np.int64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

K = TypeVar("K", bound=str)

CUTOFF = 10
N_ALTERNATIVES = 10.0
"""Scores answer: this one, rather than one of so many others picked at random? So the types are comparable."""
PRIOR_STRENGTH = 5.0
LEAST_SHARE = 0.3
N_RESAMPLES = 500
MAX_OTHERS = 100
"""So many items that were not chosen are kept of each question."""


@dataclass(frozen=True)
class Choices:
    """Questions in the order of time, each with one chosen item among others; features as they were just before.

    `features` (n_rows, n_features); `chosen` (n_rows,); `question` (n_rows,) ascending from 0; `at` (n_questions,)
    unix seconds; `asker` (n_questions,) number of the person.
    """

    names: tuple[str, ...]
    features: Floats
    chosen: Flags
    question: Integers
    at: Floats
    asker: Integers

    @classmethod
    def empty(cls, names: Sequence[str]) -> "Choices":
        """No question at all."""
        nothing = np.zeros(0, dtype=np.int64)
        return cls(tuple(names), np.zeros((0, len(names))), nothing > 0, nothing, np.zeros(0), nothing)

    def __len__(self) -> int:
        return self.n_questions

    @property
    def n_questions(self) -> int:
        """How many questions there are."""
        return len(self.at)

    def rows_of(self, keep: Flags) -> Flags:
        """(n_rows,): which rows belong to the kept questions; `keep` is (n_questions,)."""
        return np.asarray(keep[self.question], dtype=bool)

    def only(self, keep: Flags) -> "Choices":
        """The kept questions, numbered anew."""
        rows = self.rows_of(keep)
        numbers = np.cumsum(keep) - 1
        return Choices(
            self.names, self.features[rows], self.chosen[rows], numbers[self.question[rows]],
            self.at[keep], self.asker[keep],
        )  # fmt: skip

    def split_at(self, moment: float) -> tuple["Choices", "Choices"]:
        """Questions before the moment, and those from it on."""
        return self.only(self.at < moment), self.only(self.at >= moment)

    def thinned(self, n_others: int, seed: int = 0) -> "Choices":
        """The same questions with at most so many items that were not chosen, drawn by a seeded generator."""
        lots = np.where(self.chosen, -1.0, np.random.default_rng(seed).random(len(self.chosen)))
        order = np.lexsort((lots, self.question))
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order)) - np.searchsorted(self.question, self.question[order])
        rows = place <= n_others
        return replace(self, features=self.features[rows], chosen=self.chosen[rows], question=self.question[rows])

    def column(self, name: str) -> Floats:
        """(n_rows,): one feature."""
        return np.asarray(self.features[:, self.names.index(name)], dtype=float)

    def sum_of(self, names: Sequence[str]) -> Floats:
        """(n_rows,): some features added up, as a rule would score."""
        return np.asarray(sum(self.column(name) for name in names), dtype=float)

    def with_column(self, name: str, values: Floats) -> "Choices":
        """The same choices with one feature replaced by `values` (n_rows,)."""
        features = self.features.copy()
        features[:, self.names.index(name)] = values
        return replace(self, features=features)


class ChoicesBuilder:
    """Collects questions one by one; of the items not chosen it keeps so many at random, by a seeded generator."""

    def __init__(self, seed: int = 0, max_others: int = MAX_OTHERS) -> None:
        self._max_others = max_others
        self._rng = np.random.default_rng(seed)
        self._names: tuple[str, ...] = ()
        self._features: list[Floats] = []
        self._at: list[float] = []
        self._asker: list[int] = []

    def add(self, names: tuple[str, ...], features: Floats, chosen: int, at: float, asker: int) -> list[int]:
        """Add one question; `chosen` is a row of `features`. Gives the rows that were kept, the chosen one first."""
        others = np.delete(np.arange(len(features)), chosen)
        if len(others) > self._max_others:
            others = np.sort(self._rng.choice(others, self._max_others, replace=False))
        rows = [chosen, *others.tolist()]
        self._names = names
        self._features.append(features[rows])
        self._at.append(at)
        self._asker.append(asker)
        return rows

    def build(self) -> Choices:
        """Everything that was added."""
        if not self._features:
            return Choices.empty(self._names)
        sizes = [len(rows) for rows in self._features]
        chosen = np.zeros(sum(sizes), dtype=bool)
        chosen[np.cumsum([0, *sizes[:-1]])] = True
        return Choices(
            self._names, np.concatenate(self._features), chosen, np.repeat(np.arange(len(sizes)), sizes),
            np.array(self._at), np.array(self._asker, dtype=np.int64),
        )  # fmt: skip


def fit_head(choices: Choices, previous: LinearHead, prior: Mapping[str, float]) -> LinearHead:
    """Fit a logistic that stays near the previous head where the data say little.

    Each question weighs the same: 1 for the chosen item, and N_ALTERNATIVES shared by the others. A feature that is
    0 throughout keeps what the previous head knew of it. The data say how much a feature counts, not whether it
    speaks for or against: a weight keeps the sign of its `prior`, and LEAST_SHARE of its size at least. So what a
    small or odd workspace teaches stays explainable, and people of whom nothing is known still get what is lively.
    """
    features = previous.select(choices.names, choices.features)
    scales = np.sqrt((features**2).mean(axis=0))
    scales = np.where(scales > 0, scales, previous.scales)
    before = np.append(previous.weights / previous.scales * scales, previous.bias)
    design = np.column_stack([features / scales, np.ones(len(features))])
    weights = row_weights(choices)
    pull = np.append(np.full(len(scales), PRIOR_STRENGTH), PRIOR_STRENGTH / 100)

    def loss(parameters: Floats) -> tuple[float, Floats]:
        logits = design @ parameters
        distance = parameters - before
        value = (weights * (np.logaddexp(0.0, logits) - choices.chosen * logits)).sum() + 0.5 * (
            pull * distance**2
        ).sum()
        gradient = design.T @ (weights * (logistic(logits) - choices.chosen)) + pull * distance
        return float(value), gradient

    least = [prior.get(name, 0.0) * LEAST_SHARE * scale for name, scale in zip(previous.names, scales, strict=True)]
    bounds = [(bound, None) if bound >= 0 else (None, bound) for bound in least]
    fitted = minimize(loss, before, jac=True, method="L-BFGS-B", bounds=[*bounds, (None, None)]).x
    return LinearHead(previous.names, np.asarray(fitted[:-1]), scales, float(fitted[-1]))


def ndcg_of_questions(choices: Choices, scores: Floats) -> Floats:
    """(n_questions,): NDCG@10 with one relevant item: 1 / log2(1 + its rank), 0 below rank 10.

    Items with the same score share the middle of their ranks, so that a constant score earns nothing.
    """
    chosen_score = np.zeros(choices.n_questions)
    chosen_score[choices.question[choices.chosen]] = scores[choices.chosen]
    of_question = chosen_score[choices.question]
    better = np.bincount(choices.question, scores > of_question, choices.n_questions)
    equal = np.bincount(choices.question, scores == of_question, choices.n_questions) - 1
    rank = 1 + better + equal / 2
    return np.asarray(np.where(rank <= CUTOFF, 1 / np.log2(1 + rank), 0.0), dtype=float)


def mean_with_interval(
    gains: Mapping[K, Floats], askers: Mapping[K, Integers], seed: int = 0
) -> tuple[float, float, float]:
    """Mean over kinds of the mean gain of a kind, with its 95 % interval.

    Bootstrap over people, not over questions: the questions of one person are alike. Kinds without a question are
    left out. Gives zeros when there is none at all.
    """
    kinds = [kind for kind in gains if len(gains[kind])]
    if not kinds:
        return 0.0, 0.0, 0.0
    n_people = 1 + max(int(askers[kind].max()) for kind in kinds)
    sums = np.array([np.bincount(askers[kind], gains[kind], n_people) for kind in kinds])
    counts = np.array([np.bincount(askers[kind], None, n_people) for kind in kinds], dtype=float)
    present = np.flatnonzero(counts.sum(axis=0))
    draws = np.random.default_rng(seed).multinomial(
        len(present), np.full(len(present), 1 / len(present)), size=N_RESAMPLES
    )
    drawn_sums, drawn_counts = draws @ sums[:, present].T, draws @ counts[:, present].T
    seen = drawn_counts > 0
    means = np.where(seen, drawn_sums / np.where(seen, drawn_counts, 1), 0).sum(axis=1) / np.maximum(
        seen.sum(axis=1), 1
    )
    low, high = np.quantile(means, [0.025, 0.975])
    return float((sums.sum(axis=1) / counts.sum(axis=1)).mean()), float(low), float(high)


def row_weights(choices: Choices) -> Floats:
    """(n_rows,): 1 for what was chosen, and N_ALTERNATIVES shared by the others of a question."""
    n_others = np.bincount(choices.question, ~choices.chosen, choices.n_questions)
    share = N_ALTERNATIVES / np.maximum(n_others, 1)
    return np.asarray(np.where(choices.chosen, 1.0, share[choices.question]), dtype=float)
