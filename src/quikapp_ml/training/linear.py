"""Fitting sparse linear models: a maximum a posteriori estimate around what is known already.

The penalty `hold / 2 · |weights − prior|²` is a normal prior centred on the previous model's weights: few examples
change little, many change much. A first model has the prior zero.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_array

from quikapp_ml.models.hashing import Bag
from quikapp_ml.models.linear import logistic

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MAX_STEPS = 300


def design_of(bags: Sequence[Bag], n_columns: int) -> csr_array:
    """Sparse matrix of the bags' features, shape (n_bags, n_columns)."""
    ends = np.cumsum([0, *(len(bag.buckets) for bag in bags)])
    empty = np.zeros(0)
    columns = np.concatenate([empty, *(bag.buckets for bag in bags)]).astype(np.int32)
    values = np.concatenate([empty, *(bag.values for bag in bags)]).astype(np.float32)
    return csr_array((values, columns, ends), shape=(len(bags), n_columns))


@dataclass(frozen=True)
class Fitted:
    """Weights, shape (n_classes, n_columns), and biases, shape (n_classes,)."""

    weights: Floats
    biases: Floats


@dataclass(frozen=True)
class Hold:
    """How strongly the prior holds: the precision of the normal prior of each weight, and of each bias."""

    weights: float
    biases: float


def fit_binary(design: csr_array, targets: Floats, importance: Floats, prior: Fitted, hold: Hold) -> Fitted:
    """Logistic regression; `targets` are 0 or 1, `prior` has one class."""

    def loss(logits: Floats) -> tuple[float, Floats]:
        logit = logits[0]
        value = float(importance @ (np.logaddexp(0.0, logit) - targets * logit))
        return value, (importance * (logistic(logit) - targets))[None, :]

    return _fit(design, loss, prior, hold)


def fit_classes(design: csr_array, targets: Integers, importance: Floats, prior: Fitted, hold: Hold) -> Fitted:
    """Softmax regression; `targets` are class numbers."""
    rows = np.arange(design.shape[0])

    def loss(logits: Floats) -> tuple[float, Floats]:
        top = logits.max(axis=0)
        total = top + np.log(np.exp(logits - top).sum(axis=0))
        slopes = np.exp(logits - total)
        slopes[targets, rows] -= 1.0
        return float(importance @ (total - logits[targets, rows])), importance * slopes

    return _fit(design, loss, prior, hold)


def balanced(targets: Integers, n_classes: int, power: float = 1.0) -> Floats:
    """Importance of each example: rare classes count more, fully so with power 1; the mean is 1."""
    counts = np.maximum(np.bincount(targets, minlength=n_classes), 1)
    importance: Floats = (counts.astype(np.float64) ** -power)[targets]
    scaled: Floats = importance / importance.mean()
    return scaled


def _fit(design: csr_array, loss: Callable[[Floats], tuple[float, Floats]], prior: Fitted, hold: Hold) -> Fitted:
    shape = (prior.weights.shape[0], prior.weights.shape[1] + 1)
    held = np.full(shape, hold.weights)
    held[:, -1] = hold.biases
    transposed = design.T.tocsr()

    def objective(point: Floats) -> tuple[float, Floats]:
        change = point.reshape(shape)
        weights, biases = prior.weights + change[:, :-1], prior.biases + change[:, -1]
        value, slopes = loss((design @ weights.T.astype(np.float32)).T + biases[:, None])
        gradient = np.empty(shape)
        gradient[:, :-1] = (transposed @ slopes.T.astype(np.float32)).T
        gradient[:, -1] = slopes.sum(axis=1)
        return value + float((held * change**2).sum()) / 2, (gradient + held * change).ravel()

    found = minimize(
        objective, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": MAX_STEPS, "ftol": 1e-7}
    )
    change = found.x.reshape(shape)
    return Fitted(prior.weights + change[:, :-1], prior.biases + change[:, -1])


def calibrate(logits: Floats, targets: Floats, importance: Floats | None = None) -> tuple[float, float]:
    """Slope (above 0) and shift that make logits honest about held-out targets of 0 and 1. (Platt 1999.)"""
    weights = np.ones_like(logits) if importance is None else importance

    def objective(point: Floats) -> tuple[float, Floats]:
        slope, shift = float(np.exp(point[0])), float(point[1])
        moved = slope * logits + shift
        errors = weights * (logistic(moved) - targets)
        value = float(weights @ (np.logaddexp(0.0, moved) - targets * moved))
        return value, np.array([slope * float(errors @ logits), float(errors.sum())])

    found = minimize(objective, np.zeros(2), jac=True, method="L-BFGS-B")
    return float(np.exp(found.x[0])), float(found.x[1])
