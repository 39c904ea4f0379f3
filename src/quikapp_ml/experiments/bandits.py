"""Thompson sampling whose propensities are true: an arm is drawn from the very probabilities that are recorded.

Thompson 1933. The chance that an arm is best under its Beta posterior is integrated, not sampled, then mixed with a
uniform floor, so that no arm is ever out of reach of off-policy estimates.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from quikapp_ml.experiments.checks import Array, inside, refused

_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(200)
_QUANTILES = (_NODES + 1) / 2


@dataclass(frozen=True, slots=True)
class Arm:
    """What is known of one arm: how often it did what was hoped for, and how often not."""

    successes: float = 0.0
    failures: float = 0.0


def propensities(arms: Sequence[Arm], floor: float = 0.05) -> Array:
    """The probability of each arm; `floor` is the share of decisions that are spread evenly."""
    inside("floor", floor)
    if len(arms) < 2 or any(arm.successes < 0 or arm.failures < 0 for arm in arms):
        raise refused("arms", "wrong_arms", list(arms), "at least two arms, with counts of at least 0")
    posteriors = [stats.beta(1 + arm.successes, 1 + arm.failures) for arm in arms]
    best = np.empty(len(arms))
    for place, posterior in enumerate(posteriors):
        values = posterior.ppf(_QUANTILES)
        others = [other.cdf(values) for index, other in enumerate(posteriors) if index != place]
        best[place] = _NODE_WEIGHTS @ np.prod(others, axis=0) / 2
    return np.asarray(floor / len(arms) + (1 - floor) * best / best.sum(), dtype=np.float64)
