from math import exp, inf, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.effects import Effect, fixed_interval
from quikapp_ml.experiments.sequential import LEAST_UNITS, lower_bound, sequence, upper_bound

WALKS, LOOKS = 1000, 200


def test_the_p_value_is_one_over_the_mixture_of_likelihood_ratios() -> None:
    units, z, alpha = 5000, 2.7, 0.05
    best = optimize.minimize_scalar(
        lambda r: (1 + 1 / r) * (np.log(r + 1) / 2 - np.log(alpha)), bounds=(0.1, 1000), method="bounded"
    ).x
    ratio = best * units / 8000
    mixture, _ = integrate.quad(
        lambda theta: stats.norm.pdf(theta, 0, sqrt(ratio)) * exp(theta * z - theta**2 / 2), -50, 50, points=[z]
    )
    found = sequence(Effect(z * 0.1, 0.1, units), planned_units=8000, alpha=alpha)
    assert found.p_value == pytest.approx(1 / mixture, rel=1e-4)


@given(st.floats(-10, 10), st.floats(0.01, 10), st.integers(100, 10**7), st.integers(100, 10**7))
def test_interval_and_p_value_agree_and_the_interval_is_wider_than_the_fixed_one(
    estimate: float, error: float, units: int, planned: int
) -> None:
    effect = Effect(estimate, error, units)
    found, fixed = sequence(effect, planned), fixed_interval(effect)
    assert found.low < fixed.low < fixed.high < found.high
    if abs(found.p_value - 0.05) > 1e-9:
        assert found.excludes_zero == (found.p_value < 0.05)


def test_at_the_planned_units_no_other_plan_is_narrower() -> None:
    effect = Effect(0.0, 1.0, 10_000)
    widths = [sequence(effect, planned).high for planned in (2_000, 9_000, 10_000, 11_000, 50_000)]
    assert min(widths) == widths[2]


def walks() -> tuple[np.ndarray, np.ndarray]:
    units = np.linspace(LEAST_UNITS, 20_000, LOOKS).astype(int)
    steps = np.random.default_rng(8).normal(size=(WALKS, LOOKS)) * np.sqrt(np.diff(units, prepend=0))
    return units, steps.cumsum(axis=1) / units


def test_looking_always_errs_at_most_as_often_as_said_and_the_fixed_interval_does_not() -> None:
    units, means = walks()
    wrong = naive = one_sided = 0
    for walk in means:
        effects = [Effect(float(mean), 1 / sqrt(n), int(n)) for mean, n in zip(walk, units, strict=True)]
        wrong += any(sequence(effect, 20_000).excludes_zero for effect in effects[::2])
        one_sided += any(lower_bound(effect, 20_000) > 0 for effect in effects[::2])
        naive += bool((np.abs(walk) * np.sqrt(units) > 1.96).any())
    assert wrong / WALKS <= 0.05
    assert one_sided / WALKS <= 0.05
    assert naive / WALKS > 0.2


def test_bounds_mirror_each_other_and_are_tighter_than_two_sides() -> None:
    effect, mirrored = Effect(0.3, 0.1, 5000), Effect(-0.3, 0.1, 5000)
    assert lower_bound(effect, 5000) == -upper_bound(mirrored, 5000)
    assert sequence(effect, 5000).low < lower_bound(effect, 5000) < 0.3


def test_few_units_say_nothing() -> None:
    found = sequence(Effect(5.0, 0.1, LEAST_UNITS - 1), 5000)
    assert (found.low, found.high, found.p_value) == (-inf, inf, 1.0)
    assert lower_bound(Effect(5.0, 0.1, 10), 5000) == -inf


def test_bad_input_is_refused() -> None:
    with pytest.raises(InvalidInput, match="planned_units"):
        sequence(Effect(0.0, 1.0, 1000), 0)
    with pytest.raises(InvalidInput, match="alpha"):
        sequence(Effect(0.0, 1.0, 1000), 100, alpha=1.5)
