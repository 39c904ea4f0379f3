"""Offsets as browsers count."""

from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.entities.decisions import Evidence, Span
from quikapp_ml.models.reading import with_utf16


@given(st.text(alphabet="aé👍\ud800", min_size=1, max_size=20), st.data())
def test_utf16_offsets_cut_the_same_text(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    (item,) = with_utf16(text, [Evidence("phrase", 1.0, "", (Span(start, end),))])
    (span,) = item.spans
    assert span.utf16_start is not None
    assert span.utf16_end is not None
    units = text.encode("utf-16-le", "surrogatepass")
    cut = units[2 * span.utf16_start : 2 * span.utf16_end]
    assert cut == text[start:end].encode("utf-16-le", "surrogatepass")
