from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.adaptive import AdaptiveSplit, choose
from quikapp_ml.experiments.assignment import Holdout, Split, Variant, Why

EVEN = Split("s", (Variant("control", 0.5), Variant("new", 0.5)), holdout=Holdout("h", 0.1), overrides={"ann": "new"})
LEARNT = AdaptiveSplit(EVEN, 0.2, {"control": 0.1, "new": 0.9})
UNITS = [str(number) for number in range(10_000)]


def test_an_even_part_stays_and_the_others_follow_what_was_learnt() -> None:
    found = [LEARNT.assign(unit) for unit in UNITS]
    parts = Counter(one.why for one in found)
    assert parts[Why.HOLDOUT] == pytest.approx(1_000, abs=120)
    assert parts[Why.HASH] == pytest.approx(1_800, abs=160)
    shares = Counter((one.why, one.variant, one.propensity) for one in found if one.variant)
    assert shares[Why.HASH, "control", 0.5] == pytest.approx(parts[Why.HASH] / 2, abs=90)
    assert shares[Why.BANDIT, "new", 0.9] == pytest.approx(parts[Why.BANDIT] * 0.9, abs=110)
    assert shares[Why.BANDIT, "control", 0.1] == parts[Why.BANDIT] - shares[Why.BANDIT, "new", 0.9]


def test_only_the_even_part_counts_and_testers_come_first() -> None:
    assert LEARNT.assign("ann").why is Why.OVERRIDE
    assert {one.counts for unit in UNITS[:200] if (one := LEARNT.assign(unit)).why is Why.BANDIT} == {False}


@given(st.floats(0.05, 0.95), st.floats(0.05, 0.95), st.integers(0, 10**6).map(str))
def test_a_lesson_moves_no_unit_of_the_even_part_and_others_only_towards_what_grew(
    before: float, after: float, unit: str
) -> None:
    then, now = (
        AdaptiveSplit(EVEN, 0.2, {"control": 1 - share, "new": share}).assign(unit) for share in (before, after)
    )
    assert then.why is now.why
    if then.why is Why.HASH:
        assert then == now
    if then.variant != now.variant:
        assert now.variant == ("new" if after > before else "control")


def test_arms_are_drawn_as_recorded() -> None:
    places = np.random.default_rng(8).random(20_000)
    chosen = np.bincount([choose([0.2, 0.5, 0.3], place) for place in places]) / 20_000
    assert chosen == pytest.approx([0.2, 0.5, 0.3], abs=0.015)


@pytest.mark.parametrize("shares", [{"control": 1.0}, {"control": 0.5, "new": 0.6}, {"control": 1.0, "new": 0.0}])
def test_shares_that_are_no_division_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="shares"):
        AdaptiveSplit(EVEN, 0.2, shares)


def test_other_bad_input_is_refused() -> None:
    with pytest.raises(InvalidInput, match="place"):
        choose([0.5, 0.5], 1.0)
    with pytest.raises(InvalidInput, match="even_share"):
        AdaptiveSplit(EVEN, 1.0, {"control": 0.5, "new": 0.5})
