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
