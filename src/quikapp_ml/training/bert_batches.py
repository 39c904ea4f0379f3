"""The order in which texts are learnt: shuffled by a seed, those of like length together, so that little is padding."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

MAX_TOKENS = 96
SHUFFLED_TOGETHER = 50
"""Batches' worth of texts that are sorted by length among themselves."""


@dataclass(frozen=True)
class Padded:
    """Token numbers (n_texts, longest) and where there is a token."""

    ids: NDArray[np.int64]
    mask: NDArray[np.int64]


def encoded(tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int = MAX_TOKENS) -> list[list[int]]:
    """Token numbers of each text, cut after `max_tokens`."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]


def padded(rows: Sequence[Sequence[int]]) -> Padded:
    """One batch; token 0 is padding."""
    longest = max(map(len, rows))
    ids = np.zeros((len(rows), longest), dtype=np.int64)
    mask = np.zeros_like(ids)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
        mask[number, : len(row)] = 1
    return Padded(ids, mask)


def batches_of(lengths: Sequence[int], n_tokens: int, seed: int) -> list[list[int]]:
    """Every row once, in batches of at most `n_tokens` with padding (a longer row is a batch of its own)."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(lengths)).tolist()
    n_texts = SHUFFLED_TOGETHER * max(1, n_tokens * len(lengths) // max(1, sum(lengths)))
    batches = []
    for start in range(0, len(order), n_texts):
        part = sorted(order[start : start + n_texts], key=lambda row: lengths[row])
        batches += packed(part, lengths, n_tokens)
    return [batches[number] for number in rng.permutation(len(batches)).tolist()]


def packed(rows: Sequence[int], lengths: Sequence[int], n_tokens: int) -> list[list[int]]:
    """Rows sorted by length, cut into batches within the budget."""
    batches: list[list[int]] = []
    for row in rows:
        if batches and (len(batches[-1]) + 1) * lengths[row] <= n_tokens:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches
