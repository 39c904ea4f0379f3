"""Quantiles: their error is that of theory where units have one row, and no smaller where units repeat themselves."""

from math import sqrt

import numpy as np
import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.quantiles import Rows, quantile_effect

RNG = np.random.default_rng(8)


def test_the_error_is_that_of_theory_for_independent_rows() -> None:
    n = 20_000
    control, treated = (Rows.of(RNG.exponential(10, n) + shift, np.arange(n)) for shift in (0, 3))
    effect = quantile_effect(control, treated, 0.9)
    density = 0.1 / 10  # of an exponential at its 0.9 quantile
    error = sqrt(2 * 0.9 * 0.1 / n) / density
    assert effect.standard_error == pytest.approx(error, rel=0.15)
    assert effect.estimate == pytest.approx(3, abs=4 * error)
    assert effect.units == 2 * n


def test_units_that_repeat_themselves_make_it_no_surer() -> None:
    values = RNG.exponential(10, 2_000)
    once = Rows.of(values, np.arange(2_000))
    often = Rows.of(np.repeat(values, 20), np.repeat(np.arange(2_000), 20))
    naive = Rows.of(np.repeat(values, 20), np.arange(40_000))
    errors = [quantile_effect(rows, rows, 0.95).standard_error for rows in (once, often, naive)]
    assert errors[1] == pytest.approx(errors[0], rel=0.1)
    assert errors[2] < errors[0] / 3


def test_too_few_rows_for_a_quantile_are_refused() -> None:
    few = Rows.of(RNG.random(40), np.arange(40))
    with pytest.raises(InvalidInput, match=r"more rows: 40 of 40 units do not tell the 0\.99 quantile"):
        quantile_effect(few, few, 0.99)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    inside = 0
    for _ in range(300):
        units = np.repeat(np.arange(300), 5)
        rows = [Rows.of(np.repeat(RNG.normal(size=300), 5) + RNG.normal(size=1_500), units) for _ in range(2)]
        effect = quantile_effect(rows[0], rows[1], 0.9)
        inside += abs(effect.estimate) < 1.96 * effect.standard_error
    assert 0.91 < inside / 300 < 0.99
