"""Hashed features: the same everywhere, and each knows the tokens it came from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.models.hashing import Bag, Hashing, bag_of
from quikapp_ml.models.text import tokenise

HASHING = Hashing(bits=20)


def bag(text: str, negated: list[bool] | None = None) -> Bag:
    return bag_of(tokenise(text), HASHING, negated)


def test_the_hash_of_a_word_never_changes() -> None:
    """A saved model is useless when these numbers change: then all models must be made again."""
    assert bag("go").buckets.tolist() == [92_782, 760318, 823689, 102272]  # the word, " go", "go ", " go "


def test_features_are_words_pairs_and_letters() -> None:
    features = bag("abc de")
    words, pairs = 2, 1
    letters = len([" ab", "abc", "bc ", " abc", "abc ", " abc ", " de", "de ", " de "])
    assert len(features.buckets) == words + pairs + letters
    assert (features.left[:3].tolist(), features.right[:3].tolist()) == ([0, 1, 0], [0, 1, 1])


def test_the_same_word_is_the_same_feature_wherever_it_stands() -> None:
    assert bag("deploy now").buckets[0] == bag("please deploy").buckets[1]
    assert bag("a b").buckets[2] != bag("b a").buckets[2]


def test_negated_words_are_other_features_without_letters() -> None:
    plain, negated = bag("good"), bag("good", [True])
    assert len(negated.buckets) == 1
    assert negated.buckets[0] not in plain.buckets


def test_placeholders_have_no_letters() -> None:
    assert len(bag("<@U1>").buckets) == 1


def test_long_texts_are_scaled_down() -> None:
    assert bag("word").values[0] > bag("word " * 100).values[0] > bag("word " * 10_000).values[0]


def test_an_empty_text_has_no_features() -> None:
    assert len(bag("").buckets) == 0
    assert bag("").token_shares(np.zeros(0), 0).tolist() == []


@given(st.text(max_size=200))
def test_what_features_weigh_is_shared_among_tokens_without_loss(text: str) -> None:
    features = bag(text)
    assert ((features.buckets >= 0) & (features.buckets < 1 << HASHING.bits)).all()
    weights = np.sin(features.buckets.astype(float)) * features.values
    shares = features.token_shares(weights, len(tokenise(text)))
    assert shares.sum() == pytest.approx(weights.sum(), abs=1e-9)
