import random
from collections import Counter

import pytest

from quikapp_ml.importers.sample import labelled_texts, spam_texts
from quikapp_ml.importers.sample.texts import MOODS, Writer


@pytest.fixture(scope="module")
def writer() -> Writer:
    return Writer()


def test_labelled_texts_repeat_by_seed() -> None:
    assert list(labelled_texts(50, seed=3)) == list(labelled_texts(50, seed=3))
    assert list(labelled_texts(50, seed=3)) != list(labelled_texts(50, seed=4))


def test_half_of_the_labelled_texts_are_neutral() -> None:
    moods = Counter(mood for _, mood in labelled_texts(4_000, seed=1))

    assert set(moods) == set(MOODS)
    assert 0.45 < moods["neutral"] / 4_000 < 0.55


def test_texts_are_varied_and_have_no_open_slots() -> None:
    texts = [text for text, _ in labelled_texts(3_000, seed=2)]

    assert len(set(texts)) > 1_800
    assert not [text for text in texts if "{who}" in text or "{n}" in text or text != text.strip()]


def test_half_of_the_spam_texts_are_spam() -> None:
    labels = Counter(is_spam for _, is_spam in spam_texts(2_000, seed=1))

    assert 0.45 < labels[True] / 2_000 < 0.55


def test_a_campaign_repeats_itself_nearly(writer: Writer) -> None:
    rng = random.Random(4)
    text = writer.campaign(rng)

    variants = [writer.vary(rng, text) for _ in range(40)]

    assert len(set(variants)) > 8
    assert all(set(variant.split()) & set(text.split()) for variant in variants)


def test_a_careful_writer_begins_with_a_capital(writer: Writer) -> None:
    assert writer.in_manner(random.Random(1), "on it", "neutral", 0.0, is_casual=False) == "On it"
    assert writer.in_manner(random.Random(1), "on it", "positive", 0.0, is_casual=False) == "On it!"
    assert writer.in_manner(random.Random(1), "on it", "neutral", 0.0, is_casual=True) == "on it"


def test_everything_that_is_talked_about_has_neutral_words(writer: Writer) -> None:
    topics = {key.rpartition("/")[0] for key in writer.topics}

    without = {topic for topic in topics if f"{topic}/neutral" not in writer.topics}

    assert without == set()
