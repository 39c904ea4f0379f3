"""Who is linked to whom, how strongly and since when: rows of numbers that fade, kept sparse."""

from collections.abc import Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

NEVER = -1e12
MOST_HALVINGS = 500


class _Row:
    """Values by number, in arrays that grow, so that a whole row is copied out at once."""

    __slots__ = ("keys", "places", "values")

    def __init__(self) -> None:
        self.places: dict[int, int] = {}
        self.keys = np.zeros(4, dtype=np.int64)
        self.values = np.zeros(4)

    def place(self, key: int) -> int:
        found = self.places.get(key)
        if found is None:
            found = self.places[key] = len(self.places)
            if found == len(self.keys):
                self.keys, self.values = np.resize(self.keys, 2 * found), np.resize(self.values, 2 * found)
            self.keys[found], self.values[found] = key, 0.0
        return found

    def into(self, found: Array) -> None:
        found[self.keys[: len(self.places)]] = self.values[: len(self.places)]


class FadingLinks:
    """Weights from numbers to numbers that halve in `half_life` seconds."""

    def __init__(self, half_life: float) -> None:
        self._half_life = half_life
        self._rows: dict[int, _Row] = {}
        self._began: float | None = None

    def add(self, one: int, other: int, weight: float, at: float) -> None:
        """Strengthen a link."""
        if self._began is None:
            self._began = at
        if at - self._began > MOST_HALVINGS * self._half_life:
            self._begin_anew(at)
        row = self._rows.setdefault(one, _Row())
        place = row.place(other)
        row.values[place] += weight * 2.0 ** ((at - self._began) / self._half_life)

    def _begin_anew(self, at: float) -> None:
        """Weights are kept as of the beginning, which must not lie so far back that they outgrow a number."""
        halvings = int((at - (self._began or 0.0)) / self._half_life)
        self._began = (self._began or 0.0) + halvings * self._half_life
        for row in self._rows.values():
            row.values *= 2.0**-halvings

    def row(self, one: int, at: float, size: int) -> Array:
        """(size + 1,): the links of one as they are now; the last entry, for nobody, is 0."""
        found = np.zeros(size + 1)
        if one in self._rows and self._began is not None:
            self._rows[one].into(found)
            found *= 2.0 ** (-(at - self._began) / self._half_life)
        return found

    def all_links(self, at: float) -> Iterator[tuple[int, Array, Array]]:
        """One, the others, and the weights as they are now."""
        for one, row in self._rows.items():
            n, began = len(row.places), self._began or 0.0
            yield one, row.keys[:n], row.values[:n] * 2.0 ** (-(at - began) / self._half_life)


class LastTimes:
    """When numbers last met numbers."""

    def __init__(self) -> None:
        self._rows: dict[int, _Row] = {}

    def note(self, one: int, other: int, at: float) -> None:
        """They meet now."""
        row = self._rows.setdefault(one, _Row())
        place = row.place(other)
        row.values[place] = at

    def row(self, one: int, size: int) -> Array:
        """(size + 1,): unix seconds, long ago where they never met."""
        found = np.full(size + 1, NEVER)
        if one in self._rows:
            self._rows[one].into(found)
        return found
