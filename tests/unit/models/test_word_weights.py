"""Weights by word are the sums that hashing the whole text gives, whatever was read before."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quikapp_ml.models import word_weights
from quikapp_ml.models.hashing import Hashing, bag_of, bucket_of_pair, pair_buckets
from quikapp_ml.models.reading import reading_tokens
from quikapp_ml.models.word_weights import MAX_WORD_LETTERS, WordWeights

HASHING = Hashing(bits=12)
WEIGHTS = np.random.default_rng(5).normal(size=(1 << HASHING.bits, 2)).astype(np.float16)
KNOWN = WordWeights(WEIGHTS, HASHING)
TEXTS = st.one_of(
    st.text(max_size=80),
    st.lists(st.sampled_from(["FREE", "NOW", "a", "xd", "XD", ":tada:", "👍", "www.a.org", "é" * 80]), max_size=12).map(
        " ".join
    ),
)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_a_text_weighs_what_its_bag_weighs(text: str) -> None:
    tokens = reading_tokens(text)
    bag = bag_of(tokens, HASHING)
    expected = bag.values @ WEIGHTS[bag.buckets].astype(float)
    weighed = KNOWN.weigh(tokens)
    assert weighed.totals() == pytest.approx(expected, abs=1e-9)
    contributions = WEIGHTS[bag.buckets, 1].astype(float) * bag.values
    assert weighed.shares(1) == pytest.approx(bag.token_shares(contributions, len(tokens)), abs=1e-9)


def test_a_word_weighs_the_same_to_the_last_bit_whatever_was_read_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_weights, "MAX_WORDS", 7)
    words = WordWeights(WEIGHTS, HASHING)
    texts = [
        "see the free offer",
        "x" * (MAX_WORD_LETTERS + 1),
        "now or never",
        *(f"word{n} the offer" for n in "abcd"),
    ]
    for text in [*texts, *reversed(texts), " ".join(texts)]:
        alone = WordWeights(WEIGHTS, HASHING).weigh(reading_tokens(text))
        assert (words.weigh(reading_tokens(text)).own == alone.own).all()


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_one_pair_has_the_bucket_that_it_has_among_others(first: int, second: int) -> None:
    ours = bucket_of_pair(first, second, HASHING.bits)
    assert ours == pair_buckets(np.array([first], np.uint64), np.array([second], np.uint64), HASHING.bits)[0]
