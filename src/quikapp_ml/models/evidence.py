"""Which words of a text weigh how much in a decision: phrases with their places, and one sum for the rest."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from quikapp_ml.entities.decisions import Evidence, Span
from quikapp_ml.models.hashing import Floats
from quikapp_ml.models.text import Tokens

STRONG = 0.4
"""A token counts as strong from this weight on, either way."""
MAX_SPANS = 20
MAX_STRONG = 1_000
_QUOTED_LETTERS = 60
_SAYS_OF_TRICK = {
    "cloaked_link": "the text of a link shows another site than the one it leads to",
    "look_alike_link": "a link is written to be taken for a well-known site",
    "short_link": "a link hides where it leads behind a shortener",
}
_SIGNAL_OF_KIND = {
    "plain": "phrase", "word": "phrase", "link": "link", "bare_link": "link", "email": "link",
    "mention": "mention", "broadcast": "mention", "code": "code", "channel": "reference", "reference": "reference",
    "money": "money", "number": "number",
    "shortcode": "emoji", "emoticon": "emoji", "exclamation": "punctuation", "ellipsis": "punctuation",
    **{signal: signal for signal in _SAYS_OF_TRICK},
}  # fmt: skip


@dataclass(slots=True)
class Phrase:
    """Strong tokens in a row and where they occur in the text, MAX_SPANS places at most; `weight` adds these up."""

    signal: str
    quoted: str
    weight: float = 0.0
    spans: list[Span] = field(default_factory=list)

    def evidence(self) -> Evidence:
        """As an answer shows it."""
        kind = "spam than in ordinary messages" if self.weight > 0 else "ordinary messages than in spam"
        if self.signal in _SAYS_OF_TRICK and self.weight > 0:
            return Evidence(self.signal, self.weight, _SAYS_OF_TRICK[self.signal], tuple(self.spans))
        place = "" if len(self.spans) == 1 else f", here {len(self.spans)} times"
        return Evidence(self.signal, self.weight, f"“{self.quoted}” is more common in {kind}{place}", tuple(self.spans))


def phrases_of(text: str, tokens: Tokens, shares: Floats) -> list[Phrase]:
    """The strong phrases of a text, the heaviest first. `shares` (n_tokens,) is what each token weighs."""
    found: dict[tuple[str, ...], Phrase] = {}
    weights = shares.tolist()
    for first, last in _runs(shares, tokens.kinds):
        key = tuple(tokens.texts[first : last + 1])
        phrase = found.get(key)
        if phrase is None:
            signal = _SIGNAL_OF_KIND.get(tokens.kinds[first], "sign")
            phrase = found[key] = Phrase(
                signal, _quoted(text[tokens.starts[first] : max(tokens.ends[first : last + 1])])
            )
        if len(phrase.spans) < MAX_SPANS:
            phrase.weight += math.fsum(weights[first : last + 1])
            phrase.spans.append(Span(tokens.starts[first], max(tokens.ends[first : last + 1])))
    return sorted(found.values(), key=lambda phrase: -abs(phrase.weight))


def without(text: str, spans: Sequence[Span]) -> str:
    """The text with these places cut out."""
    kept, at = [], 0
    for span in sorted(spans, key=lambda span: span.start):
        kept.append(text[at : max(at, span.start)])
        at = max(at, span.end)
    return "".join([*kept, text[at:]])


def _runs(shares: Floats, kinds: Sequence[str]) -> list[tuple[int, int]]:
    """First and last position of strong tokens in a row that weigh in the same direction; tricks stand alone.

    Of a long text, the first and last MAX_STRONG strong tokens are looked at.
    """
    runs: list[tuple[int, int]] = []
    strong = np.flatnonzero(np.abs(shares) >= STRONG)
    if len(strong) > 2 * MAX_STRONG:
        strong = np.concatenate([strong[:MAX_STRONG], strong[-MAX_STRONG:]])
    before, previous = -1, False
    for position, is_for in zip(strong.tolist(), (shares[strong] > 0).tolist(), strict=True):
        is_trick = kinds[position] in _SAYS_OF_TRICK
        if position == before + 1 and runs and is_for == previous and not is_trick:
            runs[-1] = (runs[-1][0], position)
        else:
            runs.append((position, position))
        before, previous = (-1 if is_trick else position), is_for
    return runs


def _quoted(text: str) -> str:
    shown = " ".join(text.split())
    return shown if len(shown) <= _QUOTED_LETTERS else f"{shown[: _QUOTED_LETTERS - 1]}…"
