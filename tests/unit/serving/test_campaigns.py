"""Campaigns: one id for what is nearly the same, counted where it was posted, in a memory of fixed size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quikapp_ml.models.fingerprint import Fingerprint, fingerprint
from quikapp_ml.models.reading import reading_tokens
from quikapp_ml.serving.campaigns import MAX_CHANNELS, SPREAD_SECONDS, Campaigns, campaign_id

TEXT = "You have been selected for a free crypto airdrop, claim your tokens now before midnight"
VARIANT = "You have been selected for a fr33 crypto airdrop <@U1>, claim your 700 tokens today before midnight!"
OTHER = "Could somebody review the pull request for the billing service before the release?"


def of(text: str) -> Fingerprint:
    found = fingerprint(reading_tokens(text))
    assert found is not None
    return found


def drawn(number: int) -> Fingerprint:
    return np.random.default_rng(number).integers(0, 2**32, 64, dtype=np.uint32)


def test_variants_have_the_id_of_the_first_and_others_their_own() -> None:
    campaigns = Campaigns()
    first = campaigns.see(of(TEXT), 0.0, "mal", TEXT)
    assert campaigns.find(of(VARIANT), 1.0) == campaigns.see(of(VARIANT), 1.0, "eve", VARIANT) == first
    assert campaigns.see(of(OTHER), 2.0, "ann", OTHER) != first
    assert first == campaign_id(of(TEXT)) == Campaigns().find(of(TEXT), 5.0)


def test_looking_does_not_found_a_campaign() -> None:
    campaigns = Campaigns()
    looked = campaigns.find(of(TEXT), 0.0)
    assert campaigns.see(of(VARIANT), 1.0, "eve", VARIANT) != looked


def test_only_what_was_checked_and_then_posted_by_the_same_person_is_counted() -> None:
    campaigns = Campaigns()
    found = campaigns.see(of(TEXT), 0.0, "mal", TEXT)
    campaigns.post("ann", TEXT, "random", 1.0)
    campaigns.post("mal", OTHER, "random", 1.0)
    assert campaigns.channels_of(found, 2.0) == 0
    for number in range(4):
        campaigns.post("mal", TEXT, f"c{number}", 3.0)
    campaigns.post("mal", TEXT, "c0", 4.0)
    assert campaigns.channels_of(found, 5.0) == 4
    assert campaigns.channels_of(found, 5.0, besides="c0") == 3
    assert campaigns.channels_of(found, 3.5 + SPREAD_SECONDS) == 1
    assert campaigns.channels_of("c-unknown", 5.0) == 0


def test_channels_of_one_campaign_are_bounded() -> None:
    campaigns = Campaigns()
    found = campaigns.see(of(TEXT), 0.0, "mal", TEXT)
    for number in range(2 * MAX_CHANNELS):
        campaigns.post("mal", TEXT, f"c{number}", 1.0)
    assert campaigns.channels_of(found, 2.0) == MAX_CHANNELS


def test_what_was_not_seen_for_long_is_forgotten() -> None:
    campaigns = Campaigns(max_age_seconds=100.0)
    first = campaigns.see(of(TEXT), 0.0, "mal", TEXT)
    assert campaigns.find(of(VARIANT), 100.0) == first
    assert campaigns.find(of(VARIANT), 101.0) != first


@pytest.mark.parametrize("is_seen_again", [True, False])
def test_the_ring_forgets_the_oldest_unless_it_is_seen_again(is_seen_again: bool) -> None:
    campaigns = Campaigns(max_texts=64)
    first = campaigns.see(of(TEXT), 0.0, "mal", TEXT)
    for number in range(300):
        campaigns.see(drawn(number), float(number), "bob", str(number))
        if is_seen_again and number % 10 == 0:
            campaigns.see(of(TEXT), float(number), "mal", TEXT)
    assert (campaigns.find(of(VARIANT), 300.0) == first) is is_seen_again


def test_a_campaign_of_an_earlier_process_keeps_its_id() -> None:
    campaigns = Campaigns()
    campaigns.keep(of(TEXT), "c-earlier", 0.0)
    campaigns.keep(of(VARIANT), "c-later", 1.0)
    assert campaigns.see(of(VARIANT), 2.0, "mal", VARIANT) == "c-earlier"


@settings(max_examples=30)
@given(st.lists(st.integers(0, 40), max_size=120))
def test_the_same_texts_in_the_same_order_have_the_same_ids_everywhere(numbers: list[int]) -> None:
    one, other = Campaigns(max_texts=32), Campaigns(max_texts=32)
    for at, number in enumerate(numbers):
        ids = [each.see(drawn(number), float(at), "u", str(number)) for each in (one, other)]
        assert ids == [campaign_id(drawn(number))] * 2
