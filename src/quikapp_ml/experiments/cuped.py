"""Less variance by what was known of each unit before the experiment.

Deng, Xu, Kohavi, Walker, "Improving the sensitivity of online controlled experiments by utilizing pre-experiment data",
WSDM 2013. A covariate that the variant could have changed makes the answer wrong: take it from before the exposure.
"""

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike

from quikapp_ml.experiments.checks import Array, refused, same_length, sample
from quikapp_ml.experiments.effects import Effect, mean_effect


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The effect with what was foreseeable taken out, and the share of variance that this took away."""

    effect: Effect
    variance_cut: float


def cuped_effect(
    control: ArrayLike, treatment: ArrayLike, control_before: ArrayLike, treatment_before: ArrayLike
) -> Adjusted:
    """Treatment's mean less control's, adjusted by one covariate or by the columns of several."""
    outcomes = [sample("control", control), sample("treatment", treatment)]
    befores = [_columns("control_before", control_before), _columns("treatment_before", treatment_before)]
    for outcome, before in zip(outcomes, befores, strict=True):
        same_length(outcome=outcome, before=before)
    # Centred within each variant, so that an effect does not leak into the coefficients.
    centred_before = np.concatenate([before - before.mean(axis=0) for before in befores])
    centred = np.concatenate([outcome - outcome.mean() for outcome in outcomes])
    coefficients, _, rank, _ = np.linalg.lstsq(centred_before, centred, rcond=None)
    free = centred.size - 2 - int(rank)
    if free < 1:
        raise refused("control_before", "too_many", f"of {rank} columns", f"fewer than the {centred.size} units less 2")
    middle = np.concatenate(befores).mean(axis=0)
    adjusted = [outcome - (before - middle) @ coefficients for outcome, before in zip(outcomes, befores, strict=True)]
    plain, effect = mean_effect(*outcomes), mean_effect(*adjusted)
    # Coefficients fit their own data a little too well: each takes a degree of freedom.
    error = effect.standard_error * sqrt((free + int(rank)) / free)
    effect = replace(effect, standard_error=error, degrees=min(effect.degrees, free))
    cut = 1 - (effect.standard_error / plain.standard_error) ** 2 if plain.standard_error > 0 else 0.0
    return Adjusted(effect, cut)


def _columns(path: str, values: ArrayLike) -> Array:
    array = np.asarray(values, dtype=np.float64)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or not np.isfinite(array).all():
        raise refused(path, "not_finite", "no table of finite numbers", "one finite number a unit, or columns of them")
    return array
