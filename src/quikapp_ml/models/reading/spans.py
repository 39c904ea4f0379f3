"""Places of a text as browsers count them."""

from collections.abc import Sequence
from itertools import accumulate

from quikapp_ml.entities.decisions import Evidence, Span


def with_utf16(text: str, evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """The evidence with the UTF-16 offsets of its spans filled in."""
    units = None if text.isascii() else [0, *accumulate(1 + (character > "\uffff") for character in text)]

    def unit(place: int) -> int:
        return place if units is None else units[place]

    return tuple(
        Evidence(
            item.signal,
            item.weight,
            item.detail,
            tuple([Span(span.start, span.end, unit(span.start), unit(span.end)) for span in item.spans]),
        )
        for item in evidence
    )
