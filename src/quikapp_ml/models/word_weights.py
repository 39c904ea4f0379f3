"""What each token of a text weighs in several linear models over the same hashed features, remembered by word.

A word and the letters inside it weigh the same in every text, so that only words never met are hashed letter by letter.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quikapp_ml.models.hashing import (
    Floats,
    Hashing,
    bucket_of_pair,
    pair_buckets,
    scale_of,
    shouted_bucket,
    word_features,
)
from quikapp_ml.models.text import WORDS, Tokens

MAX_WORDS = 32_768
MAX_WORD_LETTERS = 64
"""Longer words are hashed anew each time."""

_NO_WORD = "\x00"
"""Before the text of a token whose letters do not count."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """`own` (n_tokens, n_models) is what a token weighs with its letters; `pairs` (n_tokens - 1, n_models) what it and
    the next one weigh together. Neither is scaled by the length of the text yet. `words` (n_tokens,) are hashes."""

    own: Floats
    pairs: Floats
    words: NDArray[np.uint64]
    scale: float

    def totals(self) -> Floats:
        """(n_models,): what the whole text weighs."""
        totals: Floats = (self.own.sum(axis=0) + self.pairs.sum(axis=0)) * self.scale
        return totals

    def total(self, model: int) -> float:
        """What the whole text weighs in one model, not scaled."""
        return float(self.own[:, model].sum() + self.pairs[:, model].sum())

    def shares(self, model: int) -> Floats:
        """(n_tokens,): what each token weighs in one model, a pair's half given to each."""
        shares: Floats = self.own[:, model].copy()
        halves = self.pairs[:, model] / 2
        shares[:-1] += halves
        shares[1:] += halves
        return shares * self.scale


class WordWeights:
    """`weights` (n_buckets, n_models). Texts may be weighed in several threads: the same word has the same weight."""

    def __init__(self, weights: NDArray[Any], hashing: Hashing) -> None:
        self.hashing = hashing
        self._weights = np.ascontiguousarray(weights)
        self._shouted = self._weights[shouted_bucket(hashing.bits)].astype(float) * hashing.pairs
        self._known = _Known.empty(self._weights.shape[1])
        self._learning = threading.Lock()

    def weigh(self, tokens: Tokens) -> Weighed:
        """Look the words up, and hash those never met."""
        keys = [
            text if kind in WORDS else _NO_WORD + text for text, kind in zip(tokens.texts, tokens.kinds, strict=True)
        ]
        known = self._known
        try:
            rows = [known.rows[key] for key in keys]
        except KeyError:
            known = self._learnt(keys)
            rows = [known.rows[key] for key in keys]
        own, words = known.sums[rows], known.words[rows]
        if True in tokens.shouted:
            own[np.flatnonzero(tokens.shouted)] += self._shouted
        pairs = self._weights[pair_buckets(words[:-1], words[1:], self.hashing.bits)].astype(float)
        pairs *= self.hashing.pairs
        return Weighed(own, pairs, words, scale_of(len(keys), self.hashing))

    def of_pair(self, first: np.uint64, second: np.uint64, model: int) -> float:
        """What two words weigh side by side, not scaled."""
        bucket = bucket_of_pair(int(first), int(second), self.hashing.bits)
        return float(self._weights[bucket, model]) * self.hashing.pairs

    def _learnt(self, keys: Sequence[str]) -> "_Known":
        """Knowledge of all the keys. Of what is new, short words are remembered; it begins anew when it is full."""
        with self._learning:
            known = self._known
            missing = [key for key in dict.fromkeys(keys) if key not in known.rows]
            if not missing:
                return known
            if len(missing) > MAX_WORDS or max(map(len, missing)) > MAX_WORD_LETTERS:
                return self._added(_Known.empty(self._weights.shape[1]), list(dict.fromkeys(keys)))
            if len(known.rows) + len(missing) > MAX_WORDS:
                known, missing = _Known.empty(self._weights.shape[1]), list(dict.fromkeys(keys))
            self._known = self._added(known, missing)
            return self._known

    def _added(self, known: "_Known", missing: Sequence[str]) -> "_Known":
        """Rows of `known` never change, so that it stays right for who has it already."""
        texts, spelt = [key.removeprefix(_NO_WORD) for key in missing], [key[0] != _NO_WORD for key in missing]
        buckets, values, owner, words = word_features(texts, spelt, self.hashing)
        weights = self._weights[buckets].astype(float) * values[:, None]
        n_known, n_all = len(known.rows), len(known.rows) + len(missing)
        if n_all > len(known.words):
            known = known.grown(n_all)
        for model, column in enumerate(weights.T):
            known.sums[n_known:n_all, model] = np.bincount(owner, column, len(missing))
        known.words[n_known:n_all] = words
        known.rows.update(zip(missing, range(n_known, n_all), strict=True))
        return known


@dataclass(frozen=True, slots=True)
class _Known:
    """Rows of words: their weights (n_words and some to spare, n_models), and their hashes."""

    rows: dict[str, int]
    sums: Floats
    words: NDArray[np.uint64]

    @classmethod
    def empty(cls, n_models: int) -> "_Known":
        return cls({}, np.empty((0, n_models)), np.empty(0, np.uint64))

    def grown(self, n_words: int) -> "_Known":
        """With room for half as many again."""
        room = n_words + n_words // 2
        sums, words = np.empty((room, self.sums.shape[1])), np.empty(room, np.uint64)
        sums[: len(self.words)], words[: len(self.words)] = self.sums, self.words
        return _Known(dict(self.rows), sums, words)
