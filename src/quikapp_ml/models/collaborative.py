"""Collaborative filtering by graph filters: closed form, no epochs, and a person needs only a history, no row.

GF-CF (Shen et al., 2021): the score of a history is what two low-pass filters on the graph of people and items
let through: a linear one, two steps along the normalised graph, and an ideal one, its leading singular vectors.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from quikapp_ml.errors import Damaged, InvalidInput, NotFound
from quikapp_ml.models.base import Model

NOTHING = -1
"""Stands in a list of items or users where fewer were found than asked for; its score is 0."""

_HISTORIES_AT_ONCE = 512
_SEED = 0
_ROUNDING = 1e-6  # of the largest of a row: less is what single precision leaves of 0
_ARRAYS = ("indptr", "indices", "item_factors")

Numbers = NDArray[np.float32]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class FilterSettings:
    """How the graph is normalised, and how much of each filter is heard. The defaults were chosen on Gowalla.

    A step along the graph is divided by degrees to the power of these exponents: by the user's, by the item's on the
    way in (from the history), by the item's on the way out. The smaller the last, the more popular the answer.
    GF-CF as published has 0.5 three times, 256 factors and the weight 0.3.
    """

    user_exponent: float = 0.4
    item_exponent: float = 0.5
    way_out_exponent: float = 0.4
    n_factors: int = 512
    factor_weight: float = 0.08

    def __post_init__(self) -> None:
        if self.n_factors < 1:
            raise InvalidInput(f"n_factors was {self.n_factors}; at least 1 is needed")
        if not np.isfinite([self.user_exponent, self.item_exponent, self.way_out_exponent, self.factor_weight]).all():
            raise InvalidInput(f"exponents and weight must be finite numbers; given was {self}")


class Found(NamedTuple):
    """Best first: `ids` and `scores`, each (n_rows, limit), filled up with NOTHING and 0."""

    ids: Indices
    scores: Numbers


class CollaborativeFilter(Model):
    """What people with similar histories use. People and items are whole numbers from 0, as rows and columns."""

    name: ClassVar[str] = "collaborative-filter"
    inputs: ClassVar[Mapping[str, str]] = {"user": "long", "item": "long"}
    outputs: ClassVar[Mapping[str, str]] = {"score": "double"}

    def __init__(self, settings: FilterSettings | None = None) -> None:
        self.settings = settings or FilterSettings()
        self._learn(sparse.csr_matrix((0, 0), dtype=np.float32), np.zeros((0, 0), dtype=np.float32))

    def fit(self, interactions: sparse.csr_matrix) -> Self:
        """Learn from (n_users, n_items); a cell that is not 0 says that the person used the item."""
        seen = _binary(interactions)
        users, items = _degrees(seen)
        normalised = sparse.diags_array(users**-0.5) @ seen @ sparse.diags_array(items**-0.5)
        n_factors = min(self.settings.n_factors, *seen.shape)
        factors = np.zeros((0, seen.shape[1]))
        if seen.nnz:
            _, _, factors = randomized_svd(normalised, n_factors, n_oversamples=32, n_iter=3, random_state=_SEED)
        self._learn(seen, np.ascontiguousarray(factors, dtype=np.float32))
        return self

    def _learn(self, seen: sparse.csr_matrix, item_factors: Numbers) -> None:
        """Set what was learnt, and what follows from it."""
        self.seen_ = seen
        self.item_factors_ = item_factors
        users, items = _degrees(seen)
        by_user, way_in = users ** (-2 * self.settings.user_exponent), items**-self.settings.item_exponent
        way_out = items**-self.settings.way_out_exponent
        # The weight of the factors is to mean the same under all exponents: as much goes through as with 0.5 each.
        share = _let_through(seen, users**-1.0, items**-0.5, items**-0.5) / _let_through(seen, by_user, way_in, way_out)
        self._way_in = (sparse.diags_array(by_user * share) @ seen @ sparse.diags_array(way_in)).T.tocsr()
        self._way_out = (seen @ sparse.diags_array(way_out)).tocsr()
        self._root_degrees = np.sqrt(items)
        self._ideal_out = self.settings.factor_weight * items * way_out
        self._tastes = _unit(self._embedded(seen))

    def histories(self, items_of: Iterable[Sequence[int]]) -> sparse.csr_matrix:
        """Rows for `recommend` out of lists of items. An item that was not there at training is cold: left out."""
        n_items = self.seen_.shape[1]
        rows = [[item for item in items if 0 <= item < n_items] for items in items_of]
        ends = np.cumsum([0, *map(len, rows)])
        columns = np.array([item for row in rows for item in row], dtype=np.int32)
        return _binary(sparse.csr_matrix((np.ones(len(columns)), columns, ends), shape=(len(rows), n_items)))

    def scores(self, histories: sparse.csr_matrix) -> Numbers:
        """(n_rows, n_items): how well each item goes with each history. All 0 for a history that is empty."""
        histories = self._checked(histories)
        linear = ((histories @ self._way_in) @ self._way_out).toarray()
        ideal = self._embedded(histories) @ self.item_factors_
        return np.asarray(linear + ideal * self._ideal_out, dtype=np.float32)

    def recommend(
        self, histories: sparse.csr_matrix, limit: int = 10, allowed: NDArray[np.bool_] | None = None
    ) -> Found:
        """The best new items for each history: never one of the history, nor one that `allowed` (n_items,) refuses.

        A history may be of anybody, met in training or not: nothing is refitted.
        """
        found = [
            self._best(histories[start : start + _HISTORIES_AT_ONCE], limit, allowed)
            for start in range(0, max(histories.shape[0], 1), _HISTORIES_AT_ONCE)
        ]
        return Found(np.concatenate([part.ids for part in found]), np.concatenate([part.scores for part in found]))

    def _best(self, histories: sparse.csr_matrix, limit: int, allowed: NDArray[np.bool_] | None) -> Found:
        scores = self.scores(histories)
        scores[histories.nonzero()] = 0
        if allowed is not None:
            scores[:, ~allowed] = 0
        return _largest(scores, limit)

    def similar_items(self, item: int, limit: int = 10) -> Found:
        """The items most like this one, by cosine over the people who use them. One row; empty for a cold item."""
        if not 0 <= item < self.seen_.shape[1]:
            return _largest(np.zeros((1, 0), dtype=np.float32), limit)
        users = self.seen_[:, [item]]
        together = np.asarray((users.T @ self.seen_).toarray(), dtype=np.float32)
        together /= self._root_degrees * self._root_degrees[item]
        together[:, item] = 0
        return _largest(together, limit)

    def similar_users(self, histories: sparse.csr_matrix, limit: int = 10) -> Found:
        """The people met in training whose tastes are most like each history, by cosine of what the factors keep.

        A history of one of them finds that very person too.
        """
        near = _unit(self._embedded(self._checked(histories))) @ self._tastes.T
        return _largest(near, limit)

    def strengths(self) -> Numbers:
        """(n_factors,): how much of who uses what each factor tells, the greatest first: its singular value."""
        users, _ = _degrees(self.seen_)
        return np.asarray(np.linalg.norm(self._embedded(self.seen_) / np.sqrt(users)[:, None], axis=0))

    def without_user(self, user: int) -> Self:
        """The model retrained without this person, whose row stays and is empty. Raises NotFound."""
        if not 0 <= user < self.seen_.shape[0]:
            raise NotFound(f"user {user} is not in the model, which knows 0 to {self.seen_.shape[0] - 1}")
        kept = np.ones(self.seen_.shape[0], dtype=np.float32)
        kept[user] = 0
        return type(self)(self.settings).fit((sparse.diags_array(kept) @ self.seen_).tocsr())

    def _embedded(self, histories: sparse.csr_matrix) -> Numbers:
        """(n_rows, n_factors)"""
        return np.asarray((histories @ sparse.diags_array(1 / self._root_degrees)) @ self.item_factors_.T)

    def _checked(self, histories: sparse.csr_matrix) -> sparse.csr_matrix:
        n_items = self.seen_.shape[1]
        if histories.shape[1] != n_items:
            raise InvalidInput(f"histories have {histories.shape[1]} columns; the model knows {n_items} items")
        return _binary(histories)

    def predict(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """The score of pairs of a known person and an item; 0 where either is cold."""
        n_users, n_items = self.seen_.shape
        answers = []
        for user, item in zip(columns["user"], columns["item"], strict=True):
            known = 0 <= user < n_users and 0 <= item < n_items
            answers.append(float(self.scores(self.seen_[[user]])[0, item]) if known else 0.0)
        return {"score": answers}

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """Who used what, and the factors of the items."""
        return {"indptr": self.seen_.indptr, "indices": self.seen_.indices, "item_factors": self.item_factors_}

    def facts(self) -> dict[str, Any]:
        """The settings, and how many items there are."""
        return {"settings": asdict(self.settings), "n_items": self.seen_.shape[1]}

    @classmethod
    def from_parts(cls, arrays: dict[str, np.ndarray[Any, Any]], facts: dict[str, Any]) -> Self:
        """The opposite of `arrays` and `facts`. Raises Damaged."""
        try:
            indptr, indices, item_factors = (arrays[name] for name in _ARRAYS)
            shape = (len(indptr) - 1, int(facts["n_items"]))
            seen = sparse.csr_matrix((np.ones(len(indices), dtype=np.float32), indices, indptr), shape=shape)
            seen.check_format(full_check=True)
            model = cls(FilterSettings(**facts["settings"]))
        except (KeyError, TypeError, ValueError, InvalidInput) as error:
            raise Damaged(f"the collaborative filter cannot be read: {error}") from error
        if item_factors.ndim != 2 or item_factors.shape[1] != shape[1] or item_factors.dtype != np.float32:
            raise Damaged(f"the factors of the collaborative filter do not fit its {shape[1]} items")
        model._learn(seen, item_factors)
        return model


def _binary(interactions: sparse.csr_matrix) -> sparse.csr_matrix:
    """A copy with a 1 for each pair. Raises InvalidInput on a value that is not finite."""
    seen = sparse.csr_matrix(interactions, dtype=np.float32, copy=True)
    if not np.isfinite(seen.data).all():
        raise InvalidInput("the interactions hold a number that is not finite; give 1 for each pair that was seen")
    seen.sum_duplicates()
    seen.eliminate_zeros()
    seen.data[:] = 1
    return seen


def _degrees(seen: sparse.csr_matrix) -> tuple[Numbers, Numbers]:
    """Of users and of items, at least 1, so that whoever has nothing is no division by 0."""
    users = np.diff(seen.indptr)
    items = np.bincount(seen.indices, minlength=seen.shape[1])
    return np.maximum(users, 1).astype(np.float32), np.maximum(items, 1).astype(np.float32)


def _let_through(seen: sparse.csr_matrix, by_user: Numbers, way_in: Numbers, way_out: Numbers) -> np.float32:
    """The sum of all linear scores of all users, or 1 where there is none."""
    items = np.bincount(seen.indices, minlength=seen.shape[1])
    return np.float32((seen @ (items * way_in) * by_user) @ (seen @ way_out) or 1)


def _unit(rows: Numbers) -> Numbers:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def _largest(scores: Numbers, limit: int) -> Found:
    """The largest scores above 0, rounding apart, of each row; of equals the first."""
    if limit < 1:
        raise InvalidInput(f"limit was {limit}; at least 1 is needed")
    ids = np.full((len(scores), limit), NOTHING, dtype=np.int64)
    values = np.zeros((len(scores), limit), dtype=np.float32)
    for row, of_row in enumerate(scores):
        candidates = np.flatnonzero(of_row > _ROUNDING * of_row.max(initial=0))
        if len(candidates) > limit:
            bar = np.partition(of_row[candidates], -limit)[-limit]
            candidates = candidates[of_row[candidates] >= bar]
        best = candidates[np.argsort(-of_row[candidates], kind="stable")][:limit]
        ids[row, : len(best)], values[row, : len(best)] = best, of_row[best]
    return Found(ids, values)
