"""How units came to their variants, day by day, and whether in the shares that were promised."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from quikapp_ml.entities.experiments import ExperimentSpec
from quikapp_ml.experiments.metrics import DAY_MICROS
from quikapp_ml.experiments.results import MISMATCH, Arrival, Arrivals
from quikapp_ml.experiments.sample_ratio import mismatch_p_value


def arrivals(spec: ExperimentSpec, rows: pa.Table, now_micros: int) -> Arrivals:
    """Of the rows of `metrics.units_statement`."""
    variants = np.asarray(rows["variant"].to_numpy(), dtype=np.str_)
    since = np.asarray(rows["since"].to_numpy(), dtype=np.int64)
    days = [_arrival(spec, variants[since // DAY_MICROS <= day], int(day)) for day in np.unique(since // DAY_MICROS)]
    last = days[-1] if days else _arrival(spec, variants, 0)
    # Always valid: what was found at one look is not taken back by a later one.
    found = [one.mismatch_p_value for one in days if one.mismatch_p_value is not None]
    p_value = min(found) if found else None
    window = max(one.window_days for one in (*spec.metrics, *spec.guardrails)) * DAY_MICROS
    fallbacks = int(np.sum(rows["n_fallbacks"].to_numpy())) if rows.num_rows else 0
    n_open = int(np.count_nonzero(since + window > now_micros))
    return Arrivals(last.units, fallbacks, n_open, p_value, _sentence(last.units, p_value), days)


def _arrival(spec: ExperimentSpec, variants: np.ndarray[tuple[int, ...], np.dtype[np.str_]], day: int) -> Arrival:
    units = {variant.name: int(np.count_nonzero(variants == variant.name)) for variant in spec.variants}
    pairs = [(units[variant.name], variant.weight) for variant in spec.variants if variant.weight > 0]
    counts, weights = [count for count, _ in pairs], [weight for _, weight in pairs]
    return Arrival(day, units, mismatch_p_value(counts, weights) if len(pairs) > 1 and any(counts) else None)


def _sentence(units: Mapping[str, int], p_value: float | None) -> str:
    if not any(units.values()):
        return "Nobody was let in yet."
    if p_value is not None and p_value < MISMATCH:
        return (
            f"Units do not arrive in the shares that were promised (p = {p_value:.2g}): believe no other number, "
            "and look for what loses units."
        )
    return "Units arrive in the shares that were promised."
