"""How well a classifier does, and how sure one can be of that number."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

N_RESAMPLES = 500


def average_precision(targets: Integers, scores: Floats) -> float:
    """Area under the curve of precision over recall; equal scores are taken together. Without positives it is 0."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(targets[order])
    last_of_tie = np.append(np.diff(scores[order]) != 0, True)
    found, taken = hits[last_of_tie], np.flatnonzero(last_of_tie) + 1
    if not len(found) or found[-1] == 0:
        return 0.0
    return float((np.diff(found, prepend=0) * (found / taken)).sum() / found[-1])


def macro_recall(targets: Integers, guesses: Integers) -> float:
    """Recall averaged over the classes that occur."""
    return float(np.mean([(guesses[targets == label] == label).mean() for label in np.unique(targets)]))


def macro_f1(targets: Integers, guesses: Integers) -> float:
    """F1 averaged over the classes that occur."""
    scores = []
    for label in np.unique(targets):
        hits = float(((guesses == label) & (targets == label)).sum())
        scores.append(2 * hits / float((guesses == label).sum() + (targets == label).sum()))
    return float(np.mean(scores))


def interval(measure: Callable[[Integers], float], n_examples: int, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of `measure`, which is given the positions of the examples drawn."""
    rng = np.random.default_rng(seed)
    values = [measure(rng.integers(0, n_examples, n_examples)) for _ in range(N_RESAMPLES)]
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def with_interval(
    name: str, measure: Callable[..., float], targets: Integers, answers: Floats | Integers
) -> dict[str, float]:
    """The measure, and its interval as `<name>_low` and `<name>_high`."""
    low, high = interval(lambda drawn: measure(targets[drawn], answers[drawn]), len(targets))
    return {name: measure(targets, answers), f"{name}_low": low, f"{name}_high": high}


def difference_with_interval(
    name: str, measure: Callable[..., float], targets: Integers, now: Floats | Integers, before: Floats | Integers
) -> dict[str, float]:
    """By how much the answers of now are better than those before, on the same draws of the same examples."""

    def gain(drawn: Integers | slice) -> float:
        return measure(targets[drawn], now[drawn]) - measure(targets[drawn], before[drawn])

    low, high = interval(gain, len(targets))
    return {name: gain(slice(None)), f"{name}_low": low, f"{name}_high": high}
