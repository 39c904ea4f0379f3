from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.sample_ratio import (
    CONCENTRATIONS,
    HORIZON_PART,
    LEVEL,
    SMALLEST_PART,
    dirichlet_evidence,
    mismatch_p_value,
)


def test_two_variants_by_the_beta_binomial() -> None:
    factor = stats.betabinom.pmf(560, 1000, 250, 250) / stats.binom.pmf(560, 1000, 0.5)
    assert dirichlet_evidence([560, 440], [0.5, 0.5], 500) == pytest.approx(log(factor))


def test_three_variants_by_the_dirichlet_multinomial() -> None:
    counts, shares = [300, 420, 280], [0.3, 0.4, 0.3]
    prior = stats.dirichlet_multinomial(np.array(shares) * 50, 1000)
    factor = prior.pmf(counts) / stats.multinomial(1000, shares).pmf(counts)
    assert dirichlet_evidence(counts, shares, 50) == pytest.approx(log(factor))


def test_beyond_the_horizon_two_bets_go_on() -> None:
    counts, halves = [200_000, 204_000], [0.5, 0.5]
    total = sum(counts)
    tilted = [stats.binom.logpmf(counts[1], total, q) for q in (51 / 101, 50 / 101)]
    fair = stats.binom.logpmf(counts[1], total, 0.5)
    won = SMALLEST_PART * sum(exp(one - fair) for one in tilted) / 2
    part = (1 - HORIZON_PART - SMALLEST_PART) / len(CONCENTRATIONS)
    won += sum(part * exp(dirichlet_evidence(counts, halves, each)) for each in CONCENTRATIONS)
    assert mismatch_p_value(counts, halves) == pytest.approx(1 / won)


def test_at_the_horizon_it_is_nearly_the_test_that_looks_once() -> None:
    bound = stats.norm.isf(LEVEL * HORIZON_PART / 4) * np.sqrt(50_000)
    found = [100_000 - int(bound) - 1, 100_000 + int(bound) + 1]
    assert mismatch_p_value(found, [0.5, 0.5]) < LEVEL
    assert bound < 1.16 * stats.norm.isf(LEVEL / 2) * np.sqrt(50_000)


def test_fifty_to_fifty_one_in_exact_proportion_is_found_by_120_000() -> None:
    assert mismatch_p_value([59_406, 60_594], [0.5, 0.5]) < LEVEL


@given(st.integers(2_000, 150_000), st.floats(-6, 6), st.floats(0.1, 0.9))
def test_what_it_wins_is_fair_while_the_shares_hold(units: int, deviations: float, share: float) -> None:
    """One more unit, by both ways that it can go, leaves on average what there was."""
    first = min(max(round(units * share + deviations * np.sqrt(units * share * (1 - share))), 0), units)
    now, lower, higher = (
        1 / mismatch_p_value([first + more, units - first + other], [share, 1 - share])
        for more, other in ((0, 0), (0, 1), (1, 0))
    )
    if min(lower, higher) > 1.05:  # p-values are cut at 1
        assert share * higher + (1 - share) * lower <= now * 1.001


def test_variants_of_many_shares_are_each_tested() -> None:
    assert mismatch_p_value([200_000, 100_000, 100_000], [0.5, 0.25, 0.25]) == 1
    assert mismatch_p_value([196_000, 98_000, 106_000], [0.5, 0.25, 0.25]) < LEVEL
    assert mismatch_p_value([900, 60, 280], [0.7, 0.1, 0.2]) < LEVEL


def test_promised_shares_raise_no_alarm_and_others_do() -> None:
    assert mismatch_p_value([100_000, 100_000], [0.5, 0.5]) == 1
    assert mismatch_p_value([0, 0], [0.5, 0.5]) == pytest.approx(1)
    assert mismatch_p_value([98_500, 101_500], [0.5, 0.5]) < 0.001


def test_looking_at_every_batch_raises_few_false_alarms() -> None:
    arrivals = np.random.default_rng(8).binomial(1000, 0.5, (300, 100)).cumsum(axis=1)
    totals = np.arange(1, 101) * 1000
    alarms = sum(
        any(mismatch_p_value([n - k, k], [0.5, 0.5]) < 0.01 for n, k in zip(totals, run, strict=True))
        for run in arrivals
    )
    assert alarms <= 6


@pytest.mark.parametrize(("counts", "shares"), [([1, 2, 3], [0.5, 0.5]), ([-1, 2], [0.5, 0.5]), ([1, 2], [0.5, 0.6])])
def test_bad_input_is_refused(counts: list[int], shares: list[float]) -> None:
    with pytest.raises(InvalidInput, match="give"):
        mismatch_p_value(counts, shares)
