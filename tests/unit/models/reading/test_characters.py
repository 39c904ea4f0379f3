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
