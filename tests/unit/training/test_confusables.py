"""From UTS 39's data to the table of look-alikes."""

from quikapp_ml.models.reading.characters import LOOK_ALIKES
from quikapp_ml.training.confusables import look_alikes


def test_single_letters_that_look_like_ascii_ones_are_kept_and_others_are_not() -> None:
    given = {
        "а": [{"c": "a"}, {"c": "ɑ"}],
        "Ы": [{"c": "bl"}],
        "a": [{"c": "а"}],
        "①": [{"c": "l"}],
        "ᵃ": [{"c": "a"}],
        "字": [{"c": "宇"}],
        "аа": [{"c": "aa"}],
    }
    assert look_alikes(given) == {"а": "a", "Ы": "bl"}


def test_every_look_alike_is_a_letter_that_is_read_as_one_or_two_of_ascii() -> None:
    assert len(LOOK_ALIKES) > 500
    assert all(len(sign) == 1 and not sign.isascii() for sign in LOOK_ALIKES)
    assert all(letters.isascii() and letters.isalpha() and len(letters) <= 2 for letters in LOOK_ALIKES.values())
