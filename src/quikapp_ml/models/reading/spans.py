"""Places of a text as browsers count them."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from quikapp_ml.entities.decisions import Evidence


def with_utf16(text: str, evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """The evidence with the UTF-16 offsets of its spans filled in."""
    units = None if text.isascii() else [0, *accumulate(1 + (character > "\uffff") for character in text)]

    def unit(place: int) -> int:
        return place if units is None else units[place]

    return tuple(
        replace(
            item,
            spans=tuple(replace(s, utf16_start=unit(s.start), utf16_end=unit(s.end)) for s in item.spans),
        )
        for item in evidence
    )
