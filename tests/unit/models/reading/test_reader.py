"""A whole text, read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quikapp_ml.models.reading import TRICKS, is_bare, read, reading_tokens
from quikapp_ml.models.text import tokenise

ODD = ["f r e e", "f\u200br", "&#102;", "fr33", "frее", "e\u0301", "𝓯", "<b></b>", "*", "<http://a.ru|b.com>",
       "http://", "`x`",
       "\u202e", "aaa", "👍🏽", "ﬃ", "İ", "[.]", "hxxp://", " ", "\n> ", "_", ".", "|", ">", "\ud800",
       "http://bit.ly/a"]  # fmt: skip
TEXTS = st.one_of(st.text(max_size=150), st.lists(st.sampled_from(ODD), max_size=40).map("".join))
PROSE = st.lists(
    st.sampled_from(["We", "have", "deployed", "the", "new", "version,", "please", "look.", "committee", "am", "(ok)"])
).map(" ".join)  # fmt: skip


@settings(max_examples=300)
@given(TEXTS)
def test_every_place_lies_in_the_text_and_the_map_never_falls(text: str) -> None:
    reading = read(text)
    places = [reading.mapped.span(n, n + 1) for n in range(len(reading.text))]
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert places == sorted(places)
    assert [end for _, end in places] == sorted(end for _, end in places)
    spans = [*reading.code, *reading.quotes, *((link.start, link.end) for link in reading.links)]
    assert all(0 <= start < end <= len(text) for start, end in spans)


@settings(max_examples=300)
@given(TEXTS)
def test_tokens_lie_in_the_text_in_order(text: str) -> None:
    tokens = reading_tokens(text)
    assert all(0 <= start < end <= len(text) for start, end in zip(tokens.starts, tokens.ends, strict=True))
    assert tokens.starts == sorted(tokens.starts)


@given(PROSE)
def test_plain_prose_is_left_alone(text: str) -> None:
    assert read(text).mapped.starts is None
    assert reading_tokens(text) == tokenise(text)


def test_code_and_quotes_are_kept_apart() -> None:
    text = "see `f r e e` please\n> quoted\n&gt; again"
    reading = read(text)
    assert [text[slice(*place)] for place in reading.code] == ["`f r e e`"]
    assert [text[slice(*place)] for place in reading.quotes] == ["> quoted", "&gt; again"]
    assert "`f r e e`" in reading.text


def test_disguised_words_are_tokens_at_their_original_places() -> None:
    text = "get f\u200br\u200bее c.a.s.h"
    tokens = reading_tokens(text)
    originals = [text[start:end] for start, end in zip(tokens.starts, tokens.ends, strict=True)]
    assert tokens.texts == ["get", "free", "cash"]
    assert originals == ["get", "f\u200br\u200bее", "c.a.s.h"]


def test_a_trick_is_a_token_at_its_link() -> None:
    tokens = reading_tokens("hi <http://evil.ru|google.com>")
    assert TRICKS["cloaked_link"] in tokens.texts
    assert tokens.starts[tokens.texts.index(TRICKS["cloaked_link"])] == 3


@pytest.mark.parametrize(
    ("text", "bare"),
    [("https://a.example/x", True), ("http://a.example/ www.b.org", True), ("see www.b.org", False), ("", False)],
)
def test_links_and_nothing_else_are_a_token_of_their_own(text: str, bare: bool) -> None:
    tokens = reading_tokens(text)
    assert ("bare_link" in tokens.kinds) is bare
    assert is_bare(tokens.kinds) is bare
    assert tokens.starts == sorted(tokens.starts)
