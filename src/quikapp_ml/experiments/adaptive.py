"""Units divided by what was learnt, beside an even part that stays as it was drawn up.

All of it follows from hashes and the shares that are given, which are recorded whenever they change: so who got which
variant, and how likely that was, can be found again at any time. A unit keeps its place, so it changes its variant
only where the shares move past it.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import fsum

from quikapp_ml.experiments.assignment import WEIGHTS_TOLERANCE, Assignment, Split, Why, position
from quikapp_ml.experiments.checks import inside, refused


def choose(probabilities: Sequence[float], place: float) -> int:
    """The arm at a place in [0, 1): a random number, or the position of a unit, which then keeps its arm."""
    if not 0.0 <= place < 1.0:
        raise refused("place", "out_of_range", place, "a number of at least 0 and below 1")
    return _at(list(accumulate(probabilities)), place)


def _at(bounds: Sequence[float], place: float) -> int:
    return min(bisect_right(bounds, place), len(bounds) - 1)


@dataclass(frozen=True)
class AdaptiveSplit:
    """How a bandit divides its units: an even part by weights, and all others by their learnt `shares`.

    A recorded propensity is that within the part; `why` tells which part it is.
    """

    even: Split
    even_share: float
    shares: Mapping[str, float]

    def __post_init__(self) -> None:
        inside("even_share", self.even_share)
        names = [variant.name for variant in self.even.variants]
        if set(self.shares) != set(names):
            raise refused("shares", "wrong_variants", sorted(self.shares), f"one share of each of {names}")
        ordered = [self.shares[name] for name in names]
        if min(ordered) <= 0 or abs(fsum(ordered) - 1) > WEIGHTS_TOLERANCE:
            raise refused("shares", "weights_sum", ordered, "shares above 0 that sum to 1")
        object.__setattr__(self, "_bounds", list(accumulate(ordered)))
        object.__setattr__(self, "_part_salt", f"{self.even.salt}-part")
        answers = [Assignment(name, Why.BANDIT, self.shares[name]) for name in names]
        object.__setattr__(self, "_answers", answers)

    _part_salt: str = field(init=False, repr=False, compare=False)
    _bounds: Sequence[float] = field(init=False, repr=False, compare=False)
    _answers: Sequence[Assignment] = field(init=False, repr=False, compare=False)

    def assign(self, unit: str) -> Assignment:
        """The variant of a unit; testers, the holdout and the layer come first, as in any split."""
        given = self.even.assign(unit)
        if given.why is not Why.HASH:
            return given
        place = position(self._part_salt, unit)
        if place < self.even_share:
            return given
        return self._answers[_at(self._bounds, (place - self.even_share) / (1 - self.even_share))]
