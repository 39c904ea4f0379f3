"""Phrases that weigh much, and their places."""

import numpy as np

from quikapp_ml.entities.decisions import Span
from quikapp_ml.models.evidence import MAX_SPANS, phrases_of, without
from quikapp_ml.models.text import tokenise


def test_strong_neighbours_are_one_phrase_and_repetitions_are_added_up() -> None:
    text = "free money for you, free money"
    phrases = phrases_of(text, tokenise(text), np.array([1.0, 2.0, 0.1, -1.0, 1.0, 2.0]))
    assert [(phrase.quoted, phrase.weight, phrase.spans) for phrase in phrases] == [
        ("free money", 6.0, [Span(0, 10), Span(20, 30)]),
        ("you", -1.0, [Span(15, 18)]),
    ]
    assert phrases[0].evidence().detail == "“free money” is more common in spam than in ordinary messages, here 2 times"
    assert "ordinary messages than in spam" in phrases[1].evidence().detail


def test_only_the_first_places_are_named_and_weighed() -> None:
    text = "buy it " * 50
    tokens = tokenise(text)
    phrase = phrases_of(text, tokens, np.tile([1.0, 0.0], 50))[0]
    assert len(phrase.spans) == phrase.weight == MAX_SPANS


def test_cutting_out_takes_each_place_once() -> None:
    assert without("abcdef", [Span(1, 3), Span(2, 4), Span(5, 6)]) == "ae"
    assert without("abc", []) == "abc"


def test_a_long_phrase_is_quoted_in_part() -> None:
    text = " ".join(["word"] * 40)
    detail = phrases_of(text, tokenise(text), np.ones(40))[0].evidence().detail
    assert len(detail) < 130
    assert "…" in detail
