"""Words that are split, spelt with digits, or drawn out."""

import pytest

from quikapp_ml.models.reading import Mapped, read
from quikapp_ml.models.reading.words import joined, known_words, spelt


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("f r e e", "free"),
        ("f.r.e.e entry", "free entry"),
        ("f-r-e-e", "free"),
        ("c_a_s_h", "cash"),
        ("f*r*ee", "free"),
        ("fr<b></b>ee", "free"),
        ("fr<!-- x -->ee", "free"),
        ("fr.ee", "free"),
        ("a.k.a. e.g. U.S.", "aka. e.g. U.S."),
        ("1 2 3 4", "1 2 3 4"),
        ("state-of-the-art in-app up-to-date", "state-of-the-art in-app up-to-date"),
        ("snake_case_name `f r e e` <@U1>", "snake_case_name `f r e e` <@U1>"),
    ],
)
def test_what_is_split_is_joined(written: str, meant: str) -> None:
    assert joined(Mapped(written)).text == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("fr33 c4sh pr1z3 w1n m0ney ca$h", "free cash prize win money cash"),
        ("freeee caaassshhh", "free cash"),
        ("FR33!", "FREE!"),
        ("mp3 h264 gr8 2nite 4u win10 100 0x7f", "mp3 h264 gr8 2nite 4u win10 100 0x7f"),
        ("www xxx aaa", "www xxx aaa"),
        ("`fr33` https://x.example/fr33", "`fr33` https://x.example/fr33"),
        ("<@fr33> bob@fr33.example", "<@fr33> bob@fr33.example"),
    ],
)  # fmt: skip
def test_what_is_spelt_oddly_is_read(written: str, meant: str) -> None:
    assert spelt(Mapped(written)).text == meant


def test_common_words_are_short_plain_and_read_as_they_are() -> None:
    words = known_words()
    assert {"free", "prize", "deploy"} <= words
    assert all(read(word).text == word for word in words)
