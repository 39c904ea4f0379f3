"""By how much a candidate is better than the version before, on the same examples: in all, and in parts of them."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np

from quikapp_ml.features.frame import Floats
from quikapp_ml.training.choices import Choices, Flags, Integers, mean_with_interval
from quikapp_ml.training.measures import difference_with_interval
from quikapp_ml.training.recipe import DIFFERENCE

K = TypeVar("K", bound=str)

MIN_IN_SLICE = 30
"""Fewer examples say too little about a slice to keep a version back."""
MIN_OF_A_KIND = 10
"""Nor does a slice that hardly has a label."""
FEW_CANDIDATES = 20


def gain_of_classes(
    measure: Callable[..., float],
    targets: Integers,
    now: Floats | Integers,
    before: Floats | Integers,
    slices: Mapping[str, Flags],
) -> dict[str, float]:
    """`difference` and `difference_in_<slice>` of a measure of labels and answers, with the interval of each.

    A slice of fewer than MIN_IN_SLICE examples, or with a label fewer than MIN_OF_A_KIND times, is left out.
    """
    found = difference_with_interval(DIFFERENCE, measure, targets, now, before)
    labels = np.unique(targets)
    for name, part in slices.items():
        counts = [int((targets[part] == label).sum()) for label in labels]
        if sum(counts) >= MIN_IN_SLICE and min(counts) >= MIN_OF_A_KIND:
            found |= difference_with_interval(
                f"{DIFFERENCE}_in_{name}", measure, targets[part], now[part], before[part]
            )
    return found


def has_few_candidates(choices: Choices) -> Flags:
    """(n_questions,): whether at most FEW_CANDIDATES items were to choose among."""
    sizes = np.bincount(choices.question, minlength=choices.n_questions)
    return np.asarray(sizes <= FEW_CANDIDATES, dtype=bool)


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
