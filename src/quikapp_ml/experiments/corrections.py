"""P-values of many metrics, raised so that their number does not make finds of chance."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from quikapp_ml.experiments.checks import Array, refused, sample


def holm(p_values: ArrayLike) -> Array:
    """Adjusted so that any false find at all is rare (Holm 1979)."""
    values = _checked(p_values)
    order = np.argsort(values, kind="stable")
    raised = np.maximum.accumulate(values[order] * np.arange(values.size, 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(raised, 1.0)
    return adjusted


def benjamini_hochberg(p_values: ArrayLike) -> Array:
    """Adjusted so that few of the finds are false (Benjamini and Hochberg 1995)."""
    return np.asarray(stats.false_discovery_control(_checked(p_values), method="bh"), dtype=np.float64)


def _checked(p_values: ArrayLike) -> Array:
    values = sample("p_values", p_values, at_least=1)
    if ((values < 0) | (values > 1)).any():
        raise refused("p_values", "out_of_range", values.tolist(), "numbers from 0 to 1")
    return values
