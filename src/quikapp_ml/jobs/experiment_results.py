"""What an experiment has shown so far: from the ledger who got what, from events and feedback what they did then.

A unit counts for the variant of its first answer, whatever came later: also where the variant could not answer, and
control did (intention to treat). Testers do not count.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from quikapp_ml.entities.events import EVENT_TYPES
from quikapp_ml.entities.experiments import OF_ANSWERS, ExperimentSpec, Guardrail, Metric
from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.cuped import cuped_effect
from quikapp_ml.experiments.effects import Effect, mean_effect
from quikapp_ml.experiments.ratio import ratio_effect
from quikapp_ml.experiments.sample_ratio import mismatch_p_value
from quikapp_ml.experiments.verdict import Verdict, of_guardrail, of_metric
from quikapp_ml.serving.erasure import ERASED
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.tables import DECISIONS, EVENTS, FEEDBACK

ALPHA = 0.05
MISMATCH = 0.01
_DAY = 86_400 * 1_000_000
_COUNTED = ("hash", "fallback")
_NOBODY: NDArray[np.int64] = np.array([], dtype=np.int64)

Floats = NDArray[np.float64]
Times = NDArray[np.int64]


@dataclass(frozen=True)
class MetricResult:
    """One metric of one variant, against control."""

    metric: str
    variant: str
    control_value: float
    value: float
    verdict: Verdict | None
    sentence: str
    is_guardrail: bool = False
    variance_cut: float | None = None
    """Share of the variance that the units' own past took away."""


@dataclass(frozen=True)
class ExperimentResults:
    """An experiment at one look; `sentence` says whether its numbers can be believed."""

    name: str
    units: Mapping[str, int]
    fallbacks: int
    mismatch_p_value: float | None
    sentence: str
    metrics: Sequence[MetricResult]


@dataclass(frozen=True)
class _Exposed:
    """Units in the order of `units`, each with its variant and the time of its first answer (µs since 1970)."""

    rows: pa.Table
    units: Sequence[str]
    variants: NDArray[np.str_]
    since: Times

    def places(self, units: pa.ChunkedArray) -> NDArray[np.int64]:
        """Row of each unit; -1 for others."""
        found = pc.fill_null(pc.index_in(units, pa.array(self.units, pa.string())), -1)
        return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)


def results(lake: Lake, spec: ExperimentSpec) -> ExperimentResults:
    """The results as the tables have them now."""
    exposed = _exposed(lake, spec.name)
    names = [variant.name for variant in spec.variants]
    counts = Counter(exposed.variants.tolist())
    units = {name: counts[name] for name in names}
    p_value = _mismatch(units, [variant.weight for variant in spec.variants])
    n_compared = len(spec.metrics) * (len(names) - 1)
    found = []
    for metric in (*spec.metrics, *spec.guardrails):
        by_variant = _by_variant(lake, spec, metric, exposed, names)
        found += [_judged(spec, metric, by_variant, name, ALPHA / n_compared) for name in names[1:]]
    fallbacks = pc.sum(pc.equal(exposed.rows["assignment"], "fallback")).as_py() or 0
    return ExperimentResults(spec.name, units, fallbacks, p_value, _believable(units, p_value), found)


def _exposed(lake: Lake, name: str) -> _Exposed:
    columns = ["decision_id", "experiment", "unit", "variant", "assignment", "decided_at", "latency_ms", "degraded"]
    empty = pa.table({column: pa.array([], DECISIONS.columns.field(column).type) for column in columns})
    rows = lake.find(DECISIONS.name, "experiment", [name]).select(columns) if lake.exists(DECISIONS.name) else empty
    counted = pc.and_(pc.is_in(rows["assignment"], pa.array(_COUNTED)), pc.not_equal(rows["unit"], ERASED))
    rows = rows.filter(counted).sort_by("decided_at")
    first: dict[str, tuple[str, int]] = {}
    times = _times(rows["decided_at"]).tolist()
    for unit, variant, at in zip(rows["unit"].to_pylist(), rows["variant"].to_pylist(), times, strict=True):
        first.setdefault(unit, (variant, at))
    return _Exposed(
        rows,
        list(first),
        np.array([variant for variant, _ in first.values()], dtype=np.str_),
        np.array([at for _, at in first.values()], dtype=np.int64),
    )


@dataclass(frozen=True)
class _Values:
    """Of the units of one variant: what is counted, out of how much (ratios), and the same before the experiment."""

    counted: Floats
    out_of: Floats | None
    before: Floats | None

    @property
    def value(self) -> float:
        """The metric of the variant."""
        if not len(self.counted):
            return 0.0
        whole = len(self.counted) if self.out_of is None else self.out_of.sum()
        return float(self.counted.sum() / whole) if whole else 0.0


def _by_variant(
    lake: Lake, spec: ExperimentSpec, metric: Metric, exposed: _Exposed, names: Sequence[str]
) -> dict[str, _Values]:
    counted, out_of, before = _values(lake, spec, metric, exposed)
    masks = {name: exposed.variants == name for name in names}
    return {
        name: _Values(counted[mask], None if out_of is None else out_of[mask], None if before is None else before[mask])
        for name, mask in masks.items()
    }


