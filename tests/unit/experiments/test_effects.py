import numpy as np
import pytest
from scipy import stats

from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.effects import Effect, fixed_interval, mean_effect, relative_effect

RNG = np.random.default_rng(8)
CONTROL, TREATMENT = RNG.normal(10, 2, 30), RNG.normal(11, 3, 45)


def test_the_fixed_interval_is_the_one_of_welch() -> None:
    expected = stats.ttest_ind(TREATMENT, CONTROL, equal_var=False)
    interval = expected.confidence_interval(0.9)
    found = fixed_interval(mean_effect(CONTROL, TREATMENT), alpha=0.1)
    assert (found.low, found.high, found.p_value) == pytest.approx((interval.low, interval.high, expected.pvalue))


def test_known_normal_interval() -> None:
    found = fixed_interval(Effect(1.0, 0.5, 1000))
    assert (found.low, found.high, found.p_value) == pytest.approx((0.0200180, 1.9799820, 0.0455003), abs=1e-6)
    assert found.excludes_zero


def test_the_relative_effect_is_as_uncertain_as_resampling_says() -> None:
    draws = RNG.integers(0, 30, (20_000, 30)), RNG.integers(0, 45, (20_000, 45))
    lifts = TREATMENT[draws[1]].mean(axis=1) / CONTROL[draws[0]].mean(axis=1) - 1
    found = relative_effect(CONTROL, TREATMENT)
    assert found.estimate == pytest.approx(TREATMENT.mean() / CONTROL.mean() - 1)
    assert found.standard_error == pytest.approx(lifts.std(), rel=0.04)


def test_constant_samples() -> None:
    assert not fixed_interval(mean_effect([1, 1], [1, 1])).excludes_zero
    assert fixed_interval(mean_effect([1, 1], [2, 2])).excludes_zero
    with pytest.raises(InvalidInput, match="ask for the difference"):
        relative_effect([0, 0], [1, 2])
