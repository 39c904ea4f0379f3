"""What a policy would have earned, from the decisions of another whose propensities were recorded.

IPS: Horvitz and Thompson 1952. SNIPS: Swaminathan and Joachims 2015. Doubly robust: Dudík, Langford, Li 2011.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike

from quikapp_ml.experiments.checks import Array, refused, same_length, sample
from quikapp_ml.experiments.effects import Effect


@dataclass(frozen=True, slots=True)
class OffPolicy:
    """The value of a policy, and how much of the log speaks of it."""

    value: Effect
    effective_sample_size: float
    clipped_share: float


@dataclass(frozen=True)
class Log:
    """Decisions made: what came of each, how likely it was then, and how likely the other policy makes it.

    Weights above `clip` are cut to it, which biases the estimate towards less; `clipped_share` says how often.
    """

    rewards: ArrayLike
    propensities: ArrayLike
    target: ArrayLike
    clip: float | None = None

    def weights(self) -> tuple[Array, float]:
        """How often the other policy would decide so, for once that this one did; and the share that was clipped."""
        logged, target = sample("propensities", self.propensities), sample("target", self.target)
        same_length(rewards=sample("rewards", self.rewards), propensities=logged, target=target)
        if (logged <= 0).any() or (logged > 1).any():
            raise refused("propensities", "out_of_range", "partly outside (0, 1]", "what the ledger recorded, above 0")
        if (target < 0).any() or (target > 1).any():
            raise refused("target", "out_of_range", "partly outside [0, 1]", "probabilities of the logged decisions")
        raw = target / logged
        if self.clip is None:
            return raw, 0.0
        if not self.clip > 0:
            raise refused("clip", "out_of_range", self.clip, "a greatest weight above 0, or none")
        return np.minimum(raw, self.clip), float((raw > self.clip).mean())


def ips(log: Log) -> OffPolicy:
    """Inverse propensity scoring: no bias without clipping, much variance."""
    weights, clipped = log.weights()
    return _result(weights * np.asarray(log.rewards, dtype=np.float64), weights, clipped)


def snips(log: Log) -> OffPolicy:
    """Self-normalised: a little bias, much less variance where weights vary."""
    weights, clipped = log.weights()
    rewards, total = np.asarray(log.rewards, dtype=np.float64), float(weights.sum())
    if total == 0:
        raise refused("target", "no_overlap", "0 for every decision", "a policy that sometimes decides as the log did")
    value = float(weights @ rewards) / total
    return _result(value + weights * (rewards - value) * weights.size / total, weights, clipped)


def doubly_robust(log: Log, predicted: ArrayLike, predicted_target: ArrayLike) -> OffPolicy:
    """A model of rewards, corrected by what it got wrong: right when either the model or the propensities are.

    `predicted` is the model's reward of the decision made, `predicted_target` what it expects of the other policy.
    The model must not have been fitted on these very decisions.
    """
    weights, clipped = log.weights()
    rewards = np.asarray(log.rewards, dtype=np.float64)
    made, expected = sample("predicted", predicted), sample("predicted_target", predicted_target)
    same_length(rewards=rewards, predicted=made, predicted_target=expected)
    return _result(expected + weights * (rewards - made), weights, clipped)


def _result(terms: Array, weights: Array, clipped: float) -> OffPolicy:
    value = Effect(float(terms.mean()), sqrt(float(terms.var(ddof=1)) / terms.size), terms.size, terms.size - 1)
    squares = float(weights @ weights)
    return OffPolicy(value, float(weights.sum()) ** 2 / squares if squares > 0 else 0.0, clipped)
