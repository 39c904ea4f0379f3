import numpy as np
import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.effects import mean_effect
from quikapp_ml.experiments.ratio import ratio_effect

RNG = np.random.default_rng(8)


def test_out_of_one_each_it_is_the_difference_of_means() -> None:
    control, treatment = RNG.normal(size=50), RNG.normal(size=60)
    found, plain = ratio_effect((control, np.ones(50)), (treatment, np.ones(60))), mean_effect(control, treatment)
    assert (found.estimate, found.standard_error) == pytest.approx((plain.estimate, plain.standard_error))


def test_variance_by_the_textbook_formula() -> None:
    answers = RNG.poisson(5, 200) + 1.0
    clicks = RNG.binomial(answers.astype(int), 0.3).astype(float)
    ratio, n = clicks.mean() / answers.mean(), 200
    covariance = np.cov(clicks, answers)
    variance = (covariance[0, 0] - 2 * ratio * covariance[0, 1] + ratio**2 * covariance[1, 1]) / answers.mean() ** 2 / n
    found = ratio_effect((clicks, answers), (clicks, answers))
    assert found.estimate == 0
    assert found.standard_error == pytest.approx(np.sqrt(2 * variance))


def test_a_denominator_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="denominator"):
        ratio_effect(([1, 2], [0, 0]), ([1, 2], [1, 1]))
