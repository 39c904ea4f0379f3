"""Quantiles, such as the latency that 95 of 100 answers keep, where answers of one unit resemble each other.

How far the share below the quantile varies by units is read back as a distance between order statistics: Woodruff,
"Confidence intervals for medians and other position measures", JASA 47 (1952); for units with many rows, section 4 of
Deng, Knoblich, Lu, "Applying the delta method in metric analytics", KDD 2018.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quikapp_ml.experiments.checks import Array, inside, refused, same_length, sample
from quikapp_ml.experiments.effects import Effect

_REACH = 1.96
"""Standard errors from the quantile to the order statistics on both its sides."""


@dataclass(frozen=True)
class Rows:
    """Values, and the unit that each belongs to."""

    values: Array
    units: NDArray[np.intp]

    @classmethod
    def of(cls, values: ArrayLike, units: ArrayLike) -> "Rows":
        """Rows of units by any name."""
        array, codes = sample("values", values), np.unique(np.asarray(units), return_inverse=True)[1]
        same_length(values=array, units=codes)
        return cls(array, codes)

    @property
    def n_units(self) -> int:
        """How many units have rows."""
        return int(self.units.max()) + 1


def quantile_effect(control: Rows, treatment: Rows, quantile: float) -> Effect:
    """Treatment's quantile less control's."""
    inside("quantile", quantile)
    first, first_error = _quantile("control", control, quantile)
    second, second_error = _quantile("treatment", treatment, quantile)
    return Effect(second - first, sqrt(first_error**2 + second_error**2), control.n_units + treatment.n_units)


def _quantile(path: str, rows: Rows, quantile: float) -> tuple[float, float]:
    found, groups = float(np.quantile(rows.values, quantile)), rows.n_units
    off = np.bincount(rows.units, weights=(rows.values <= found) - quantile)
    reach = _REACH * sqrt(float(off @ off) * groups / max(groups - 1, 1)) / rows.values.size
    if groups < 2 or not 0 < quantile - reach < quantile + reach < 1:
        allowed = f"more rows: {rows.values.size} of {groups} units do not tell the {quantile:g} quantile"
        raise refused(path, "too_few", "too short for this quantile", allowed)
    low, high = np.quantile(rows.values, [quantile - reach, quantile + reach])
    return found, float(high - low) / (2 * _REACH)
