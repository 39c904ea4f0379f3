"""Units that keep the variant that they had when weights change; the others are divided by the new weights.

Hashes forget. So who had what comes from the ledger, and only those have to be remembered whom the new weights would
move. They are marked: their shares were other ones, and they are not compared with those who came later.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from quikapp_ml.experiments.assignment import Assignment, Split, Why


@dataclass(frozen=True)
class Had:
    """The variant of a unit's first answer, and how likely it was then."""

    variant: str
    propensity: float


@dataclass(frozen=True)
class StickySplit:
    """A split by the weights of now, but for the units that it would move."""

    now: Split
    moved: Mapping[str, Had]

    @classmethod
    def of(cls, now: Split, had: Mapping[str, Had]) -> "StickySplit":
        """Keep of those who had a variant only the ones that would get another."""
        return cls(now, {unit: one for unit, one in had.items() if now.assign(unit).variant != one.variant})

    def assign(self, unit: str) -> Assignment:
        """The variant of a unit; testers, the holdout and the layer come first, as in any split."""
        given = self.now.assign(unit)
        had = self.moved.get(unit) if given.why is Why.HASH else None
        return given if had is None else Assignment(had.variant, Why.KEPT, had.propensity)
