"""Tokens of chat texts, and where they stand in the original."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.models.moods import BAD_MOODS, GOOD_MOODS, MOOD_OF
from quikapp_ml.models.text import (
    BROADCAST,
    CHANNEL,
    CODE,
    EMAIL,
    LINK,
    LONGEST_PIECE,
    MAX_REMEMBERED_WORD,
    MENTION,
    MONEY,
    REFERENCE,
    fold,
    pieces_of,
    tokenise,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World", ["hello", "world"]),
        ("Sooooo goooood", ["soo", "good"]),
        ("don't can’t won&#39;t", ["don't", "can't", "won't"]),
        ("ＦＲＥＥ caf\u00e9 cafe\u0301", ["free", "cafe", "cafe"]),
        ("f\u200br\u2060e\ufeffe", ["free"]),
        ("see https://a.example.org/x?y=1 now", ["see", LINK, "⟨host⟩a.example.org", "now"]),
        ("<https://a.org/p|the page>", [LINK, "⟨host⟩a.org", "the", "page"]),
        ("bit.ly/abc main.py", [LINK, "⟨host⟩bit.ly", "main", "py"]),
        ("<@U12|ann> @bob <!here> @channel <#C1|general>", [MENTION, MENTION, BROADCAST, BROADCAST, CHANNEL]),
        ("mail ann.b@example.org", ["mail", EMAIL]),
        ("run `rm -rf /` or ```\na b\n```", ["run", CODE, "or", CODE]),
        ("£1,000 or $5 or #42", [MONEY, "or", MONEY, "or", REFERENCE]),
        ("call 0800 1234567", ["call", "0000", "0000000"]),
        ("12:30", ["00:00"]),
        ("why?!?! well...", ["why", "?!", "well", ".."]),
        (":tada: 👍🏽 <3 :( &lt;3", [":tada:", "⟨celebration⟩", "👍", "⟨approval⟩", "🏽", "<3", "⟨love⟩", ":(",
                                   "⟨sadness⟩", "&lt;3", "⟨love⟩"]),
        ("&amp; (a) [b] {c}", ["a", "b", "c"]),
        ("def f(): return", ["def", "f", "return"]),
        ("日本語 テスト", ["日本語", "テスト"]),
        ("", []),
        (" \n\t ", []),
    ],
)  # fmt: skip
def test_a_text_becomes_these_tokens(text: str, expected: list[str]) -> None:
    assert tokenise(text).texts == expected


def test_places_are_code_points_of_the_original() -> None:
    text = "ﬁne 👩\u200d💻 STRASSE Straße <@U1> ﷺ end"
    tokens = tokenise(text)
    found = {token: text[start:end] for token, start, end in zip(tokens.texts, tokens.starts, tokens.ends, strict=True)}
    assert found["fine"] == "ﬁne"
    assert found["strasse"] in {"STRASSE", "Straße"}
    assert found[MENTION] == "<@U1>"
    assert found["end"] == "end"


def test_two_capital_words_in_a_row_are_shouted_and_one_is_not() -> None:
    tokens = tokenise("The API is down. BUY THIS NOW or WAIT for the README")
    shouted = {token for token, is_shouted in zip(tokens.texts, tokens.shouted, strict=True) if is_shouted}
    assert shouted == {"buy", "this", "now"}


@given(st.text(max_size=300))
def test_any_text_gives_tokens_in_order_within_it(text: str) -> None:
    tokens = tokenise(text)
    assert len({len(tokens.texts), len(tokens.kinds), len(tokens.starts), len(tokens.ends), len(tokens.shouted)}) == 1
    assert all(tokens.texts)
    assert tokens.starts == sorted(tokens.starts)
    assert all(0 <= start < end <= len(text) for start, end in zip(tokens.starts, tokens.ends, strict=True))


@given(st.text(alphabet=st.characters(), max_size=100))
def test_folding_keeps_track_of_every_character(text: str) -> None:
    folded, offsets = fold(text)
    if offsets is None:
        assert len(folded) == len(text)
    else:
        assert len(offsets) == len(folded)
        assert offsets == sorted(offsets)


def test_lone_surrogates_are_read_like_any_sign() -> None:
    assert tokenise("a \ud800 b").texts[0] == "a"


def test_long_words_are_read_too() -> None:
    word = "abc" * MAX_REMEMBERED_WORD
    assert tokenise(word).texts == [word]


@pytest.mark.parametrize("piece", ["<", "a.b", "你好", "x" * 40, "(`", "é "])
def test_what_has_no_blank_for_long_is_read_in_cuts(piece: str) -> None:
    text = f"start {piece * (3 * LONGEST_PIECE // len(piece))} end"
    tokens = tokenise(text)
    assert (tokens.texts[0], tokens.texts[-1]) == ("start", "end")
    assert text[tokens.starts[-1] : tokens.ends[-1]] == "end"


@given(st.text(alphabet="ab `\n\u3000\x1c", max_size=60))
def test_pieces_are_the_text_without_its_blanks(text: str) -> None:
    pieces, offsets = pieces_of(text)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    for piece, at in zip(pieces, offsets, strict=True):
        assert piece.split() == text[at : at + len(piece)].split()


def test_every_mood_that_is_good_or_bad_exists() -> None:
    assert set(MOOD_OF.values()) >= GOOD_MOODS | BAD_MOODS
    assert not GOOD_MOODS & BAD_MOODS
