"""Places of a text as browsers count them."""

from collections.abc import Sequence

import numpy as np

from quikapp_ml.entities.decisions import Evidence, Span
from quikapp_ml.models.reading.mapped import codes_of


def with_utf16(text: str, evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """The evidence with the UTF-16 offsets of its spans filled in."""
    beyond = None if text.isascii() else np.cumsum(codes_of(text) > 0xFFFF)

    def unit(place: int) -> int:
        return place if beyond is None or place == 0 else place + int(beyond[place - 1])

    return tuple(
        Evidence(
            item.signal,
            item.weight,
            item.detail,
            tuple([Span(span.start, span.end, unit(span.start), unit(span.end)) for span in item.spans]),
        )
        for item in evidence
    )
