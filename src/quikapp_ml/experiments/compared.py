"""A variant against control by one metric: the change relative to control, by the estimator that fits the metric."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np

from quikapp_ml.entities.experiments import Metric, Unit
from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.cuped import cuped_effect
from quikapp_ml.experiments.effects import Effect, mean_effect
from quikapp_ml.experiments.jackknife import clustered_ratio_effect
from quikapp_ml.experiments.observed import Sample, is_per_answer
from quikapp_ml.experiments.quantiles import quantile_effect
from quikapp_ml.experiments.ratio import ratio_effect

Estimator = Callable[[Sample, Sample], Effect]


@dataclass(frozen=True)
class Comparison:
    """The values of both, and the change; without an effect `why_not` says why there is none."""

    control_value: float | None
    value: float | None
    units: int
    effect: Effect | None = None
    is_relative: bool = True
    """As a share of control's value; as a plain difference where control has none of it."""
    variance_cut: float | None = None
    """Share of the variance that the units' own past took away."""
    why_not: str = ""


def compare(metric: Metric, unit: Unit, control: Sample, treated: Sample) -> Comparison:
    """The change that the variant makes, as a share of control's value where it has any."""
    values = value_of(metric, control), value_of(metric, treated)
    units = control.n_units + treated.n_units
    base = values[0]
    if min(control.n_units, treated.n_units) < 2:
        return Comparison(*values, units, why_not="each variant needs two units at least")
    if base is None or values[1] is None or (base == 0 and values[1] == 0):
        return Comparison(*values, units, why_not="it did not happen in either variant")
    estimator, cut = _estimator(metric, unit, control, treated)
    try:
        if base == 0:
            return Comparison(*values, units, estimator(control, treated), is_relative=False)
        return Comparison(*values, units, _relative(estimator, control, treated, base), variance_cut=cut)
    except InvalidInput as error:
        return Comparison(*values, units, why_not=str(error))


def value_of(metric: Metric, sample: Sample) -> float | None:
    """The metric of one variant; None where it has nothing to tell it from."""
    if metric.kind == "quantile":
        return None if sample.rows is None else float(np.quantile(sample.rows.values, metric.quantile))
    if not sample.counted.size:
        return None
    whole = float(sample.out_of.sum()) if is_per_answer(metric) else float(sample.counted.size)
    return float(sample.counted.sum()) / whole if whole else None


def _estimator(metric: Metric, unit: Unit, control: Sample, treated: Sample) -> tuple[Estimator, float | None]:
    """What fits the metric, and the share of variance that it cuts."""
    if metric.kind == "quantile":
        return _by_quantile(metric.quantile), None
    if is_per_answer(metric):
        return (_by_ratio if unit == "user" else _by_clusters), None
    if _tells(control) and _tells(treated):
        return _by_past, cuped_effect(control.counted, treated.counted, control.before, treated.before).variance_cut
    return _by_mean, None


def _tells(sample: Sample) -> bool:
    """Whether the past differs between units at all."""
    return sample.before.size > 2 and float(np.ptp(sample.before)) > 0


def _relative(estimate: Estimator, control: Sample, treated: Sample, base: float) -> Effect:
    """The effect over control's value, which varies too (delta method)."""
    effect = estimate(control, treated)
    lift = effect.estimate / base
    own_variance = estimate(control, control).standard_error ** 2 / 2
    variance = effect.standard_error**2 + ((1 + lift) ** 2 - 1) * own_variance
    return Effect(lift, sqrt(max(variance, 0.0)) / base, effect.units, effect.degrees)


def _by_mean(control: Sample, treated: Sample) -> Effect:
    return mean_effect(control.counted, treated.counted)


def _by_past(control: Sample, treated: Sample) -> Effect:
    return cuped_effect(control.counted, treated.counted, control.before, treated.before).effect


def _by_ratio(control: Sample, treated: Sample) -> Effect:
    return ratio_effect((control.counted, control.out_of), (treated.counted, treated.out_of))


def _by_clusters(control: Sample, treated: Sample) -> Effect:
    return clustered_ratio_effect((control.counted, control.out_of), (treated.counted, treated.out_of))


def _by_quantile(quantile: float) -> Estimator:
    def estimate(control: Sample, treated: Sample) -> Effect:
        if control.rows is None or treated.rows is None:
            raise InvalidInput("each variant needs two answers at least")
        return quantile_effect(control.rows, treated.rows, quantile)

    return estimate
