import numpy as np
import pytest
from scipy import stats

from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.sample_ratio import mismatch_p_value


def test_two_variants_by_the_beta_binomial() -> None:
    factor = stats.betabinom.pmf(560, 1000, 250, 250) / stats.binom.pmf(560, 1000, 0.5)
    assert mismatch_p_value([560, 440], [0.5, 0.5], 500) == pytest.approx(min(1, 1 / factor))


def test_three_variants_by_the_dirichlet_multinomial() -> None:
    counts, shares = [300, 420, 280], [0.3, 0.4, 0.3]
    prior = stats.dirichlet_multinomial(np.array(shares) * 50, 1000)
    factor = prior.pmf(counts) / stats.multinomial(1000, shares).pmf(counts)
    assert mismatch_p_value(counts, shares, 50) == pytest.approx(min(1, 1 / factor))


def test_promised_shares_raise_no_alarm_and_others_do() -> None:
    assert mismatch_p_value([100_000, 100_000], [0.5, 0.5]) == 1
    assert mismatch_p_value([0, 0], [0.5, 0.5]) == 1
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
