"""A calibrated logistic over named features: small, exact to explain, and at home in any workspace."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from quikapp_ml.errors import Damaged, InvalidInput

Floats = np.ndarray[Any, np.dtype[np.float64]]

_LARGEST_LOGIT = 500.0


@dataclass(frozen=True)
class LinearHead:
    """score = logistic(bias + Σ weight × feature / scale).

    A feature is 0 where the thing it speaks of is absent. So the contribution of a feature is exactly what the
    logit would lose without it, which is what makes a contribution a reason.
    """

    names: tuple[str, ...]
    weights: Floats
    scales: Floats
    bias: float

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.weights) == len(self.scales) or not (self.scales > 0).all():
            raise Damaged("a linear head needs one weight and one scale above 0 for each of its features")

    @classmethod
    def prior(cls, weights: Mapping[str, float], bias: float) -> Self:
        """What is believed before any data was seen; all scales are 1."""
        return cls(tuple(weights), np.array(list(weights.values()), dtype=float), np.ones(len(weights)), bias)

    def select(self, names: Sequence[str], features: Floats) -> Floats:
        """The head's own columns, in its order, out of `features` (n_items, len(names)).

        Columns that the head does not know are left out. Raises InvalidInput when one that it needs is missing.
        """
        if tuple(names) == self.names:
            return features
        at = {name: column for column, name in enumerate(names)}
        missing = [name for name in self.names if name not in at]
        if missing:
            raise InvalidInput(f"the model needs the features {', '.join(missing)}; given were {', '.join(names)}")
        return np.array(features[:, [at[name] for name in self.names]], dtype=float, order="C")

    def contributions(self, features: Floats) -> Floats:
        """(n_items, n_features): what each feature adds to the logit of each item."""
        return np.asarray(features * (self.weights / self.scales), dtype=float)

    def logits(self, features: Floats) -> Floats:
        """(n_items,): bias plus the contributions. Row by row, so that a batch equals its rows one at a time."""
        return np.asarray(self.bias + self.contributions(features).sum(axis=1), dtype=float)

    def scores(self, features: Floats) -> Floats:
        """(n_items,) in 0..1."""
        return logistic(self.logits(features))

    def arrays(self, prefix: str) -> dict[str, np.ndarray[Any, Any]]:
        """Weights and scales, for `Model.arrays`."""
        return {f"{prefix}_weights": self.weights, f"{prefix}_scales": self.scales}

    def facts(self) -> dict[str, Any]:
        """Names and bias, for `Model.facts`."""
        return {"names": list(self.names), "bias": self.bias}

    @classmethod
    def from_parts(cls, prefix: str, arrays: Mapping[str, np.ndarray[Any, Any]], facts: Mapping[str, Any]) -> Self:
        """The opposite of `arrays` and `facts`. Raises Damaged."""
        try:
            weights = np.asarray(arrays[f"{prefix}_weights"], dtype=float)
            scales = np.asarray(arrays[f"{prefix}_scales"], dtype=float)
            return cls(tuple(facts["names"]), weights, scales, float(facts["bias"]))
        except (KeyError, TypeError, ValueError) as error:
            raise Damaged(f"the head {prefix!r} of the model cannot be read: {error}") from error


def logistic(logits: Floats) -> Floats:
    """1 / (1 + e^-logit), without overflow."""
    bounded = np.clip(logits, -_LARGEST_LOGIT, _LARGEST_LOGIT)
    return np.asarray(1.0 / (1.0 + np.exp(-bounded)), dtype=float)


def feature_columns(names: Sequence[str], columns: Mapping[str, Sequence[Any]], n_rows: int) -> Floats:
    """(n_rows, len(names)) from columns by name; a column that is left out is 0, as the feature is where it is absent.

    Raises InvalidInput on values that are not finite numbers, naming the column.
    """
    absent = [0.0] * n_rows
    try:
        turned = np.array([columns.get(name, absent) for name in names], dtype=float)  # at once: by far the quickest
    except (TypeError, ValueError):
        raise InvalidInput(_unfit_column(names, columns, n_rows)) from None
    if turned.shape != (len(names), n_rows):
        raise InvalidInput(_unfit_column(names, columns, n_rows))
    features = np.ascontiguousarray(turned.T)  # rows are summed up in the order in which they lie
    is_finite = np.isfinite(features)
    if not is_finite.all():
        name = names[int((~is_finite).any(axis=0).argmax())]
        raise InvalidInput(f"column {name!r} must hold {n_rows} finite numbers")
    return features


def _unfit_column(names: Sequence[str], columns: Mapping[str, Sequence[Any]], n_rows: int) -> str:
    """Which of the columns is no column of so many numbers."""
    for name in filter(columns.__contains__, names):
        try:
            values = np.asarray(columns[name], dtype=float)
        except (TypeError, ValueError):
            return f"column {name!r} must hold numbers"
        if values.shape != (n_rows,):
            break
    return f"column {name!r} must hold {n_rows} numbers"
