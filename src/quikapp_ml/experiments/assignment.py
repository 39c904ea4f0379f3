"""Who gets which variant, by hash alone: no state, so every process, and every language, says the same.

The position of a unit under a salt is a number in [0, 1):

    digest   = SHA-256 of the UTF-8 bytes of salt + ":" + unit
    position = (the first 8 bytes of digest, big-endian, shifted right by 11 bits) / 2^53

53 bits are what a double holds exactly, so JavaScript and Java compute the same number. A salt has no ":", so no two
pairs of salt and unit give the same bytes. SHA-256 is in the standard library of every language and passes for random
even where units are 1, 2, 3, …, which faster hashes have to be trusted for.

Variants stand in their order, and their weights are added up from left to right as doubles; a unit has the first
variant whose sum is above its position, or the last. So with control first, raising the last variant's weight moves
units into it and none out of it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from itertools import accumulate, pairwise

from quikapp_ml.experiments.checks import refused

WEIGHTS_TOLERANCE = 1e-9
_STEP = 2.0**-53


class Why(StrEnum):
    """Why a unit has its variant, or none."""

    HASH = "hash"
    BANDIT = "bandit"
    """By hash too, but in shares that follow what was learnt."""
    KEPT = "kept"
    """By the hash and the weights of an earlier time, which it keeps."""
    OVERRIDE = "override"
    HOLDOUT = "holdout"
    OUTSIDE_SLICE = "outside_slice"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to answer, and the share of units that get it."""

    name: str
    weight: float


@dataclass(frozen=True, slots=True)
class Slice:
    """Positions of a layer, start included and end not, that one experiment has for itself."""

    layer: str
    start: float = 0.0
    end: float = 1.0

    def __post_init__(self) -> None:
        _checked_salt("layer", self.layer)
        if not 0.0 <= self.start < self.end <= 1.0:
            raise refused("slice", "out_of_range", f"{self.start} to {self.end}", "0 ≤ start < end ≤ 1")


@dataclass(frozen=True, slots=True)
class Holdout:
    """A share of all units that no experiment touches."""

    salt: str
    share: float

    def __post_init__(self) -> None:
        _checked_salt("holdout", self.salt)
        if not 0.0 <= self.share < 1.0:
            raise refused("holdout.share", "out_of_range", self.share, "a share of at least 0 and below 1")


@dataclass(frozen=True, slots=True)
class Assignment:
    """The variant of a unit. Only those by hash are compared; the others have no variant, or one that was chosen."""

    variant: str | None
    why: Why
    propensity: float

    @property
    def counts(self) -> bool:
        """Whether the unit belongs in the statistics."""
        return self.why is Why.HASH


@dataclass(frozen=True)
class Split:
    """How one experiment divides its units."""

    salt: str
    variants: Sequence[Variant]
    slice: Slice | None = None
    holdout: Holdout | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _checked_salt("salt", self.salt)
        _check_variants(self.variants)
        names = {variant.name for variant in self.variants}
        for unit, name in self.overrides.items():
            if name not in names:
                raise refused(f"overrides.{unit}", "unknown_variant", name, f"one of {sorted(names)}")
        answers = [Assignment(variant.name, Why.HASH, variant.weight) for variant in self.variants]
        object.__setattr__(self, "_answers", answers)
        object.__setattr__(self, "_bounds", list(accumulate(variant.weight for variant in self.variants)))

    _answers: Sequence[Assignment] = field(init=False, repr=False, compare=False)
    _bounds: Sequence[float] = field(init=False, repr=False, compare=False)

    def assign(self, unit: str) -> Assignment:
        """The variant of a unit; overrides of testers come first, then the holdout, then the layer."""
        if self.overrides and unit in self.overrides:
            return Assignment(self.overrides[unit], Why.OVERRIDE, 1.0)
        if self.holdout is not None and position(self.holdout.salt, unit) < self.holdout.share:
            return Assignment(None, Why.HOLDOUT, 0.0)
        if self.slice is not None and not self.slice.start <= position(self.slice.layer, unit) < self.slice.end:
            return Assignment(None, Why.OUTSIDE_SLICE, 0.0)
        place = position(self.salt, unit)
        for answer, bound in zip(self._answers, self._bounds, strict=True):
            if place < bound:
                return answer
        return self._answers[-1]


def position(salt: str, unit: str) -> float:
    """Where a unit stands in [0, 1) under a salt, as the head of this module specifies."""
    if not unit:
        raise refused("unit", "missing", "empty", "the id of the user, channel or workspace that is assigned")
    try:
        data = f"{salt}:{unit}".encode()
    except UnicodeEncodeError:
        raise refused("unit", "not_text", repr(unit), "text without lone surrogates") from None
    return (int.from_bytes(sha256(data).digest()[:8], "big") >> 11) * _STEP


def refuse_overlaps(slices: Mapping[str, Slice]) -> None:
    """Refuse two experiments that want the same positions of one layer."""
    ordered = sorted(slices.items(), key=lambda one: (one[1].layer, one[1].start))
    for (name, first), (other, second) in pairwise(ordered):
        if first.layer == second.layer and second.start < first.end:
            given = f"{second.start} to {second.end}, of which {name} has {first.start} to {first.end}"
            allowed = f"positions of layer {first.layer} that are free, another layer, or stop {name} first"
            raise refused(f"{other}.slice", "overlap", given, allowed)


def _checked_salt(path: str, salt: str) -> None:
    if not salt or ":" in salt:
        raise refused(path, "bad_salt", repr(salt), "a text of at least one character, without ':'")


def _check_variants(variants: Sequence[Variant]) -> None:
    names = [variant.name for variant in variants]
    if len(names) < 2 or len(set(names)) < len(names):
        raise refused("variants", "bad_names", names, "at least two variants, each of a name of its own")
    weights = [variant.weight for variant in variants]
    if not all(math.isfinite(weight) and weight >= 0 for weight in weights):
        raise refused("variants", "bad_weights", weights, "weights of at least 0")
    if abs(math.fsum(weights) - 1.0) > WEIGHTS_TOLERANCE:
        raise refused(
            "variants", "weights_sum", f"of weights that sum to {math.fsum(weights)}", "weights that sum to 1"
        )
