"""Intervals that hold at every look at once, so looking early fools nobody.

The normal mixture boundary, as an asymptotic confidence sequence: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas,
"Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics 52 (2024), which has the
one-sided bound too; Robbins (1970) for known variances. With r growing in proportion to the units:

    half width = standard error · sqrt(2 · (1 + 1/r) · log(sqrt(r + 1) / alpha))

It is asymptotic: a few units with a lucky variance would break it, so below `LEAST_UNITS` it says nothing.
"""

from math import exp, inf, log, sqrt

from scipy.special import lambertw

from quikapp_ml.experiments.checks import inside, refused
from quikapp_ml.experiments.effects import Effect, Interval

LEAST_UNITS = 100


def sequence(effect: Effect, planned_units: int, alpha: float = 0.05) -> Interval:
    """The interval at this look; it is narrowest, against its rivals, once `planned_units` are in.

    All looks of one experiment must use one `planned_units`. Its p-value holds at any time too.
    """
    inside("alpha", alpha)
    if effect.units < LEAST_UNITS or effect.standard_error == 0:
        return Interval(-inf, inf, 1.0)
    ratio = _ratio(effect.units, planned_units, alpha)
    width = effect.standard_error * sqrt(2 * (1 + 1 / ratio) * (log(ratio + 1) / 2 - log(alpha)))
    evidence = (effect.estimate / effect.standard_error) ** 2 / 2 * ratio / (1 + ratio) - log(1 + ratio) / 2
    return Interval(effect.estimate - width, effect.estimate + width, exp(min(0.0, -evidence)))


def lower_bound(effect: Effect, planned_units: int, alpha: float = 0.05) -> float:
    """What the effect is above, at every look at once."""
    inside("alpha", alpha)
    if effect.units < LEAST_UNITS or effect.standard_error == 0:
        return -inf
    ratio = _ratio(effect.units, planned_units, min(2 * alpha, 0.99))
    return effect.estimate - effect.standard_error * sqrt(2 * (1 + 1 / ratio) * log(1 + sqrt(ratio + 1) / (2 * alpha)))


def upper_bound(effect: Effect, planned_units: int, alpha: float = 0.05) -> float:
    """What the effect is below, at every look at once: a guardrail is broken when this is under its limit."""
    mirrored = Effect(-effect.estimate, effect.standard_error, effect.units)
    return -lower_bound(mirrored, planned_units, alpha)


def _ratio(units: int, planned_units: int, alpha: float) -> float:
    """The mixture's precision that makes the half width smallest at the planned units (Waudby-Smith et al.)."""
    if planned_units < 1:
        raise refused("planned_units", "out_of_range", planned_units, "how many units the experiment is planned for")
    best = -float(lambertw(-(alpha**2) * exp(-1), -1).real) - 1
    return best * units / planned_units
