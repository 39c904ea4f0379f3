"""Who is where, and what they wrote there: ragged columns, so that the places of hundreds of people are one look-up."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
Rows = np.ndarray[Any, np.dtype[np.int64]]

_ROOM = 1_024
_NOT_SEATED = -1


@dataclass(frozen=True, slots=True)
class Lines:
    """A line for each channel of some people: whose it is (their place among those asked for) and the channel's row."""

    person: Rows
    rows: Rows
    at: Rows
    """Where the line is in the columns of `Seats`."""


class Seats:
    """Made for each person when they are first asked for; `forget` has it made again.

    `places` gives the rows of a person's channels, sorted; `writings` what people wrote in each of theirs (n_lines, 2):
    how much (log2), and when last (or -infinity).
    """

    def __init__(
        self, places: Callable[[str], Rows], writings: Callable[[Sequence[str], Sequence[Rows]], Floats]
    ) -> None:
        self._places = places
        self._make_writings = writings
        self._ids: list[str] = []
        self._number: dict[str, int] = {}
        self._starts = np.zeros(_ROOM, dtype=np.int64)
        self._lengths = np.full(_ROOM, _NOT_SEATED, dtype=np.int64)
        self._is_told = np.zeros(_ROOM, dtype=bool)
        self._rows = np.zeros(_ROOM, dtype=np.int64)
        self._writings = np.zeros((_ROOM, 2))
        self._used = self._wasted = 0

    def forget(self, user_id: str) -> None:
        """Their channels may have changed."""
        number = self._number.get(user_id)
        if number is not None and self._lengths[number] != _NOT_SEATED:
            self._wasted += int(self._lengths[number])
            self._lengths[number] = _NOT_SEATED

    def forget_writings(self, user_id: str) -> None:
        """They may have written something."""
        number = self._number.get(user_id)
        if number is not None:
            self._is_told[number] = False

    def rows_of(self, user_id: str) -> Rows:
        """Rows of the channels of one person, sorted."""
        number = self.numbers((user_id,))[0]
        start = self._starts[number]
        found: Rows = self._rows[start : start + self._lengths[number]]
        return found

    def numbers(self, user_ids: Iterable[str]) -> Rows:
        """What people are called by here, for as long as they are not forgotten."""
        known = self._number
        try:
            numbers = np.array([known[user_id] for user_id in user_ids], dtype=np.int64)
        except KeyError:
            numbers = np.array([self._number_of(user_id) for user_id in user_ids], dtype=np.int64)
        self._seat(numbers)
        return numbers

    def lines(self, numbers: Rows) -> Lines:
        """The lines of people, in the order given."""
        lengths = self._lengths[numbers]
        ends = np.cumsum(lengths)
        person = np.repeat(np.arange(len(numbers)), lengths)
        at = np.arange(len(person)) + (self._starts[numbers] - ends + lengths)[person]
        return Lines(person, self._rows[at], at)

    def writings(self, numbers: Rows, lines: Lines) -> Floats:
        """(n_lines, 2): what was written, of the lines of these people."""
        untold = np.unique(numbers[~self._is_told[numbers]])
        if untold.size:
            of_them = self.lines(untold)
            each = np.split(of_them.rows, np.cumsum(self._lengths[untold])[:-1])
            self._writings[of_them.at] = self._make_writings([self._ids[one] for one in untold.tolist()], each)
            self._is_told[untold] = True
        found: Floats = self._writings[lines.at]
        return found

    def _number_of(self, user_id: str) -> int:
        number = self._number.get(user_id)
        if number is None:
            number = self._number[user_id] = len(self._ids)
            self._ids.append(user_id)
            if number == len(self._starts):
                self._starts, self._lengths, self._is_told = map(_doubled, (self._starts, self._lengths, self._is_told))
                self._lengths[number:] = _NOT_SEATED
        return number

    def _seat(self, numbers: Rows) -> None:
        for number in numbers[self._lengths[numbers] == _NOT_SEATED].tolist():
            if self._lengths[number] == _NOT_SEATED:  # somebody may be asked for twice
                self._put(number, self._places(self._ids[number]))

    def _put(self, number: int, rows: Rows) -> None:
        if self._wasted > max(self._used // 2, _ROOM):
            self._close_up()
        end = self._used + len(rows)
        while end > len(self._rows):
            self._rows, self._writings = _doubled(self._rows), _doubled(self._writings)
        self._rows[self._used : end] = rows
        self._starts[number], self._lengths[number], self._is_told[number] = self._used, len(rows), False
        self._used = end

    def _close_up(self) -> None:
        """Leave out the lines of those who were forgotten. What was handed out stays what it was."""
        seated = np.flatnonzero(self._lengths > 0)
        lines = self.lines(seated)
        self._rows = np.concatenate((lines.rows, np.zeros(_ROOM, dtype=np.int64)))
        self._writings = np.concatenate((self._writings[lines.at], np.zeros((_ROOM, 2))))
        self._starts[seated] = np.cumsum(self._lengths[seated]) - self._lengths[seated]
        self._used, self._wasted = len(lines.rows), 0


def _doubled(column: Any) -> Any:
    return np.concatenate((column, np.zeros_like(column)))
