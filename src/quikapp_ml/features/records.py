"""How the numbers that a view's features are counted with lie in one record of floats, and how they are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quikapp_ml.entities.activities import ActivityKind
from quikapp_ml.errors import InvalidInput
from quikapp_ml.features.aggregates import (
    NOW,
    Aggregate,
    Count,
    Decayed,
    Distinct,
    Field,
    LastTime,
    Mean,
    Rate,
    needs_other,
)
from quikapp_ml.features.base import FeatureView
from quikapp_ml.features.day_windows import CountedDays, DayWindow, DistinctOfDays

Floats = np.ndarray[Any, np.dtype[np.float64]]

NEVER = float("-inf")

_BLANKS = {Decayed: (0.0, 0.0), Mean: (0.0, 0.0), Rate: (0.0, 0.0), LastTime: (NEVER,)}
"""Slots of an aggregate: value and the time it was true at; sum and number; numerator and denominator; a time."""


@dataclass(frozen=True)
class Steps:
    """What an activity of one kind does to a record."""

    counts: tuple[int, ...]
    """Slots that go up by 1."""
    towards: tuple[int, ...]
    """Slots that go up by 1 when somebody else is meant."""
    decays: tuple[tuple[int, float], ...]
    """Slots and half-lives in seconds."""
    lasts: tuple[int, ...]
    """Slots that keep the newest time."""
    means: tuple[tuple[int, float], ...]
    """Slots and the largest value that counts."""
    windows: tuple[str, ...]
    """Features whose days are counted."""

    @property
    def do_nothing(self) -> bool:
        """Whether there is none."""
        return not (self.counts or self.towards or self.decays or self.lasts or self.means or self.windows)


class Layout:
    """Where the numbers of a view's features are in a record; the newest time of all comes last in a bounded view."""

    def __init__(self, view: FeatureView) -> None:
        self._view = view
        self._starts: dict[str, int] = {}
        blank: list[float] = []
        for name, one in view.aggregates.items():
            self._starts[name] = len(blank)
            blank.extend(() if is_windowed(one) else _BLANKS.get(type(one), (0.0,)))
        if view.keep_newest is not None or not blank:
            blank.append(NEVER)
        self.blank = blank

    def steps(self, kind: ActivityKind, *, late: bool = False) -> Steps:
        """What an activity does; with `late`, only what had to wait until the other person was known."""
        counted = {
            name: one
            for name, one in self._view.aggregates.items()
            if kind in one.kinds and (needs_other(one) or not late)
        }
        at = self._starts
        lasts = [at[name] for name, one in counted.items() if isinstance(one, LastTime)]
        if self._view.keep_newest is not None and not late:
            lasts.append(len(self.blank) - 1)
        return Steps(
            counts=tuple(slot for name, one in counted.items() for slot in _counting(one, kind, at[name])),
            towards=tuple(at[name] for name, one in counted.items() if _is_towards(one) and not is_windowed(one)),
            decays=tuple(
                (at[name], one.half_life_seconds) for name, one in counted.items() if isinstance(one, Decayed)
            ),
            lasts=tuple(lasts),
            means=tuple((at[name], one.at_most) for name, one in counted.items() if isinstance(one, Mean)),
            windows=tuple(name for name, one in counted.items() if is_windowed(one)),
        )

    def windows(self) -> dict[str, DayWindow]:
        """The features of windows, with nothing counted yet."""
        made = {name: _window(one) for name, one in self._view.aggregates.items()}
        return {name: window for name, window in made.items() if window is not None}

    def members(self) -> dict[str, Field]:
        """The field of an activity that a feature of windows counts, where it does; without one, it does not count."""
        of_each: dict[str, Field] = {}
        for name, one in self._view.aggregates.items():
            if isinstance(one, Distinct):
                of_each[name] = one.of
            elif _is_towards(one):
                of_each[name] = "other_user_id"
        return of_each

    def reading(self, names: tuple[str, ...] | None) -> "Reading":
        """How columns of these features, or of all, are made of records."""
        if names is None:
            return Reading(self._view, self._starts, tuple(self._view.features))
        unknown = [name for name in names if name not in self._view.features]
        if unknown:
            known = ", ".join(self._view.features)
            raise InvalidInput(f"{self._view.name} has no feature {', '.join(unknown)}; it has {known}")
        return Reading(self._view, self._starts, names)


