import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.experiments.shadowing import (
    ShadowLimits,
    Tally,
    order_agreement,
    same_agreement,
    shadow_evidence,
)

LIMITS = ShadowLimits(least_answers=100, at_most_errors=0.01, at_most_slower=3.0, least_agreement=0.5)
FINE = Tally(asked=200, errors=0, agreement=160.0, champion_ms=100.0, challenger_ms=150.0)
SCORES = st.lists(st.floats(0, 1), min_size=2, max_size=30)


@given(SCORES)
def test_the_same_order_agrees_wholly_and_the_reverse_not_at_all(scores: list[float]) -> None:
    values = np.unique(np.round(scores, 3))
    assert order_agreement(values, 2 * values + 1) == 1.0
    if values.size > 1:
        assert order_agreement(values, -values) == 0.0


def test_agreement_by_hand() -> None:
    assert order_agreement([1, 2, 3], [1, 3, 2]) == pytest.approx(2 / 3)
    assert order_agreement([1], [2]) == 1.0
    assert same_agreement("abcd", "abxx") == 0.5
    assert same_agreement([], []) == 1.0


def test_tallies_add_up_and_are_kept() -> None:
    assert FINE + Tally(1, 1, 0.0, 2.0, 0.0, 5) == Tally(201, 1, 160.0, 102.0, 150.0, 5)
    assert Tally.of({"asked": 3}) == Tally(3)


@pytest.mark.parametrize(
    ("tally", "harm", "unclear"),
    [
        (FINE, "", ""),
        (Tally(asked=3, errors=3), "it failed at 3 of 3", ""),
        (Tally(asked=2, errors=2), "", "2 of 100 questions"),
        (Tally(asked=1_000, errors=9, agreement=900.0), "", ""),
        (Tally(asked=1_000, errors=10), "failed at 10 of 1,000", ""),
        (Tally(asked=99), "", "99 of 100 questions"),
        (Tally(asked=100, agreement=90.0, champion_ms=10.0, challenger_ms=31.0), "3.1 times as long", ""),
        (Tally(asked=100, agreement=49.0), "agrees by 49%", ""),
    ],
)
def test_what_a_tally_says(tally: Tally, harm: str, unclear: str) -> None:
    found = shadow_evidence(tally, LIMITS)
    assert harm in found.harm
    assert unclear in found.unclear
    assert (bool(found.harm), bool(found.unclear)) == (bool(harm), bool(unclear))
