"""What the clicks of the past say of another order of the same items, before anybody sees it.

The champion decides without chance, so no click says what another item would have got in its place. It says what the
same item is worth at another place, if people look at rank k with a chance of 1/k ("item-position" model: Joachims,
Swaminathan, Schnabel 2017; Li, Abbasi-Yadkori, Kveton and others 2018): an item that was clicked at rank 4 and would
stand at rank 2 counts twice. An item that the challenger would not show earns nothing, and one that was never shown is
not known of: so what brings new items is judged too low, never too high.
"""

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray

from quikapp_ml.experiments.effects import Effect
from quikapp_ml.experiments.off_policy import Log, OffPolicy, ips
from quikapp_ml.experiments.rollout import Evidence

CLIP = 10.0
LEAST_CLICKS = 20
CONFIDENT = 1.96


@dataclass(frozen=True)
class Shown:
    """Items that were shown, a row each: the decision, the rank then and the challenger's (0: not shown), clicks."""

    decision: NDArray[np.int64]
    rank: NDArray[np.int64]
    challenger_rank: NDArray[np.int64]
    clicked: NDArray[np.bool_]

    @property
    def log(self) -> Log:
        """As the estimators read it."""
        looked = 1.0 / self.rank
        would_look = np.where(self.challenger_rank > 0, 1.0 / np.maximum(self.challenger_rank, 1), 0.0)
        return Log(self.clicked.astype(float), looked, would_look, CLIP)


@dataclass(frozen=True)
class Estimates:
    """Clicks a shown item: as they were, of the challenger by IPS, and what it changes in a decision.

    The ranks of then were not drawn, the looks were. So weights need not be 1 on average, which SNIPS rests on, and a
    doubly robust estimate is the same as IPS: what a model of rewards adds at one place it takes away at the other.
    """

    before: float
    ips: OffPolicy
    change: Effect
    """Clicks of a decision, by IPS, decision by decision, so that what both have in common is no noise."""
    clicks_before: float
    """Of a decision."""


def estimated(shown: Shown) -> Estimates:
    """All of it."""
    log = shown.log
    weights, _ = log.weights()
    _, codes = np.unique(shown.decision, return_inverse=True)
    changes = np.bincount(codes, (weights - 1) * shown.clicked)
    error = float(changes.std(ddof=1)) / sqrt(changes.size) if changes.size > 1 else inf
    clicks = float(shown.clicked.sum()) / changes.size
    change = Effect(float(changes.mean()), error, changes.size)
    return Estimates(float(shown.clicked.mean()), ips(log), change, clicks)


def gate_evidence(shown: Shown | None, least_effective: int, at_most: float) -> Evidence:
    """Whether it may be asked in the shadow."""
    if shown is None or shown.rank.size < 2 or not shown.clicked.any():
        return Evidence(unclear="there are no decisions with clicks to judge it by yet")
    found = estimated(shown)
    size, clicks = found.ips.effective_sample_size, int(shown.clicked.sum())
    change, low, high = (
        (found.change.estimate + sign * CONFIDENT * found.change.standard_error) / found.clicks_before
        for sign in (0, -1, 1)
    )
    numbers = {
        "before": found.before, "ips": found.ips.value.estimate, "change": change,
        "low": low, "high": high, "effective_sample_size": size, "clipped_share": found.ips.clipped_share,
        "clicks": clicks,
    }  # fmt: skip
    told = (
        f"by {clicks:,} clicks of the past its order changes clicks by {change:+.0%} ({low:+.0%} to {high:+.0%}; "
        f"effective sample size {size:,.0f})"
    )
    if size < least_effective or clicks < LEAST_CLICKS:
        unclear = (
            f"the past says little yet: {clicks:,} clicks, effective sample size {size:,.0f} of {least_effective:,}"
        )
        return Evidence(unclear=unclear, numbers=numbers)
    if high < -at_most:
        return Evidence(f"{told}: surely by more than {-at_most:.0%}", numbers=numbers)
    return Evidence(told=told, numbers=numbers)
