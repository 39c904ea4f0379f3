"""By how much a candidate is better than the version before, question by question: in all, and in parts of them."""

from collections.abc import Mapping
from typing import TypeVar

from quikapp_ml.features.frame import Floats
from quikapp_ml.training.choices import Flags, Integers, mean_with_interval
from quikapp_ml.training.recipe import DIFFERENCE

K = TypeVar("K", bound=str)

MIN_IN_SLICE = 30
"""Fewer examples say too little about a slice to keep a version back."""


def gain_by_slice(
    gains: Mapping[K, Floats], askers: Mapping[K, Integers], slices: Mapping[str, Mapping[K, Flags]]
) -> dict[str, float]:
    """`difference` and `difference_in_<slice>`, each with the 95 % interval as `_low` and `_high`.

    `gains` are by kind what each question is answered better now than before. The interval is bootstrapped over people:
    the questions of one person are alike. A slice of fewer than MIN_IN_SLICE questions is left out.
    """
    found = _named(DIFFERENCE, gains, askers)
    for name, flags in slices.items():
        part = {kind: gains[kind][flags[kind]] for kind in gains}
        if sum(len(each) for each in part.values()) >= MIN_IN_SLICE:
            found |= _named(f"{DIFFERENCE}_in_{name}", part, {kind: askers[kind][flags[kind]] for kind in gains})
    return found


def _named(name: str, gains: Mapping[K, Floats], askers: Mapping[K, Integers]) -> dict[str, float]:
    mean, low, high = mean_with_interval(gains, askers)
    return {name: mean, f"{name}_low": low, f"{name}_high": high}
