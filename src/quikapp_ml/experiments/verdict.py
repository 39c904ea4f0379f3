"""What the numbers of one metric say of one variant, in a sentence: what it means, what it does not, what to do."""

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from quikapp_ml.experiments.effects import Effect
from quikapp_ml.experiments.sequential import LEAST_UNITS, lower_bound, sequence, upper_bound


class Finding(StrEnum):
    """What can be said of a metric at this look."""

    HIGHER = "higher"
    LOWER = "lower"
    NO_MATTER = "no_matter"
    """Any difference is smaller than the one sought."""
    OPEN = "open"
    HOLDS = "holds"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A relative change with the interval that holds at every look, and what follows from it."""

    finding: Finding
    change: float
    low: float | None
    high: float | None
    p_value: float
    sentence: str


def of_metric(name: str, effect: Effect, sought: float, planned_units: int, alpha: float) -> Verdict:
    """Of a metric by which variants are compared; `effect` is relative to control."""
    interval = sequence(effect, planned_units, alpha)
    told = _told(name, effect, interval.low, interval.high)
    if interval.excludes_zero:
        finding = Finding.HIGHER if interval.low > 0 else Finding.LOWER
        said = f"{told}: {name} is {finding}, and stays so whenever one looks. It does not say why. Stop, and decide."
    elif isfinite(interval.low) and max(-interval.low, interval.high) < sought:
        finding = Finding.NO_MATTER
        said = f"{told}: any difference is below the {sought:.1%} sought. It does not say that there is none. Stop."
    else:
        finding, said = Finding.OPEN, f"{told}: no difference is shown yet. It does not say that there is none. Go on."
    return Verdict(finding, effect.estimate, *_finite(interval.low, interval.high), interval.p_value, said)


def of_guardrail(name: str, effect: Effect, worse: str, at_most: float, planned_units: int, alpha: float) -> Verdict:
    """Of a metric that must not get worse: broken when it surely is, holding when it surely is not by `at_most`."""
    sign = 1.0 if worse == "lower" else -1.0
    better = Effect(sign * effect.estimate, effect.standard_error, effect.units, effect.degrees)
    least, most = lower_bound(better, planned_units, alpha), upper_bound(better, planned_units, alpha)
    low, high = (least, most) if worse == "lower" else (-most, -least)
    told = _told(name, effect, low, high)
    if most < 0:
        finding, said = Finding.BROKEN, f"{told}: it got worse. Stop the experiment."
    elif least > -at_most:
        finding, said = Finding.HOLDS, f"{told}: it did not get worse by {at_most:.0%}. Go on."
    else:
        finding, said = Finding.OPEN, f"{told}: it is not clear yet that it holds. Let nobody more in."
    p_value = sequence(effect, planned_units, alpha).p_value
    return Verdict(finding, effect.estimate, *_finite(low, high), p_value, said)


def _told(name: str, effect: Effect, low: float, high: float) -> str:
    if effect.units < LEAST_UNITS:
        return f"{name}: {effect.units} units are too few to say anything, {LEAST_UNITS} are the least"
    return f"{name}: {effect.estimate:+.1%} ({low:+.1%} to {high:+.1%}) against control, {effect.units:,} units"


def _finite(low: float, high: float) -> tuple[float | None, float | None]:
    """Without a bound where there is none: JSON knows no infinity."""
    return (low if isfinite(low) else None), (high if isfinite(high) else None)
