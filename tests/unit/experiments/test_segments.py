"""Segments: a difference between them is told with its warning, and small ones are left out."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from quikapp_ml.experiments.analysis import Counted
from quikapp_ml.experiments.observed import Observed
from quikapp_ml.experiments.results import WARNING
from quikapp_ml.experiments.segments import segmented
from support.trial_rows import CLICKS, rows, spec


def two_halves(first: list[float], second: list[float]) -> tuple[Counted, NDArray[np.str_]]:
    """Units of which the first half has other means than the second, and the name of the half of each."""
    parts = [rows(means, n_each=500, seed=seed) for seed, means in enumerate((first, second))]
    named = [
        part.set_column(0, "unit", pa.array([f"{name}-{unit}" for unit in part["unit"].to_pylist()]))
        for name, part in zip("ab", parts, strict=True)
    ]
    observed = Observed(pa.concat_tables(named), CLICKS)
    return Counted(CLICKS, "deciding", observed), np.array([unit[0] for unit in observed.units.tolist()])


def test_halves_that_differ_are_told() -> None:
    counted, halves = two_halves([5, 5], [5, 8])
    (found,) = segmented(spec(), counted, {"half": halves})
    assert found.heterogeneity_p_value is not None and found.heterogeneity_p_value < 0.01
    assert "By half, segments differ by more than chance would have it" in found.sentence
    assert [(one.segment, one.units) for one in found.results] == [("a", 1_000), ("b", 1_000)]
    assert found.results[0].adjusted_p_value > 0.05 > found.results[1].adjusted_p_value
    assert found.warning == WARNING


def test_halves_that_do_not_are_told_too() -> None:
    counted, halves = two_halves([5, 6], [5, 6])
    (found,) = segmented(spec(), counted, {"half": halves})
    assert "do not differ by more than chance" in found.sentence


def test_small_segments_and_single_ones_are_left_out() -> None:
    counted, halves = two_halves([5, 6], [5, 6])
    small = np.where(np.arange(halves.size) < 40, "few", "")
    assert segmented(spec(), counted, {"all": np.full(halves.size, "one"), "small": small}) == []
