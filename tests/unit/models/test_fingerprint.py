"""Fingerprints: what is nearly the same, and what only has the same subject."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.models.fingerprint import MIN_LETTERS, N_HASHES, Fingerprint, fingerprint, likeness
from quikapp_ml.models.reading import reading_tokens

TEXT = "Congratulations! You have been selected for a free crypto airdrop, claim your tokens now before midnight"
KNOWN = "import sys; from test_fingerprint import of, TEXT; print(of(TEXT).tolist())"


def of(text: str) -> Fingerprint:
    found = fingerprint(reading_tokens(text))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "variant",
    [
        TEXT.upper(),
        f"<@U12345> {TEXT} https://win.example/1 :tada:",
        f"{TEXT} 5000 $70 @bob",
        TEXT.replace("o", "0"),
        TEXT.replace("a", "\u0430"),
        TEXT.replace("e", "e\u200b"),
        TEXT.replace("claim", "c.l.a.i.m"),
        TEXT.replace("now", "today"),
    ],
)
def test_what_senders_of_many_copies_change_does_not_count_for_much(variant: str) -> None:
    assert likeness(of(TEXT), of(variant)) >= 0.6


@pytest.mark.parametrize(
    "other",
    [
        "Could somebody review the pull request for the billing service before the release tomorrow?",
        "The airdrop of the crypto team was cancelled, somebody claimed that tokens had been stolen",
    ],
)
def test_other_texts_are_not_alike(other: str) -> None:
    assert likeness(of(TEXT), of(other)) < 0.3


def test_short_texts_have_none() -> None:
    assert fingerprint(reading_tokens("thanks, will do! :+1: https://a.example/a-long-path")) is None
    assert fingerprint(reading_tokens("a" * (MIN_LETTERS - 1))) is None


def test_every_process_computes_the_same() -> None:
    told = subprocess.run(
        [sys.executable, "-c", KNOWN], capture_output=True, check=True, cwd=__file__.rpartition("/")[0]
    )
    assert told.stdout.decode().strip() == str(of(TEXT).tolist())


def test_a_long_text_is_known_by_a_part_of_it() -> None:
    text = " ".join(f"{number * 7919 % 100_003:x}abc" for number in range(4_000)).translate(
        str.maketrans("0123456789", "ghijklmnop")
    )
    assert likeness(of(text), of(f"hello everybody {text} goodbye")) > 0.95


@given(st.text(max_size=200))
def test_whatever_is_read_has_a_fingerprint_or_none(text: str) -> None:
    found = fingerprint(reading_tokens(text))
    assert found is None or (found.shape == (N_HASHES,) and found.dtype == np.uint32)
    assert found is None or likeness(found, found) == 1.0
