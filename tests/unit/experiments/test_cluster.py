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


def sandwich(clusters: NDArray[np.int64]) -> float:
    """The variance of the slope in a regression on a constant and the treatment, by matrices."""
    design = np.column_stack([np.ones(N), TREATED])
    bread = np.linalg.inv(design.T @ design)
    residuals = VALUES - design @ (bread @ design.T @ VALUES)
    scores = [design[clusters == one].T @ residuals[clusters == one] for one in np.unique(clusters)]
    groups = len(scores)
    meat = sum(np.outer(score, score) for score in scores) * groups / (groups - 1) * (N - 1) / (N - 2)
    return float((bread @ meat @ bread)[1, 1])


def test_it_is_the_sandwich_of_a_regression() -> None:
    found = clustered_effect(VALUES, TREATED, CHANNELS)
    assert found.estimate == pytest.approx(VALUES[TREATED].mean() - VALUES[~TREATED].mean())
    assert found.standard_error**2 == pytest.approx(sandwich(CHANNELS))
    assert (found.units, found.degrees) == (25, 23)


def test_two_ends_add_up_less_what_they_share() -> None:
    both = AUTHORS * 100 + CHANNELS
    expected = sandwich(CHANNELS) + sandwich(AUTHORS) - sandwich(both)
    found = clustered_effect(VALUES, TREATED, CHANNELS, AUTHORS)
    assert found.standard_error**2 == pytest.approx(max(expected, sandwich(CHANNELS), sandwich(AUTHORS)))


def test_rows_of_their_own_need_no_clusters() -> None:
    plain = mean_effect(VALUES[~TREATED], VALUES[TREATED])
    assert clustered_effect(VALUES, TREATED, np.arange(N)).standard_error == pytest.approx(plain.standard_error, 0.01)


def test_names_serve_as_clusters() -> None:
    names = [f"channel {one}" for one in CHANNELS]
    assert clustered_effect(VALUES, TREATED, names) == clustered_effect(VALUES, TREATED, CHANNELS)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least 10 clusters"):
        clustered_effect(VALUES, TREATED, CHANNELS % 9)
    with pytest.raises(InvalidInput, match="both variants"):
        clustered_effect(VALUES, np.ones(N), CHANNELS)
