"""What the units of an experiment did, in arrays: as it is now, and as it was at the end of each day."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from quikapp_ml.entities.experiments import Metric
from quikapp_ml.experiments.checks import Array
from quikapp_ml.experiments.metrics import DAY_MICROS
from quikapp_ml.experiments.quantiles import Rows

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Sample:
    """One variant: what each of its units counts, out of how much (ratios), and what it counted before."""

    counted: Array
    out_of: Array
    before: Array
    rows: Rows | None = None
    """One row an answer, for quantiles; the rest is empty then."""

    @property
    def n_units(self) -> int:
        """How many units it has."""
        return self.rows.n_units if self.rows else int(self.counted.size)


class Observed:
    """Rows of a metric's statement (`metrics.metric_statement`)."""

    def __init__(self, rows: pa.Table, metric: Metric) -> None:
        self._metric = metric
        names = np.asarray(rows["unit"].to_numpy(), dtype=np.str_)
        self.units, first, codes = np.unique(names, return_index=True, return_inverse=True)
        self._codes: Codes = codes.astype(np.int64)
        self._variants = np.asarray(rows["variant"].to_numpy(), dtype=np.str_)[first]
        self._since_days: Codes = np.asarray(rows["since"].to_numpy(), dtype=np.int64)[first] // DAY_MICROS
        days = rows["day"].fill_null(0) if rows["day"].null_count else rows["day"]
        self._days: Codes = np.asarray(days.to_numpy(), dtype=np.int64)
        self._counted, self._out_of, before = (
            np.asarray(rows[name].to_numpy(), dtype=np.float64) for name in ("counted", "out_of", "before")
        )
        self._before = np.bincount(self._codes, weights=before, minlength=self.units.size).astype(np.float64)

    @cached_property
    def days(self) -> list[int]:
        """Days since 1970 on which units came or did something, the oldest first."""
        did = self._days[(self._counted != 0) | (self._out_of != 0)]
        return [int(day) for day in np.unique(np.concatenate([self._since_days, did]))]

    def samples(
        self, variants: Sequence[str], until: int | None = None, among: NDArray[np.bool_] | None = None
    ) -> list[Sample]:
        """A sample a variant, of all units, or of those `among`: as it was at the end of day `until`."""
        known = np.ones(self.units.size, dtype=bool) if among is None else among.copy()
        rows = np.ones(self._codes.size, dtype=bool)
        if until is not None:
            known &= self._since_days <= until
            rows = self._days <= until
        if self._metric.kind == "quantile":
            rows &= known[self._codes]
            return [self._answers(rows & (self._variants[self._codes] == name)) for name in variants]
        counted = self._limited(self._totals(self._counted, rows), known)
        out_of, before = self._totals(self._out_of, rows), self._limited(self._before, known)
        chosen = [known & (self._variants == name) for name in variants]
        return [Sample(counted[mask], out_of[mask], before[mask]) for mask in chosen]

    def was_active(self) -> NDArray[np.bool_]:
        """Which units did it before their first answer already."""
        return self._before > 0

    def _answers(self, rows: NDArray[np.bool_]) -> Sample:
        empty = np.array([], dtype=np.float64)
        answers = Rows.of(self._counted[rows], self._codes[rows]) if rows.sum() > 1 else None
        return Sample(empty, empty, empty, answers)

    def _totals(self, values: Array, rows: NDArray[np.bool_]) -> Array:
        weights = values[rows]
        return np.bincount(self._codes[rows], weights=weights, minlength=self.units.size).astype(np.float64)

    def _limited(self, counts: Array, known: NDArray[np.bool_]) -> Array:
        """Counts with their cap: one of its own, the quantile of all units, or 1 where it only matters whether."""
        metric = self._metric
        if metric.cap is not None:
            counts = np.minimum(counts, metric.cap)
        elif metric.winsor is not None and known.any():
            counts = np.minimum(counts, np.quantile(counts[known], metric.winsor))
        return np.minimum(counts, 1.0) if is_share(metric) else counts


def is_per_answer(metric: Metric) -> bool:
    """Whether it is told of answers: totals of units out of their answers."""
    return metric.kind == "ratio" or (metric.found_in == "decisions" and metric.kind != "quantile")


def is_share(metric: Metric) -> bool:
    """Whether it is the share of units that did it at all."""
    return metric.kind == "rate" and not is_per_answer(metric)
