"""A challenger that is asked beside the champion and not shown: how often it fails, agrees, and how long it takes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from quikapp_ml.experiments.rollout import LEAST_FALLBACKS, Evidence

MOST_COMPARED = 200
"""Pairs of items grow with the square of a list."""


@dataclass(frozen=True)
class ShadowLimits:
    """What a challenger in the shadow has to keep to."""

    least_answers: int
    at_most_errors: float
    at_most_slower: float
    least_agreement: float


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over the questions that both were asked; `dropped` ones were not asked, for want of time."""

    asked: int = 0
    errors: int = 0
    agreement: float = 0.0
    champion_ms: float = 0.0
    challenger_ms: float = 0.0
    dropped: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        """Both together."""
        return Tally(*(one + two for one, two in zip(asdict(self).values(), asdict(other).values(), strict=True)))

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Tally":
        """As it was kept by `asdict`."""
        return cls(**kept)


def order_agreement(first: ArrayLike, second: ArrayLike) -> float:
    """The share of pairs that two lists of scores put in the same order: Kendall's tau, from 0 to 1."""
    one, two = np.asarray(first, dtype=float)[:MOST_COMPARED], np.asarray(second, dtype=float)[:MOST_COMPARED]
    if one.size < 2:
        return 1.0
    upper = np.triu_indices(one.size, 1)
    signs = np.sign(one[:, None] - one)[upper], np.sign(two[:, None] - two)[upper]
    return float((signs[0] == signs[1]).mean())


def same_agreement(first: Sequence[object], second: Sequence[object]) -> float:
    """The share of places at which both say the same."""
    return sum(one == two for one, two in zip(first, second, strict=True)) / len(first) if first else 1.0


def shadow_evidence(tally: Tally, limits: ShadowLimits) -> Evidence:
    """What a tally says of going on."""
    numbers = asdict(tally)
    answered = tally.asked - tally.errors
    if tally.errors >= max(LEAST_FALLBACKS, limits.at_most_errors * tally.asked):
        return Evidence(f"in the shadow it failed at {tally.errors:,} of {tally.asked:,} questions", numbers=numbers)
    if tally.asked < limits.least_answers:
        return Evidence(unclear=f"{tally.asked:,} of {limits.least_answers:,} questions compared", numbers=numbers)
    slower = tally.challenger_ms / tally.champion_ms if tally.champion_ms else 1.0
    if slower > limits.at_most_slower:
        harm = f"in the shadow it takes {slower:.1f} times as long, {limits.at_most_slower:g} is allowed"
        return Evidence(harm, numbers=numbers)
    agreement = tally.agreement / answered if answered else 1.0
    if agreement < limits.least_agreement:
        harm = f"in the shadow it agrees by {agreement:.0%}, {limits.least_agreement:.0%} was asked for"
        return Evidence(harm, numbers=numbers)
    told = f"{tally.asked:,} questions compared: agreement {agreement:.0%}, {slower:.1f} times as long, no trouble"
    return Evidence(told=told, numbers=numbers)
