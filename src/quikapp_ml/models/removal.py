"""What a text would weigh without some of its places, from the features that it has: no need to read it again.

That holds only where cutting a place out leaves all other tokens as they are. Where that is not sure, the answer is
None, and the text without the place has to be read.
"""

import math
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from quikapp_ml.entities.decisions import Span
from quikapp_ml.models.hashing import scale_of
from quikapp_ml.models.reading import is_bare
from quikapp_ml.models.text import MIN_SHOUTED_LETTERS, WORDS, Tokens
from quikapp_ml.models.word_weights import Weighed, WordWeights

_MARKUP = frozenset("`<>&*~_|\\^\u00b7\u2022")
"""Signs that may belong to what is around them."""
_SPELT_OUT = re.compile(r"(?<!\w)[\w$@!](?:\W{1,3}|_)[\w$@!](?!\w)")
"""Single letters in a row, which may be one word."""
_CLOSING = " \n,!?"


@dataclass(frozen=True)
class Removal:
    """A text with its tokens, and what each of these weighs in one of several models."""

    text: str
    tokens: Tokens
    weighed: Weighed
    model: int
    total: float
    """What all of them weigh, not scaled."""

    @property
    def is_plain(self) -> bool:
        """Whether the text is read letter by letter as it is written."""
        tokens = self.tokens
        if not _MARKUP.isdisjoint(self.text) or _SPELT_OUT.search(self.text):
            return False
        places = zip(tokens.texts, tokens.kinds, tokens.starts, tokens.ends, strict=True)
        return all(end - start == len(text) for text, kind, start, end in places if kind in WORDS and text[0] != "⟨")

    def gone(self, spans: Sequence[Span]) -> list[int] | None:
        """Which tokens go with the places, in their order; None when others may change."""
        starts, ends = self.tokens.starts, self.tokens.ends
        gone: set[int] = set()
        for span in spans:
            if not self._stands_alone(span):
                return None
            within = range(bisect_left(starts, span.start), bisect_left(starts, span.end))
            if any(ends[place] > span.end for place in within):
                return None
            gone.update(within)
        return sorted(gone)

    def total_without(self, gone: Sequence[int], weights: WordWeights) -> float | None:
        """The sum of all contributions without some tokens; None when words would be shouted, or joined, otherwise."""
        joints = self._joints(gone)
        if joints is None or self._leaves_links_alone(gone):
            return None
        words, model = self.weighed.words, self.model
        own, pairs = self.weighed.own[gone, model].tolist(), self.weighed.pairs[:, model]
        parted = sorted({place for token in gone for place in (token - 1, token) if 0 <= place < len(pairs)})
        lost = math.fsum([*own, *pairs[parted].tolist()])
        won = math.fsum([weights.of_pair(words[left], words[right], model) for left, right in joints])
        return (self.total + won - lost) * scale_of(len(self.tokens) - len(gone), weights.hashing)

    def _leaves_links_alone(self, gone: Sequence[int]) -> bool:
        all_gone = frozenset(gone)
        return is_bare({kind for place, kind in enumerate(self.tokens.kinds) if place not in all_gone})

    def _stands_alone(self, span: Span) -> bool:
        before = self.text[span.start - 1 : span.start]
        return before in ("", " ", "\n") and self.text[span.end : span.end + 1] in ("", *_CLOSING)

    def _joints(self, gone: Sequence[int]) -> list[tuple[int, int]] | None:
        """Tokens that would become neighbours; None where they, or those at an edge, may be read otherwise then."""
        joints: list[tuple[int, int]] = []
        all_gone = frozenset(gone)
        firsts = [place for place in gone if place - 1 not in all_gone]
        lasts = [place for place in gone if place + 1 not in all_gone]
        for left, right in zip((first - 1 for first in firsts), (last + 1 for last in lasts), strict=True):
            if left >= 0 and right < len(self.tokens):
                joints.append((left, right))
            elif any(self.tokens.shouted[place] for place in (left, right) if 0 <= place < len(self.tokens)):
                return None
        return None if any(self._may_change(*joint) for joint in joints) else joints

    def _may_change(self, left: int, right: int) -> bool:
        """Whether two tokens may be read otherwise as neighbours: both in capitals, or both of one letter."""
        if self.tokens.shouted[left] or self.tokens.shouted[right]:
            return True
        places = [(self.tokens.starts[place], self.tokens.ends[place]) for place in (left, right)]
        are_capital = all(
            end - start >= MIN_SHOUTED_LETTERS and self.text[start:end].isupper() for start, end in places
        )
        return are_capital or all(end - start == 1 for start, end in places)
