"""Characters that hide or look like others."""

import unicodedata

import pytest

from quikapp_ml.models.reading import Mapped
from quikapp_ml.models.reading.characters import LOOK_ALIKES, visible


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("frее еntrу", "free entry"),
        ("f\u200br\u200de\ufeffe", "free"),
        ("\u202efree\u202c \u2066now\u2069", "free now"),
        ("f\u0336\u0307r\u0323e\u0301e\u20dd", "free"),
        ("𝓯𝓻𝓮𝓮 ｆｒｅｅ ⓕⓡⓔⓔ", "free free free"),
        ("&#102;ree&nbsp;money", "free\xa0money"),
        ("a &lt;b&gt; &amp; c", "a &lt;b&gt; &amp; c"),
        ("don’t", "don't"),
        ("naïve café", "naive cafe"),
        ("привет как дела", "привет как дела"),
        ("the Russian word рост", "the Russian word poct"),
        ("👍🏽 日本語 ½", "👍🏽 日本語 ½"),
    ],
)
def test_what_is_seen(written: str, seen: str) -> None:
    assert visible(Mapped(written)).text == seen


def test_look_alikes_are_letters_and_become_ascii_letters() -> None:
    assert all(unicodedata.category(sign)[0] == "L" and not sign.isascii() for sign in LOOK_ALIKES)
    assert all(letter.isascii() and letter.isalpha() for letter in LOOK_ALIKES.values())


@pytest.mark.parametrize("word", ["рaypal", "pаypаl", "ԁeal", "ꓐonus", "ᖴree", "Ꮤin", "ⲥash", "ɡift", "ꭵnvest", "ᴄᴀsh"])
def test_letters_that_uts_39_lists_are_read_as_latin(word: str) -> None:
    assert visible(Mapped(f"the {word} for you")).text.isascii()


@pytest.mark.parametrize("text", ["Привет, как дела?", "Καλημέρα σας", "שלום לכולם", "مرحبا بكم"])
def test_other_scripts_are_left_alone(text: str) -> None:
    assert visible(Mapped(text)).text == text
