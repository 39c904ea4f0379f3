"""Fingerprints of texts: nearly the same texts have nearly the same one, however they are disguised.

MinHash over runs of letters of the words as models read them. Names, numbers, links and emoji, which senders of many
copies change, do not count. The same text has the same fingerprint in every process.
"""

import numpy as np
from numpy.typing import NDArray

from quikapp_ml.models.text import WORDS, Tokens

N_HASHES = 64
MIN_LETTERS = 24
"""Shorter texts have no fingerprint: many people say `thanks, will do` without knowing of each other."""
SHINGLE = 5
MAX_SHINGLES = 512
"""Of a longer text, those with the smallest hashes count: two copies of it choose the same ones."""

Fingerprint = NDArray[np.uint32]
"""(N_HASHES,)"""

_MIX = np.uint64(0xFF51AFD7ED558CCD)
_BASE = np.uint64(0x9E3779B97F4A7C15)
_DICE = np.random.Generator(np.random.PCG64(20_261_123))
_FACTORS = _DICE.integers(1, 1 << 63, N_HASHES, dtype=np.uint64)[:, None] * np.uint64(2) + np.uint64(1)
_SHIFTS = _DICE.integers(0, 1 << 63, N_HASHES, dtype=np.uint64)[:, None]


def fingerprint(tokens: Tokens) -> Fingerprint | None:
    """The fingerprint of a text as read; None when it has too few letters."""
    words = " ".join([text for text, kind in zip(tokens.texts, tokens.kinds, strict=True) if kind in WORDS])
    if len(words) < MIN_LETTERS:
        return None
    letters = np.frombuffer(words.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    hashes = letters[: 1 - SHINGLE].copy()
    for place in range(1, SHINGLE):
        hashes *= _BASE
        hashes += letters[place : len(letters) - SHINGLE + 1 + place]
    hashes ^= hashes >> np.uint64(33)
    hashes *= _MIX
    hashes ^= hashes >> np.uint64(29)
    if len(hashes) > MAX_SHINGLES:
        hashes.partition(MAX_SHINGLES)
        hashes = hashes[:MAX_SHINGLES]
    smallest: Fingerprint = ((hashes * _FACTORS + _SHIFTS) >> np.uint64(32)).min(axis=1).astype(np.uint32)
    return smallest


def stored(print_: Fingerprint | None) -> bytes:
    """A fingerprint as bytes, the same on every machine; none for none."""
    return b"" if print_ is None else print_.astype("<u4").tobytes()


def restored(given: bytes) -> Fingerprint | None:
    """The fingerprint that `stored` wrote."""
    return np.frombuffer(given, dtype="<u4").astype(np.uint32) if given else None


def likeness(one: Fingerprint, other: Fingerprint) -> float:
    """How much two texts have in common, 0 to 1: the estimated Jaccard index of their runs of letters."""
    return float((one == other).mean())
