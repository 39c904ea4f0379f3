"""What a text would weigh without a place, told without reading it again, is what reading it again tells."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quikapp_ml.entities.decisions import Span
from quikapp_ml.models.evidence import without
from quikapp_ml.models.hashing import Hashing, bag_of
from quikapp_ml.models.reading import reading_tokens
from quikapp_ml.models.removal import Removal
from quikapp_ml.models.word_weights import WordWeights

HASHING = Hashing(bits=12)
WEIGHTS = np.random.default_rng(3).normal(size=1 << HASHING.bits).astype(np.float16)
WORDS = WordWeights(WEIGHTS[:, None], HASHING)

PIECES = (
    "free", "FREE", "WIN", "now", "a", "I", "b", "c", "the", "offer,", "offer!", "really?", "!!!", "5000", "£100", ":)",
    ";)", "don't", "fr33", "fr3e", "sooo", "w-i-n", "gr8", "http://x.example/a", "x.com", "<@U1>", "@bob", "@here",
    "#7", "...", ".", ":tada:", "👍", "é", "`code`", "\n", "\u200b", "A.", "'", "&amp;", "N", "O", "W", "$", "@",
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), min_size=1, max_size=14).map(" ".join))


def weight(text: str) -> float:
    bag = bag_of(reading_tokens(text), HASHING)
    return float(WEIGHTS[bag.buckets].astype(float) @ bag.values)


def quick(text: str, spans: list[Span]) -> float | None:
    tokens = reading_tokens(text)
    weighed = WORDS.weigh(tokens)
    removal = Removal(text, tokens, weighed, 0, weighed.total(0))
    gone = removal.gone(spans) if removal.is_plain else None
    return None if gone is None else removal.total_without(gone, WORDS)


@settings(max_examples=600, deadline=None)
@given(TEXTS, st.data())
def test_it_is_what_reading_the_rest_tells(text: str, data: st.DataObject) -> None:
    tokens = reading_tokens(text)
    if not len(tokens):
        return
    numbers = st.integers(0, len(tokens) - 1)
    first, last, other = sorted(data.draw(st.tuples(numbers, numbers, numbers)))
    spans = [Span(tokens.starts[first], max(tokens.ends[first : last + 1]))]
    if other > last:
        spans.append(Span(tokens.starts[other], tokens.ends[other]))
    told = quick(text, spans)
    assert told is None or told == pytest.approx(weight(without(text, spans)), abs=1e-9)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a free b c", "free"), ("WIN free NOW", "free"), ("WIN NOW", "NOW"), ("so-free offers", "free"),
        ("`code` is free", "free"), ("f.r.e.e offers are cheap", "offers"), ("free;) hello", "free"),
    ],
)  # fmt: skip
def test_where_others_may_change_nothing_is_told(text: str, place: str) -> None:
    start = text.index(place)
    assert quick(text, [Span(start, start + len(place))]) is None


@pytest.mark.parametrize("place", ["Get", "a free", "prize", "now", "Get a free prize now"])
def test_in_plain_texts_it_is_told(place: str) -> None:
    text = "Get a free prize now"
    start = text.index(place)
    told = quick(text, [Span(start, start + len(place))])
    assert told is not None
    assert math.isclose(told, weight(without(text, [Span(start, start + len(place))])), abs_tol=1e-9)
