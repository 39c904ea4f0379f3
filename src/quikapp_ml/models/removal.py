"""What a text would weigh without some of its places, from the features that it has: no need to read it again.

That holds only where cutting a place out leaves all other tokens as they are. Where that is not sure, the answer is
None, and the text without the place has to be read.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quikapp_ml.entities.decisions import Span
from quikapp_ml.models.hashing import Bag, Floats, Hashing, pair_buckets, scale_of
from quikapp_ml.models.text import MIN_SHOUTED_LETTERS, WORDS, Tokens

_MARKUP = frozenset("`<>&*~_|\\^\u00b7\u2022")
"""Signs that may belong to what is around them."""
_SPELT_OUT = re.compile(r"(?<!\w)[\w$@!](?:\W{1,3}|_)[\w$@!](?!\w)")
"""Single letters in a row, which may be one word."""
_CLOSING = " \n,!?"


@dataclass(frozen=True)
class Removal:
    """A text with its tokens, features and what each of these weighs."""

    text: str
    tokens: Tokens
    bag: Bag
    contributions: Floats

    @property
    def is_plain(self) -> bool:
        """Whether the text is read letter by letter as it is written."""
        tokens = self.tokens
        if not _MARKUP.isdisjoint(self.text) or _SPELT_OUT.search(self.text):
            return False
        places = zip(tokens.texts, tokens.kinds, tokens.starts, tokens.ends, strict=True)
        return all(end - start == len(text) for text, kind, start, end in places if kind in WORDS and text[0] != "⟨")

    def gone(self, spans: Sequence[Span]) -> NDArray[np.bool_] | None:
        """(n_tokens,): which tokens go with the places; None when others may change."""
        tokens = self.tokens
        gone = np.zeros(len(tokens), bool)
        for span in spans:
            if not self._stands_alone(span):
                return None
            for place, (start, end) in enumerate(zip(tokens.starts, tokens.ends, strict=True)):
                if start < span.end and end > span.start:
                    if start < span.start or end > span.end:
                        return None
                    gone[place] = True
        return gone

    def total_without(self, gone: NDArray[np.bool_], weights: NDArray[np.float16], hashing: Hashing) -> float | None:
        """The sum of all contributions without some tokens; None when words would be shouted, or joined, otherwise."""
        joints = self._joints(gone)
        if joints is None:
            return None
        bag = self.bag
        kept = float(self.contributions[~(gone[bag.left] | gone[bag.right])].sum())
        n_kept = len(gone) - int(gone.sum())
        kept *= scale_of(n_kept, hashing) / scale_of(len(gone), hashing)
        if len(joints):
            joined = weights[pair_buckets(bag.words[joints[:, 0]], bag.words[joints[:, 1]], hashing.bits)]
            kept += float(joined.astype(float).sum()) * hashing.pairs * scale_of(n_kept, hashing)
        return kept

    def _stands_alone(self, span: Span) -> bool:
        before = self.text[span.start - 1 : span.start]
        return before in ("", " ", "\n") and self.text[span.end : span.end + 1] in ("", *_CLOSING)

    def _joints(self, gone: NDArray[np.bool_]) -> NDArray[np.int64] | None:
        """(n_joints, 2): tokens that would become neighbours."""
        kept = np.flatnonzero(~gone)
        new = np.flatnonzero(np.diff(kept) > 1)
        for left, right in zip(kept[new].tolist(), kept[new + 1].tolist(), strict=True):
            if self._may_change(left, right):
                return None
        edges = [*kept[:1].tolist(), *kept[-1:].tolist()]
        if any(self.tokens.shouted[edge] for edge in edges):
            return None
        return np.stack([kept[new], kept[new + 1]], axis=1)

    def _may_change(self, left: int, right: int) -> bool:
        """Whether two tokens may be read otherwise as neighbours: both in capitals, or both of one letter."""
        if self.tokens.shouted[left] or self.tokens.shouted[right]:
            return True
        places = [(self.tokens.starts[place], self.tokens.ends[place]) for place in (left, right)]
        are_capital = all(
            end - start >= MIN_SHOUTED_LETTERS and self.text[start:end].isupper() for start, end in places
        )
        return are_capital or all(end - start == 1 for start, end in places)
