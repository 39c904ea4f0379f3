import numpy as np
import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.cuped import cuped_effect
from quikapp_ml.experiments.effects import mean_effect

RNG = np.random.default_rng(8)
BEFORE = RNG.normal(size=(4000, 2))
OUTCOME = BEFORE @ [2.0, 1.0] + RNG.normal(size=4000)
CONTROL, TREATMENT = slice(0, 2000), slice(2000, None)


def test_it_cuts_what_the_covariate_foresees_and_keeps_the_effect() -> None:
    found = cuped_effect(OUTCOME[CONTROL], OUTCOME[TREATMENT] + 0.5, BEFORE[CONTROL], BEFORE[TREATMENT])
    assert found.variance_cut == pytest.approx(5 / 6, abs=0.02)
    assert abs(found.effect.estimate - 0.5) < 3 * found.effect.standard_error


def test_one_covariate_by_hand() -> None:
    control, treatment, before = np.array([1.0, 2, 4]), np.array([2.0, 5, 5]), np.array([0.0, 1, 2])
    # The slopes within the variants are 1.5 and 1.5, the covariates' means are equal, 3 of 4 degrees of freedom stay.
    found = cuped_effect(control, treatment, before, before)
    plain = mean_effect(control - 1.5 * before, treatment - 1.5 * before)
    assert found.effect.estimate == pytest.approx(5 / 3)
    assert found.effect.standard_error == pytest.approx(plain.standard_error * (4 / 3) ** 0.5)
    assert found.effect.degrees <= 3


def test_a_covariate_that_says_nothing_changes_nothing() -> None:
    found = cuped_effect(OUTCOME[CONTROL], OUTCOME[TREATMENT], np.ones(2000), np.ones(2000))
    plain = mean_effect(OUTCOME[CONTROL], OUTCOME[TREATMENT])
    assert (found.effect.estimate, found.effect.standard_error) == (plain.estimate, plain.standard_error)
    assert found.variance_cut == 0


def test_bad_covariates_are_refused() -> None:
    with pytest.raises(InvalidInput, match="one value a row"):
        cuped_effect([1, 2], [1, 2], [1, 2, 3], [1, 2])
    with pytest.raises(InvalidInput, match="control_before"):
        cuped_effect([1, 2], [1, 2], [1, float("nan")], [1, 2])
    with pytest.raises(InvalidInput, match="fewer than the 4 units"):
        cuped_effect([1, 2], [1, 2], [[1, 2], [3, 5]], [[4, 1], [9, 6]])


def test_the_standard_error_is_what_other_splits_show() -> None:
    random, outcome, before = np.random.default_rng(8), OUTCOME[:60], np.column_stack([BEFORE[:60], BEFORE[60:120]])
    found = []
    for _ in range(600):
        treated = random.permutation(np.arange(60) % 2 == 0)
        found.append(cuped_effect(outcome[~treated], outcome[treated], before[~treated], before[treated]).effect)
    spread = np.std([one.estimate for one in found])
    assert np.sqrt(np.mean([one.standard_error**2 for one in found])) == pytest.approx(spread, rel=0.08)
