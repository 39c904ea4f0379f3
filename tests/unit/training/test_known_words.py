"""The list of common words is the one that its recipe makes."""

from pathlib import Path

import pytest

from quikapp_ml.models.reading import words
from quikapp_ml.training.known_words import known_words

DATA = Path(__file__).parents[4] / "shared" / "data"


@pytest.mark.skipif(not DATA.is_dir(), reason="the corpora are not here")
def test_the_bundled_list_is_made_from_the_corpora() -> None:
    assert frozenset(known_words(DATA)) == words.known_words()
