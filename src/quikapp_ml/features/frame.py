"""Named columns of features for a list of items."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class FeatureFrame:
    """`values` (n_items, n_names); a feature is 0 where the thing it speaks of is absent."""

    names: tuple[str, ...]
    values: Floats

    @classmethod
    def of(cls, n_items: int, **columns: "Floats | list[float]") -> "FeatureFrame":
        """Build from columns of `n_items` numbers each, in the order given."""
        values = np.empty((n_items, len(columns)))
        for at, column in enumerate(columns.values()):
            values[:, at] = column
        return cls(tuple(columns), values)

    def column(self, name: str) -> Floats:
        """(n_items,): one feature."""
        return self.values[:, self.names.index(name)]


def freshness(at: Floats, half_seconds: float) -> Floats:
    """1 for the newest, 0.5 for what is `half_seconds` older, 0 for what never was (-infinity)."""
    newest = at.max(initial=-np.inf)
    return 1 / (1 + (newest - at) / half_seconds) if np.isfinite(newest) else np.zeros(len(at))


def newest_first(at: Floats) -> Floats:
    """1 / log2(2 + how many are newer); 0 where the time is not known."""
    known = np.isfinite(at)
    newer = known.sum() - np.searchsorted(np.sort(at[known]), at[known], side="right")
    places = np.zeros(len(at))
    places[known] = 1 / np.log2(2 + newer)
    return places


def share_of_largest(values: Floats) -> Floats:
    """Square root of each value's share of the largest one: 0..1, and the same after any common decay."""
    largest = values.max(initial=0.0)
    return np.sqrt(values / largest) if largest > 0 else np.zeros(len(values))


def share_of_strongest(strengths: Floats, greatest: float) -> Floats:
    """`share_of_largest`, of values by their log2, and the largest by its own."""
    if not np.isfinite(greatest):
        return np.zeros(len(strengths))
    return np.asarray(np.sqrt(np.exp2(strengths - greatest)))
