"""Ratios of two totals, such as clicks per answer where the unit is a user, by the delta method.

Deng, Knoblich, Lu, "Applying the delta method in metric analytics", KDD 2018.
"""

from math import sqrt

import numpy as np
from numpy.typing import ArrayLike

from quikapp_ml.experiments.checks import refused, same_length, sample
from quikapp_ml.experiments.effects import Effect

Totals = tuple[ArrayLike, ArrayLike]
"""For each unit what is counted, and out of how much."""


def ratio_effect(control: Totals, treatment: Totals) -> Effect:
    """Treatment's ratio less control's."""
    first, first_variance, first_units = _ratio("control", control)
    second, second_variance, second_units = _ratio("treatment", treatment)
    return Effect(second - first, sqrt(first_variance + second_variance), first_units + second_units)


def _ratio(path: str, totals: Totals) -> tuple[float, float, int]:
    counted, out_of = sample(f"{path}.counted", totals[0]), sample(f"{path}.out_of", totals[1])
    same_length(counted=counted, out_of=out_of)
    whole = float(out_of.mean())
    if whole <= 0:
        raise refused(f"{path}.out_of", "zero_mean", f"{whole} on average", "a denominator above 0")
    ratio = float(counted.mean()) / whole
    residuals = (counted - ratio * out_of) / whole
    return ratio, float(np.var(residuals, ddof=1)) / counted.size, counted.size
