"""A text as a bag of hashed features: words, pairs of words, and the letters inside words.

Hashing needs no vocabulary: any text, in any language, gives feature numbers below `2 ** bits`
(Weinberger et al. 2009, "Feature hashing for large scale multitask learning").
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quikapp_ml.models.text import WORDS, Tokens

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

MAX_WORD = 256
"""Letters of a longer word than this no longer change its hash by their place."""

_GRAM_SIZES = (3, 4, 5)
_BASE = 0x9E3779B97F4A7C15
_POWERS = np.multiply.accumulate(np.concatenate([[1], np.full(MAX_WORD - 1, _BASE)]).astype(np.uint64))
_SHIFT = [np.uint64(n) for n in (30, 27, 31)]
_MIX = [np.uint64(n) for n in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)]
_PAIR, _LETTERS = np.uint64(0xD6E8FEB86659FD93), np.uint64(0xA5A3564E1C6B2F07)
_WHOLE = (1 << 64) - 1
_NEGATED, _SHOUTED = np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9)


@dataclass(frozen=True, slots=True)
class Hashing:
    """How a text becomes features; a model keeps it beside its weights."""

    bits: int = 18
    letters: float = 0.3
    """Value of a feature of letters; a word's is 1."""
    pairs: float = 0.7
    """Value of a pair of words."""
    long_text: float = 10.0
    """Texts of many more tokens than this are scaled down by the root of their length."""

    @property
    def width(self) -> int:
        """How many features there are."""
        return 1 << self.bits


@dataclass(frozen=True, slots=True)
class Bag:
    """Features of one text: `buckets` and `values`, and the tokens each belongs to (`left` and `right`; equal but for
    pairs of words); `words` (n_tokens,) are hashes."""

    buckets: Integers
    values: Floats
    left: Integers
    right: Integers
    words: NDArray[np.uint64]

    def token_shares(self, contributions: Floats, n_tokens: int) -> Floats:
        """Add up contributions of features by token, a pair's half to each; shape (n_tokens,)."""
        shares = np.bincount(self.left, contributions, n_tokens) + np.bincount(self.right, contributions, n_tokens)
        return shares / 2


_EMPTY = Bag(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint64))


def bag_of(tokens: Tokens, hashing: Hashing, negated: list[bool] | None = None) -> Bag:
    """Hash the tokens. Words that are `negated` become features of their own."""
    n_tokens = len(tokens)
    if n_tokens == 0:
        return _EMPTY
    codes, owner, ends, words = _hashed(tokens.texts)
    if negated is not None:
        words = np.where(negated, words ^ _NEGATED, words)
    numbers = np.arange(n_tokens)
    pairs = words[:-1] * _PAIR + words[1:]
    shouted = numbers[np.asarray(tokens.shouted, bool)]
    spelt = np.fromiter((kind in WORDS for kind in tokens.kinds), bool, n_tokens)
    if negated is not None:
        spelt &= ~np.asarray(negated, bool)
    grams, gram_owner = _letters(codes, owner, ends, spelt)
    hashes = np.concatenate([words, pairs, np.full(len(shouted), _SHOUTED), grams])
    left = np.concatenate([numbers, numbers[:-1], shouted, gram_owner])
    right = np.concatenate([numbers, numbers[1:], shouted, gram_owner])
    sizes = (n_tokens, n_tokens - 1, len(shouted), len(grams))
    scale = scale_of(n_tokens, hashing)
    values = np.repeat(np.array([1.0, hashing.pairs, hashing.pairs, hashing.letters]) * scale, sizes)
    return Bag(_buckets(hashes, hashing.bits), values, left, right, words)


def word_features(
    texts: Sequence[str], spelt: Sequence[bool], hashing: Hashing
) -> tuple[Integers, Floats, Integers, NDArray[np.uint64]]:
    """Features of words by themselves, of the letters in those that are `spelt`, too: buckets, values (not scaled),
    the word each belongs to; and the hashes of the words."""
    codes, owner, ends, words = _hashed(texts)
    grams, gram_owner = _letters(codes, owner, ends, np.asarray(spelt, bool))
    values = np.repeat(np.array([1.0, hashing.letters]), (len(words), len(grams)))
    buckets = _buckets(np.concatenate([words, grams]), hashing.bits)
    return buckets, values, np.concatenate([np.arange(len(words)), gram_owner]), words


def _hashed(texts: Sequence[str]) -> tuple[NDArray[np.uint64], Integers, Integers, NDArray[np.uint64]]:
    """Code points of the words, blanks between and around them; the word each belongs to, with the blank before it;
    where the words end; and their hashes."""
    joined = f" {' '.join(texts)} "
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    blocks = np.fromiter(map(len, texts), np.int64, len(texts)) + 1
    ends = np.cumsum(blocks)
    owner = np.repeat(np.arange(len(texts)), blocks)
    place = np.arange(len(owner)) - (ends - blocks)[owner]
    words = np.add.reduceat(codes[:-1] * _POWERS[np.minimum(place, MAX_WORD - 1)], ends - blocks)
    return codes, owner, ends, words


def scale_of(n_tokens: int, hashing: Hashing) -> float:
    """By which all values of a text of so many tokens are scaled down."""
    return 1.0 / math.sqrt(1.0 + n_tokens / hashing.long_text)


def pair_buckets(first: NDArray[np.uint64], second: NDArray[np.uint64], bits: int) -> Integers:
    """Buckets of pairs of words, from the words' hashes."""
    return _buckets(first * _PAIR + second, bits)


def bucket_of_pair(first: int, second: int, bits: int) -> int:
    """The bucket of one pair: a few whole numbers are quicker than an array of one."""
    mixed = (first * int(_PAIR) + second) & _WHOLE
    mixed = ((mixed ^ (mixed >> 30)) * int(_MIX[0])) & _WHOLE
    mixed = ((mixed ^ (mixed >> 27)) * int(_MIX[1])) & _WHOLE
    return (mixed ^ (mixed >> 31)) >> (64 - bits)


def shouted_bucket(bits: int) -> int:
    """The bucket of being shouted."""
    return int(_buckets(np.array([_SHOUTED]), bits)[0])


def _letters(
    codes: NDArray[np.uint64], owner: Integers, ends: Integers, spelt: NDArray[np.bool_]
) -> tuple[NDArray[np.uint64], Integers]:
    """Hashes of 3 to 5 letters in a row inside words, the spaces around them included, and their tokens."""
    length = len(owner)
    last_of_word = ends[owner]
    of_word = spelt[owner]
    position = np.arange(length)
    hashes: list[NDArray[np.uint64]] = []
    owners: list[Integers] = []
    running = codes.copy()
    known = 1
    for size in _GRAM_SIZES:
        while known < size:
            running = running[:-1] + codes[known:] * _POWERS[known]
            known += 1
        n_grams = min(len(running), length)
        fits = of_word[:n_grams] & (position[:n_grams] + (size - 1) <= last_of_word[:n_grams])
        hashes.append((running[:n_grams] * _LETTERS + np.uint64(size))[fits])
        owners.append(owner[:n_grams][fits])
    return np.concatenate(hashes), np.concatenate(owners)


def _buckets(hashes: NDArray[np.uint64], bits: int) -> Integers:
    mixed = (hashes ^ (hashes >> _SHIFT[0])) * _MIX[0]
    mixed = (mixed ^ (mixed >> _SHIFT[1])) * _MIX[1]
    mixed ^= mixed >> _SHIFT[2]
    return (mixed >> np.uint64(64 - bits)).astype(np.int64)
