"""The difference that a variant makes, its standard error, and the fixed-horizon interval around it."""

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from quikapp_ml.experiments.checks import inside, refused, sample


@dataclass(frozen=True, slots=True)
class Effect:
    """An estimate that is close to normal, from so many units; `degrees` of freedom for small samples."""

    estimate: float
    standard_error: float
    units: int
    degrees: float = inf


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the effect lies at this confidence, and the p-value of no effect."""

    low: float
    high: float
    p_value: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the data say that there is an effect."""
        return self.low > 0 or self.high < 0


def mean_effect(control: ArrayLike, treatment: ArrayLike) -> Effect:
    """Treatment's mean less control's, with variances of their own (Welch 1947)."""
    first, second = sample("control", control), sample("treatment", treatment)
    parts = np.array([first.var(ddof=1) / first.size, second.var(ddof=1) / second.size])
    sizes = np.array([first.size, second.size])
    total = float(parts.sum())
    degrees = total**2 / float((parts**2 / (sizes - 1)).sum()) if total > 0 else inf
    return Effect(float(second.mean() - first.mean()), sqrt(total), int(sizes.sum()), degrees)


def relative_effect(control: ArrayLike, treatment: ArrayLike) -> Effect:
    """Treatment's mean over control's, less one, by the delta method."""
    first, second = sample("control", control), sample("treatment", treatment)
    base, other = float(first.mean()), float(second.mean())
    if base == 0:
        raise refused(
            "control", "zero_mean", "0 on average", "a control whose mean is not 0, or ask for the difference"
        )
    variance = second.var(ddof=1) / second.size / base**2 + first.var(ddof=1) / first.size * other**2 / base**4
    return Effect(other / base - 1, sqrt(float(variance)), first.size + second.size)


def fixed_interval(effect: Effect, alpha: float = 0.05) -> Interval:
    """The interval for one look at a size chosen beforehand. Looked at more often, it errs more often than it says."""
    inside("alpha", alpha)
    if effect.standard_error == 0:
        return Interval(effect.estimate, effect.estimate, 1.0 if effect.estimate == 0 else 0.0)
    width = float(stats.t.ppf(1 - alpha / 2, effect.degrees)) * effect.standard_error
    p_value = 2 * float(stats.t.sf(abs(effect.estimate) / effect.standard_error, effect.degrees))
    return Interval(effect.estimate - width, effect.estimate + width, p_value)
