import numpy as np
import pytest
from numpy.typing import NDArray

from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.cluster import clustered_effect
from quikapp_ml.experiments.effects import mean_effect

RNG = np.random.default_rng(8)
N = 600
CHANNELS, AUTHORS = RNG.integers(0, 25, N), RNG.integers(0, 40, N)
TREATED = RNG.integers(0, 2, N).astype(bool)
VALUES = RNG.normal(size=N) + RNG.normal(size=25)[CHANNELS] + RNG.normal(size=40)[AUTHORS]


def difference(rows: NDArray[np.bool_]) -> float:
    return float(VALUES[rows & TREATED].mean() - VALUES[rows & ~TREATED].mean())


def jackknife(clusters: NDArray[np.int64]) -> float:
    """The variance by leaving out one cluster after the other, and computing anew."""
    names = np.unique(clusters)
    moved = [difference(clusters != name) - difference(clusters >= 0) for name in names]
    return float(np.square(moved).sum() * (names.size - 1) / names.size)


def test_it_is_the_jackknife_over_clusters() -> None:
    found = clustered_effect(VALUES, TREATED, CHANNELS)
    assert found.estimate == pytest.approx(VALUES[TREATED].mean() - VALUES[~TREATED].mean())
    assert found.standard_error**2 == pytest.approx(jackknife(CHANNELS))
    assert (found.units, found.degrees) == (25, 23)


def test_two_ends_add_up_less_what_they_share() -> None:
    both = AUTHORS * 100 + CHANNELS
    expected = jackknife(CHANNELS) + jackknife(AUTHORS) - jackknife(both)
    found = clustered_effect(VALUES, TREATED, CHANNELS, AUTHORS)
    assert found.standard_error**2 == pytest.approx(max(expected, jackknife(CHANNELS), jackknife(AUTHORS)))


def test_rows_of_their_own_need_no_clusters() -> None:
    plain = mean_effect(VALUES[~TREATED], VALUES[TREATED])
    assert clustered_effect(VALUES, TREATED, np.arange(N)).standard_error == pytest.approx(plain.standard_error, 0.01)


def test_names_serve_as_clusters() -> None:
    names = [f"channel {one}" for one in CHANNELS]
    expected = clustered_effect(VALUES, TREATED, CHANNELS).standard_error
    assert clustered_effect(VALUES, TREATED, names).standard_error == pytest.approx(expected)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least 10 clusters"):
        clustered_effect(VALUES, TREATED, CHANNELS % 9)
    with pytest.raises(InvalidInput, match="several clusters in each"):
        clustered_effect(VALUES, TREATED, np.where(TREATED, 0, CHANNELS + 1))
    with pytest.raises(InvalidInput, match="both variants"):
        clustered_effect(VALUES, np.ones(N), CHANNELS)
