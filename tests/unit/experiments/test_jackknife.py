"""Ratios of few, unequal units: the same as rows with clusters, and surer of nothing than the delta method."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.cluster import clustered_effect
from quikapp_ml.experiments.effects import fixed_interval
from quikapp_ml.experiments.jackknife import clustered_ratio_effect
from quikapp_ml.experiments.ratio import ratio_effect

SIZES = st.lists(st.integers(1, 30), min_size=6, max_size=15)


@given(SIZES, SIZES, st.integers(0, 2**32 - 1))
def test_totals_of_units_say_what_their_rows_say(first: list[int], second: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = np.array([*first, *second])
    rows = rng.random(sizes.sum())
    clusters = np.repeat(np.arange(sizes.size), sizes)
    totals = np.bincount(clusters, weights=rows)
    cut = len(first)
    found = clustered_ratio_effect((totals[:cut], sizes[:cut]), (totals[cut:], sizes[cut:]))
    by_rows = clustered_effect(rows, clusters >= cut, clusters)
    assert found.estimate == pytest.approx(by_rows.estimate, abs=1e-12)
    assert found.standard_error == pytest.approx(by_rows.standard_error, rel=1e-9, abs=1e-12)
    assert (found.units, found.degrees) == (by_rows.units, by_rows.degrees)


def test_one_great_unit_makes_it_less_sure_than_the_delta_method() -> None:
    counted, out_of = np.array([400.0, 1, 2, 0, 1, 3, 2, 1]), np.array([900.0, 4, 9, 2, 2, 8, 5, 3])
    even = (out_of / 4, out_of)
    jackknife, delta = clustered_ratio_effect(even, (counted, out_of)), ratio_effect(even, (counted, out_of))
    assert jackknife.estimate == pytest.approx(delta.estimate)
    assert jackknife.standard_error > 2 * delta.standard_error


def test_fewer_than_ten_units_are_refused() -> None:
    few = (np.ones(4), np.ones(4))
    with pytest.raises(InvalidInput, match="at least 10 clusters"):
        clustered_ratio_effect(few, few)


def test_answers_of_one_unit_alone_are_refused() -> None:
    one, many = (np.ones(6), np.array([3.0, 0, 0, 0, 0, 0])), (np.ones(6), np.ones(6))
    with pytest.raises(InvalidInput, match="several units with answers in each variant"):
        clustered_ratio_effect(one, many)


def test_channels_of_all_sizes_fool_it_less_than_the_delta_method() -> None:
    """A/A: 20 channels a variant, most answers in a few of them."""
    rng, wrong = np.random.default_rng(8), np.zeros(2)
    for _ in range(300):
        arms = []
        for _ in range(2):
            sizes = 1 + np.floor(rng.pareto(1.2, 20) * 10).clip(0, 500)
            arms.append((rng.binomial(sizes.astype(int), rng.beta(2, 8, 20)), sizes))
        effects = clustered_ratio_effect(*arms), ratio_effect(*arms)
        wrong += [fixed_interval(effect).excludes_zero for effect in effects]
    assert wrong[0] / 300 < 0.1 < wrong[1] / 300