class Reading:
    """Columns of some features of a view, made of many records at once."""

    def __init__(self, view: FeatureView, starts: dict[str, int], names: tuple[str, ...]) -> None:
        derived = view.derived
        used = [one for name in names if name in derived for one in derived[name].expression.names if one != NOW]
        self.columns = tuple(dict.fromkeys((*(name for name in names if name not in derived), *used)))
        """Counted features that are needed."""
        of_each = [view.aggregates[name] for name in self.columns]
        found = [0 if is_windowed(one) else starts[name] for name, one in zip(self.columns, of_each, strict=True)]
        slots = self._slots = np.array(found, dtype=int)
        self._decayed = _places(of_each, Decayed)
        self._half_lives = np.array([one.half_life_seconds for one in of_each if isinstance(one, Decayed)])
        self._true_at = slots[self._decayed] + 1
        ratios = [one for one in of_each if isinstance(one, Mean | Rate)]
        self._ratios = _places(of_each, Mean, Rate)
        self._below = slots[self._ratios] + 1
        self._added_above = np.array([one.prior_count if isinstance(one, Rate) else 0.0 for one in ratios])
        self._added_below = np.array([one.strength if isinstance(one, Rate) else 0.0 for one in ratios])
        self._last = _places(of_each, LastTime)
        self.windows = [(place, self.columns[place]) for place in np.flatnonzero([is_windowed(one) for one in of_each])]
        self._derived = {name: derived[name].expression for name in names if name in derived}
        self._names = names

    def counted(self, records: Floats, now: float) -> Floats:
        """(n, n_columns): the counted features but those of windows."""
        values = records[:, self._slots]
        if self._decayed.size:
            age = np.maximum(now - records[:, self._true_at], 0.0)
            values[:, self._decayed] *= np.exp2(-age / self._half_lives)
        if self._ratios.size:
            above = values[:, self._ratios] + self._added_above
            below = records[:, self._below] + self._added_below
            values[:, self._ratios] = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
        if self._last.size:
            last = values[:, self._last]
            last[last == NEVER] = np.nan
            values[:, self._last] = last
        return values

    def strengths(self, records: Floats) -> Floats:
        """(n, n_names): log2 of the decayed counts as if they had grown back to 1970. Raises InvalidInput on others."""
        if len(self._decayed) < len(self._names):
            raise InvalidInput(
                f"only decayed counts have a strength; {', '.join(self._names)} are not all of that kind"
            )
        with np.errstate(divide="ignore"):
            return np.asarray(np.log2(records[:, self._slots]) + records[:, self._true_at] / self._half_lives)

    def all(self, counted: Floats, now: float) -> Floats:
        """(n, n_names): the features asked for, derived ones too."""
        if self.columns == self._names:
            return counted
        columns = {name: counted[:, place] for place, name in enumerate(self.columns)}
        columns[NOW] = np.full(1, now)
        n = len(counted)
        made = {name: np.broadcast_to(one.columns(columns), (n,)) for name, one in self._derived.items()}
        return np.column_stack([made[name] if name in made else columns[name] for name in self._names])


def _is_towards(aggregate: Aggregate) -> bool:
    return isinstance(aggregate, Count) and aggregate.towards_others


def is_windowed(aggregate: Aggregate) -> bool:
    """Whether it counts in a window of days, outside the record."""
    return _window(aggregate) is not None


def _window(aggregate: Aggregate) -> DayWindow | None:
    match aggregate:
        case Distinct(days=days):
            return DistinctOfDays(days)
        case Count(days=int() as days):
            return CountedDays(days)
        case _:
            return None


def _counting(aggregate: Aggregate, kind: ActivityKind, start: int) -> list[int]:
    match aggregate:
        case Count(days=None, towards_others=False):
            return [start]
        case Rate(numerator=numerator, denominator=denominator):
            return [slot for slot, kinds in ((start, numerator), (start + 1, denominator)) if kind in kinds]
        case _:
            return []


def _places(aggregates: Sequence[Aggregate], *types: type) -> np.ndarray[Any, np.dtype[np.intp]]:
    return np.flatnonzero([isinstance(one, types) for one in aggregates])
