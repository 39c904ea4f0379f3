"""What an experiment has shown so far: rows of its metrics joined with the statistics, each result in a sentence.

The first metric decides; its p-values are raised for the number of variants (Holm), those of all other metrics together
for theirs. Guardrails are one-sided, and not raised: a false alarm of one is cheaper than harm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from quikapp_ml.entities.experiments import ExperimentSpec, Guardrail, Metric
from quikapp_ml.experiments.compared import Comparison, compare
from quikapp_ml.experiments.corrections import holm
from quikapp_ml.experiments.effects import Effect, Interval, fixed_interval
from quikapp_ml.experiments.observed import Observed
from quikapp_ml.experiments.readings import Reading, Told, of_guardrail, of_metric, unknown
from quikapp_ml.experiments.results import Finding, Look, MetricResult, Role
from quikapp_ml.experiments.sequential import sequence

ALPHA = 0.05
MAX_LOOKS = 60


@dataclass(frozen=True)
class Counted:
    """A metric with what units did by it."""

    metric: Metric
    role: Role
    observed: Observed


def analysed(spec: ExperimentSpec, counted: Sequence[Counted]) -> list[MetricResult]:
    """Every metric of every variant against control, in the order given."""
    compared = [
        (one, variant.name, _compared(spec, one, variant.name)) for one in counted for variant in spec.variants[1:]
    ]
    p_values = [
        None if each.effect is None else sequence(each.effect, spec.planned_units, ALPHA).p_value
        for _, _, each in compared
    ]
    families = [_FAMILIES[one.role] for one, _, _ in compared]
    adjusted = _adjusted(p_values, families)
    return [
        _result(spec, one, variant, each, raised)
        for (one, variant, each), raised in zip(compared, adjusted, strict=True)
    ]


_FAMILIES: Mapping[Role, str] = {
    "deciding": "deciding", "secondary": "others", "watched": "others", "guardrail": "guardrail",
}  # fmt: skip


def _compared(spec: ExperimentSpec, one: Counted, variant: str, until: int | None = None) -> Comparison:
    control, treated = one.observed.samples([spec.variants[0].name, variant], until)
    return compare(one.metric, spec.unit, control, treated)


def _adjusted(p_values: Sequence[float | None], families: Sequence[str]) -> list[float | None]:
    """Raised by Holm within each family; guardrails stay as they are."""
    raised = list(p_values)
    for family in set(families) - {"guardrail"}:
        places = [at for at, name in enumerate(families) if name == family and p_values[at] is not None]
        if places:
            for at, value in zip(places, holm(np.array([p_values[at] for at in places])), strict=True):
                raised[at] = float(value)
    return raised


def _result(
    spec: ExperimentSpec, one: Counted, variant: str, comparison: Comparison, adjusted: float | None
) -> MetricResult:
    metric, effect = one.metric, comparison.effect
    known = MetricResult(
        metric.name, metric.of, metric.kind, one.role, variant, Finding.UNKNOWN, "", comparison.units,
        comparison.control_value, comparison.value,
    )  # fmt: skip
    if isinstance(metric, Guardrail):
        known = replace(known, at_most=metric.at_most, worse=metric.worse)
    if effect is None or adjusted is None:
        reading = unknown(metric.name, comparison.why_not)
        return replace(known, finding=reading.finding, sentence=reading.sentence)
    interval, fixed = sequence(effect, spec.planned_units, ALPHA), fixed_interval(effect, ALPHA)
    reading = _reading(spec, one, Told(metric.name, effect, interval, spec.unit, comparison.is_relative), adjusted)
    low, high = bounds(interval)
    return replace(
        known, finding=reading.finding, sentence=reading.sentence, change=effect.estimate, low=low, high=high,
        p_value=interval.p_value, adjusted_p_value=adjusted, fixed_low=fixed.low, fixed_high=fixed.high,
        fixed_p_value=fixed.p_value, is_relative=comparison.is_relative, variance_cut=comparison.variance_cut,
        looks=_looks(spec, one, variant),
    )  # fmt: skip


def _reading(spec: ExperimentSpec, one: Counted, told: Told, adjusted: float) -> Reading:
    if isinstance(one.metric, Guardrail):
        return of_guardrail(told, one.metric, spec.planned_units, ALPHA)
    return of_metric(told, adjusted, spec.smallest_effect, ALPHA)


def _looks(spec: ExperimentSpec, one: Counted, variant: str) -> list[Look]:
    """How it went, day by day; of the metrics that steer. Many days are thinned out."""
    if one.role not in ("deciding", "guardrail"):
        return []
    days = one.observed.days
    step = -(-len(days) // MAX_LOOKS)
    found = [(day, _compared(spec, one, variant, day)) for day in days[:: -step or 1][::-1]]
    return [_look(spec, day, each.effect) for day, each in found if each.effect is not None and each.is_relative]


def _look(spec: ExperimentSpec, day: int, effect: Effect) -> Look:
    low, high = bounds(sequence(effect, spec.planned_units, ALPHA))
    return Look(day, effect.units, effect.estimate, low, high)


def bounds(interval: Interval) -> tuple[float | None, float | None]:
    """Without a bound where there is none: JSON knows no infinity."""
    return (interval.low if isfinite(interval.low) else None), (interval.high if isfinite(interval.high) else None)
