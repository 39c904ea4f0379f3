"""What the numbers of one metric say of one variant: what it means, what it does not, and what to do."""

from dataclasses import dataclass
from math import isfinite

from quikapp_ml.entities.experiments import Guardrail
from quikapp_ml.experiments.effects import Effect, Interval
from quikapp_ml.experiments.results import Finding
from quikapp_ml.experiments.sequential import LEAST_UNITS, lower_bound, upper_bound


@dataclass(frozen=True)
class Reading:
    """A finding in words."""

    finding: Finding
    means: str
    does_not_mean: str
    to_do: str

    @property
    def sentence(self) -> str:
        """All of it."""
        return " ".join(part for part in (self.means, self.does_not_mean, self.to_do) if part)


@dataclass(frozen=True)
class Told:
    """A metric and what is known of it, for the sentences about it."""

    name: str
    effect: Effect
    interval: Interval
    unit: str
    is_relative: bool = True

    def __str__(self) -> str:
        effect, interval = self.effect, self.interval
        if not self.is_relative:
            return f"{self.name}: {effect.estimate:.3g}, while control has none, from {effect.units:,} {self.unit}s"
        if not isfinite(interval.low):
            return (
                f"{self.name}: {effect.estimate:+.1%} against control, but {effect.units:,} {self.unit}s are too few "
                f"to be sure at any look ({LEAST_UNITS} are the least)"
            )
        return (
            f"{self.name}: {effect.estimate:+.1%} ({interval.low:+.1%} to {interval.high:+.1%}) against control, from "
            f"{effect.units:,} {self.unit}s"
        )


def unknown(name: str, why_not: str) -> Reading:
    """Of a metric without a comparison."""
    return Reading(Finding.UNKNOWN, f"{name}: {why_not}.", "", "Wait, or look at another metric.")


def of_metric(told: Told, adjusted: float, sought: float, alpha: float) -> Reading:
    """Of a metric by which variants are compared; `adjusted` is its p-value among all that are looked at."""
    interval = told.interval
    if adjusted < alpha:
        finding = Finding.HIGHER if told.effect.estimate > 0 else Finding.LOWER
        means = f"{told}: the variant makes it {finding}, and this holds however often one looked."
        return Reading(finding, means, "It does not say why, nor that it lasts.", "Look at the guardrails, and decide.")
    if interval.excludes_zero:
        means = f"{told}: alone this were a difference, but among so many comparisons one like it comes by chance."
        return Reading(Finding.OPEN, means, "It does not say that there is no difference.", "Go on.")
    if told.is_relative and isfinite(interval.low) and max(-interval.low, interval.high) < sought:
        means = f"{told}: any difference is smaller than the {sought:.1%} that was sought."
        return Reading(Finding.NO_MATTER, means, "It does not say that there is none.", "Stop, and decide by cost.")
    doubt = "It does not say that there is no difference."
    return Reading(Finding.OPEN, f"{told}: no difference is shown yet.", doubt, "Go on; deciding now would be a guess.")


def of_guardrail(told: Told, guardrail: Guardrail, planned_units: int, alpha: float) -> Reading:
    """Of a metric that must not get worse: broken when it surely is, holding when surely not by `at_most`."""
    sign = 1.0 if guardrail.worse == "lower" else -1.0
    effect = told.effect
    better = Effect(sign * effect.estimate, effect.standard_error, effect.units, effect.degrees)
    if upper_bound(better, planned_units, alpha) < 0:
        means = f"{told}: this must not get {guardrail.worse}, and it did."
        return Reading(Finding.BROKEN, means, "It does not say by which change.", "Stop the experiment.")
    limit = f"{guardrail.at_most:.0%}"
    if told.is_relative and lower_bound(better, planned_units, alpha) > -guardrail.at_most:
        means = f"{told}: it did not get {guardrail.worse} by {limit}."
        return Reading(Finding.HOLDS, means, f"It may have got {guardrail.worse} by less.", "Go on.")
    means = f"{told}: whether it got {guardrail.worse} by {limit} is not clear yet."
    return Reading(Finding.OPEN, means, "It does not say that it holds.", "Let nobody more in until it is clear.")