def _values(
    lake: Lake, spec: ExperimentSpec, metric: Metric, exposed: _Exposed
) -> tuple[Floats, Floats | None, Floats | None]:
    n_units, places = len(exposed.units), exposed.places(exposed.rows["unit"])
    answers = np.bincount(places, minlength=n_units).astype(np.float64)
    if metric.of in OF_ANSWERS:
        column = exposed.rows["latency_ms" if metric.of == "latency" else "degraded"]
        weights = pc.fill_null(column.cast(pa.float64()), 0.0).to_numpy()
        return np.bincount(places, weights=weights, minlength=n_units).astype(np.float64), answers, None
    window = round(metric.window_days * _DAY)
    if metric.of in EVENT_TYPES:
        units, times = _events(lake, spec, metric.of, exposed)
        before = _counts(exposed, units, times - exposed.since[units] if len(units) else times, -window, 0)
    else:
        units, times = _feedback(lake, metric.of, exposed)
        before = None
    counted = _counts(exposed, units, times - exposed.since[units] if len(units) else times, 0, window)
    if metric.kind == "rate":
        counted, before = np.minimum(counted, 1.0), None if before is None else np.minimum(before, 1.0)
    return counted, answers if metric.kind == "ratio" else None, before


def _counts(exposed: _Exposed, units: NDArray[np.int64], ages: Times, low: int, high: int) -> Floats:
    inside = (ages > low) & (ages <= high)
    return np.bincount(units[inside], minlength=len(exposed.units)).astype(np.float64)


def _events(lake: Lake, spec: ExperimentSpec, of: str, exposed: _Exposed) -> tuple[NDArray[np.int64], Times]:
    columns = {"user": "user_id", "channel": "channel_id"}
    if spec.unit not in columns:
        raise InvalidInput(f"events name no {spec.unit}: of {of!r} nothing can be said by {spec.unit}")
    if not lake.exists(EVENTS.name):
        return _NOBODY, _NOBODY
    rows = lake.read(EVENTS.name, [columns[spec.unit], "type", "event_time"])
    rows = rows.filter(pc.equal(rows["type"], of))
    return _known(exposed.places(rows[columns[spec.unit]]), _times(rows["event_time"]))


def _feedback(lake: Lake, of: str, exposed: _Exposed) -> tuple[NDArray[np.int64], Times]:
    """Feedback on the answers of the experiment, by the unit of the answer."""
    if not lake.exists(FEEDBACK.name):
        return _NOBODY, _NOBODY
    rows = lake.read(FEEDBACK.name, ["decision_id", "action", "received_at"])
    rows = rows.filter(pc.equal(rows["action"], of))
    at = pc.index_in(rows["decision_id"], exposed.rows["decision_id"].combine_chunks())
    units = pc.take(exposed.rows["unit"].combine_chunks(), at.combine_chunks())
    return _known(exposed.places(pa.chunked_array([units], pa.string())), _times(rows["received_at"]))


def _known(places: NDArray[np.int64], times: Times) -> tuple[NDArray[np.int64], Times]:
    return places[places >= 0], times[places >= 0]


def _times(column: pa.ChunkedArray) -> Times:
    return np.asarray(column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy(), dtype=np.int64)


def _judged(
    spec: ExperimentSpec, metric: Metric, by_variant: Mapping[str, _Values], name: str, alpha: float
) -> MetricResult:
    control, treated = by_variant[spec.variants[0].name], by_variant[name]
    known: dict[str, Any] = {
        "metric": metric.name, "variant": name, "control_value": control.value, "value": treated.value,
        "is_guardrail": isinstance(metric, Guardrail),
    }  # fmt: skip
    effect, cut = _relative(metric, control, treated)
    if effect is None:
        why = f"{metric.name}: {cut}"
        return MetricResult(**known, verdict=None, sentence=why)
    if isinstance(metric, Guardrail):
        verdict = of_guardrail(metric.name, effect, metric.worse, metric.at_most, spec.planned_units, ALPHA)
    else:
        verdict = of_metric(metric.name, effect, spec.smallest_effect, spec.planned_units, alpha)
    return MetricResult(**known, verdict=verdict, sentence=verdict.sentence, variance_cut=cut or None)


def _relative(metric: Metric, control: _Values, treated: _Values) -> tuple[Effect | None, Any]:
    """The change relative to control and the variance cut; None and why where there is none."""
    if metric.kind == "quantile":
        return None, "quantiles are not compared"
    if min(len(control.counted), len(treated.counted)) < 2:
        return None, "each variant needs two units at least"
    if control.value <= 0:
        return None, "control has none of it, so nothing can be said relative to it"
    cut = 0.0
    if control.out_of is not None and treated.out_of is not None:
        effect = ratio_effect((control.counted, control.out_of), (treated.counted, treated.out_of))
    elif control.before is not None and treated.before is not None:
        adjusted = cuped_effect(control.counted, treated.counted, control.before, treated.before)
        effect, cut = adjusted.effect, adjusted.variance_cut
    else:
        effect = mean_effect(control.counted, treated.counted)
    base = control.value
    return Effect(effect.estimate / base, effect.standard_error / base, effect.units, effect.degrees), cut


def _mismatch(units: Mapping[str, int], weights: Sequence[float]) -> float | None:
    pairs = [(count, weight) for count, weight in zip(units.values(), weights, strict=True) if weight > 0]
    if len(pairs) < 2 or not any(count for count, _ in pairs):
        return None
    return mismatch_p_value([count for count, _ in pairs], [weight for _, weight in pairs])


def _believable(units: Mapping[str, int], p_value: float | None) -> str:
    if not any(units.values()):
        return "Nobody was let in yet."
    if p_value is not None and p_value < MISMATCH:
        return (
            f"Units do not arrive in the shares that were promised (p = {p_value:.2g}): believe no other number, "
            "and look for what loses units."
        )
    return "Units arrive in the shares that were promised."
