"""A model of rewards for doubly robust estimates, fitted on the log itself, but never on the decision that it judges.

Cross-fitting: Chernozhukov and others, "Double/debiased machine learning", Econometrics Journal 21 (2018). Each arm has
a logistic regression with a little ridge, by Newton's method; rewards are from 0 to 1. Where the model is right, no
estimate that stays right when it is wrong is narrower (Hahn 1998: the efficiency bound).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from quikapp_ml.experiments.checks import Array, refused, same_length, sample

FOLDS = 5
RIDGE = 1.0
STEPS = 12


@dataclass(frozen=True)
class Choices:
    """Decisions among arms: what was known, which arm was taken, what came of it, what the other policy would take."""

    contexts: ArrayLike
    """A row a decision, a column a number that was known."""
    chosen: ArrayLike
    """The place of the arm taken, from 0."""
    rewards: ArrayLike
    target: ArrayLike
    """The other policy's probability of each arm: a row a decision."""


@dataclass(frozen=True)
class Predicted:
    """What the model expects: of the arm that was taken, and of the other policy."""

    made: Array
    target: Array


def cross_fitted(choices: Choices, folds: int = FOLDS) -> Predicted:
    """Rewards as models of the other folds expect them; rows go to folds in turn."""
    contexts, chosen, rewards, target = _checked(choices)
    if not 2 <= folds <= len(rewards):
        raise refused("folds", "out_of_range", folds, f"2 to {len(rewards)}")
    design = np.column_stack([np.ones(len(rewards)), contexts])
    expected, fold = np.empty_like(target), np.arange(len(rewards)) % folds
    for held in range(folds):
        here, others = fold == held, fold != held
        for arm in range(target.shape[1]):
            known = others & (chosen == arm)
            expected[here, arm] = _fitted(design[known], rewards[known], rewards[others].mean(), design[here])
    return Predicted(expected[np.arange(len(rewards)), chosen], (expected * target).sum(axis=1))


def _fitted(design: Array, rewards: Array, overall: float, asked: Array) -> Array:
    """Logistic regression of the arm's rewards, shrunk towards the reward of all; its answers to rows."""
    start = float(logit(np.clip(overall, 0.001, 0.999)))
    coefficients, base = np.zeros(design.shape[1]), np.eye(design.shape[1]) * RIDGE
    for _ in range(STEPS):
        likely = expit(start + design @ coefficients)
        slope = design.T @ (rewards - likely) - RIDGE * coefficients
        curve = (design * (likely * (1 - likely))[:, None]).T @ design + base
        coefficients = coefficients + np.linalg.solve(curve, slope)
    return np.asarray(expit(start + asked @ coefficients), dtype=np.float64)


def _checked(choices: Choices) -> tuple[Array, NDArray[np.intp], Array, Array]:
    rewards = sample("rewards", choices.rewards)
    if (rewards < 0).any() or (rewards > 1).any():
        raise refused("rewards", "out_of_range", "partly outside [0, 1]", "rewards from 0 to 1")
    contexts, target = _table("contexts", choices.contexts), _table("target", choices.target)
    chosen = np.asarray(choices.chosen, dtype=np.intp)
    same_length(contexts=contexts, chosen=chosen, rewards=rewards, target=target)
    if (chosen < 0).any() or (chosen >= target.shape[1]).any():
        raise refused(
            "chosen", "out_of_range", "partly no arm of the target", f"places from 0 to {target.shape[1] - 1}"
        )
    return contexts, chosen, rewards, target


def _table(path: str, values: ArrayLike) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or not np.isfinite(array).all():
        raise refused(path, "wrong_shape", f"of shape {array.shape}", "a table of finite numbers, a row a decision")
    return array
