"""A variant against control: known answers, and what must not change the answer."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from quikapp_ml.entities.experiments import Metric
from quikapp_ml.experiments.compared import compare, value_of
from quikapp_ml.experiments.effects import relative_effect
from quikapp_ml.experiments.observed import Sample
from quikapp_ml.experiments.quantiles import Rows

MEAN = Metric(name="m", of="join", kind="mean")
RATIO = Metric(name="m", of="join", kind="ratio")
P50 = Metric(name="m", of="latency", kind="quantile", quantile=0.5)
RNG = np.random.default_rng(8)
NOTHING = np.array([], dtype=np.float64)


def sample(counted: ArrayLike, out_of: ArrayLike | None = None, before: ArrayLike | None = None) -> Sample:
    values = np.asarray(counted, dtype=np.float64)
    zeros = np.zeros(values.size)
    return Sample(
        values,
        zeros if out_of is None else np.asarray(out_of, dtype=np.float64),
        zeros if before is None else np.asarray(before, dtype=np.float64),
    )


def test_a_mean_is_told_relative_to_control() -> None:
    control, treated = [1, 1, 3, 3], [2, 2, 4, 4]
    found = compare(MEAN, "user", sample(control), sample(treated))
    expected = relative_effect(control, treated)
    assert (found.control_value, found.value, found.units, found.variance_cut) == (2, 3, 8, None)
    assert found.effect is not None
    assert found.effect.estimate == expected.estimate == 0.5
    assert found.effect.standard_error == pytest.approx(expected.standard_error)


def test_the_past_takes_variance_away_and_leaves_the_estimate_near() -> None:
    before = RNG.poisson(20, 4_000).astype(np.float64)
    after = before + RNG.poisson(2, 4_000)
    after[2_000:] *= 1.1
    control, treated = (sample(after[half], before=before[half]) for half in (slice(2_000), slice(2_000, 4_000)))
    found = compare(MEAN, "user", control, treated)
    plain = compare(MEAN, "user", sample(control.counted), sample(treated.counted))
    assert found.effect is not None and plain.effect is not None and found.variance_cut is not None
    assert found.variance_cut > 0.8
    assert found.effect.standard_error < plain.effect.standard_error / 2
    assert found.effect.estimate == pytest.approx(0.1, abs=4 * found.effect.standard_error)


def test_ratios_of_people_by_the_delta_method_and_of_channels_by_the_jackknife() -> None:
    out_of = RNG.integers(1, 60, 40).astype(np.float64)
    control, treated = sample(out_of * RNG.random(40), out_of), sample(out_of * RNG.random(40), out_of)
    people, channels = compare(RATIO, "user", control, treated), compare(RATIO, "channel", control, treated)
    assert people.effect is not None and channels.effect is not None
    assert people.effect.estimate == pytest.approx(channels.effect.estimate)
    assert people.control_value == pytest.approx(control.counted.sum() / out_of.sum())
    assert (people.effect.degrees, channels.effect.degrees) == (float("inf"), 78)
    assert channels.effect.standard_error > people.effect.standard_error


def test_quantiles_are_told_of_answers() -> None:
    arms = [Sample(NOTHING, NOTHING, NOTHING, Rows.of(RNG.normal(m, 1, 2_000), np.arange(2_000))) for m in (10, 11)]
    found = compare(P50, "user", *arms)
    assert found.effect is not None
    assert found.effect.estimate == pytest.approx(0.1, abs=4 * found.effect.standard_error)
    error = sqrt((1 + 1.1**2) * np.pi / 2 / 2_000) / 10
    assert found.effect.standard_error == pytest.approx(error, rel=0.2)
    assert value_of(P50, Sample(NOTHING, NOTHING, NOTHING)) is None


@pytest.mark.parametrize(
    ("control", "treated", "why"),
    [([1], [1, 2], "two units"), ([0, 0], [0, 0], "did not happen in either variant"), ([], [1, 2], "two units")],
)
def test_it_says_why_there_is_nothing_to_compare(control: list[float], treated: list[float], why: str) -> None:
    found = compare(MEAN, "user", sample(control), sample(treated))
    assert found.effect is None
    assert why in found.why_not


def test_too_few_channels_are_no_failure() -> None:
    found = compare(RATIO, "channel", sample([1, 2], [2, 3]), sample([1, 2], [2, 3]))
    assert found.effect is None
    assert "at least 10 clusters" in found.why_not


COUNTS = st.lists(st.integers(0, 50), min_size=3, max_size=30).filter(lambda some: sum(some) > 0)


@given(COUNTS, COUNTS, st.floats(0.01, 100))
def test_neither_the_order_of_units_nor_the_measure_matters(
    control: list[int], treated: list[int], scale: float
) -> None:
    first = compare(MEAN, "user", sample(control), sample(treated)).effect
    shuffled = sorted(control, reverse=True), treated[::-1]
    second = compare(MEAN, "user", *(sample(np.array(one) * scale) for one in shuffled)).effect
    assert first is not None and second is not None
    assert second.estimate == pytest.approx(first.estimate, rel=1e-6, abs=1e-9)
    assert second.standard_error == pytest.approx(first.standard_error, rel=1e-6, abs=1e-9)
    assert second.units == first.units


def test_where_control_has_none_of_it_the_difference_is_told() -> None:
    found = compare(MEAN, "user", sample([0, 0, 0]), sample([1, 2, 3]))
    assert not found.is_relative
    assert found.effect is not None
    assert found.effect.estimate == 2
    assert found.effect.standard_error == pytest.approx(1 / sqrt(3))
