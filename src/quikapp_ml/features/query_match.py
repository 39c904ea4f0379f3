"""How well texts answer a query, by words alone: BM25 within the given texts, as a share of the best possible.

Robertson and Zaragoza 2009, The Probabilistic Relevance Framework: BM25 and Beyond.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]

MAX_QUERY_WORDS = 16
MAX_CHARACTERS = 4_000
"""Of each text; what comes later is not looked at, so that 1,000 long items are still ranked at once."""
SATURATION = 1.2
LENGTH_WEIGHT = 0.75
_CHARACTERS_A_WORD = 6

_WORD = re.compile(r"\w+")


def query_match(query: str | None, texts: Sequence[str]) -> Floats:
    """(n_texts,) in 0..1; 0 where no word of the query occurs, or there is no query."""
    words = list(dict.fromkeys(_WORD.findall(_folded(query or ""))))[:MAX_QUERY_WORDS]
    if not words or not texts:
        return np.zeros(len(texts))
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)")
    counts = np.zeros((len(texts), len(words)))
    lengths = np.zeros(len(texts))
    for row, text in enumerate(texts):
        folded = _folded(text[:MAX_CHARACTERS])
        found = Counter(pattern.findall(folded))
        counts[row] = [found[word] for word in words]
        lengths[row] = len(folded) / _CHARACTERS_A_WORD
    rarity = _rarity(counts)
    longer = lengths / max(lengths.mean(), 1.0)
    frequency = counts / (counts + SATURATION * (1 - LENGTH_WEIGHT + LENGTH_WEIGHT * longer[:, None]) + (counts == 0))
    return np.asarray((frequency * rarity).sum(axis=1) / rarity.sum(), dtype=float)


def _rarity(counts: Floats) -> Floats:
    holding = (counts > 0).sum(axis=0)
    return np.asarray(np.log1p((len(counts) - holding + 0.5) / (holding + 0.5)), dtype=float)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
