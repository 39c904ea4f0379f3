"""How many units an experiment needs, or what it can find with those it gets (two-sided, normal approximation)."""

from math import ceil, sqrt

from scipy import stats

from quikapp_ml.experiments.checks import inside, refused


def units_needed(
    effect: float, deviation: float, alpha: float = 0.05, power: float = 0.8, treatment_share: float = 0.5
) -> int:
    """Units of both variants together that find such a difference of means with this power."""
    if effect == 0:
        raise refused("effect", "out_of_range", 0, "the smallest difference that would matter")
    return ceil((_reach(alpha, power) * _spread(deviation, treatment_share) / effect) ** 2)


def smallest_effect(
    units: int, deviation: float, alpha: float = 0.05, power: float = 0.8, treatment_share: float = 0.5
) -> float:
    """The difference of means that so many units find with this power."""
    if units < 2:
        raise refused("units", "out_of_range", units, "at least 2 units")
    return _reach(alpha, power) * _spread(deviation, treatment_share) / sqrt(units)


def power_at(units: int, effect: float, deviation: float, alpha: float = 0.05, treatment_share: float = 0.5) -> float:
    """The probability that so many units find this difference."""
    inside("alpha", alpha)
    if units < 2:
        raise refused("units", "out_of_range", units, "at least 2 units")
    shift = abs(effect) * sqrt(units) / _spread(deviation, treatment_share)
    limit = float(stats.norm.ppf(1 - alpha / 2))
    return float(stats.norm.sf(limit - shift) + stats.norm.cdf(-limit - shift))


def _reach(alpha: float, power: float) -> float:
    return float(stats.norm.ppf(1 - inside("alpha", alpha) / 2) + stats.norm.ppf(inside("power", power)))


def _spread(deviation: float, treatment_share: float) -> float:
    if not deviation > 0:
        raise refused("deviation", "out_of_range", deviation, "the standard deviation of the metric, above 0")
    share = inside("treatment_share", treatment_share)
    return deviation / sqrt(share * (1 - share))
