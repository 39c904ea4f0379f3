"""Counts of the last days, kept as one number a day or a member: exact, bounded, the same in any order of arrival."""

from collections.abc import Iterable


class CountedDays:
    """How often something happened on each of the last `days` days."""

    __slots__ = ("_counts", "_days", "_newest")

    def __init__(self, days: int) -> None:
        self._days = days
        self._newest = 0
        self._counts: dict[int, int] = {}

    def add(self, day: int, member: str) -> Iterable[str]:  # noqa: ARG002 as DistinctOfDays
        """Count one on a day (since 1970), and say which cells changed."""
        if day < self._newest - self._days:
            return ()
        self._counts[day] = self._counts.get(day, 0) + 1
        if day <= self._newest:
            return (str(day),)
        self._newest = day
        before = day - self._days  # one day more than the window: a clock may be ahead
        gone = [one for one in self._counts if one < before]
        for one in gone:
            del self._counts[one]
        return (str(day), *map(str, gone))

    def cell(self, name: str) -> int | None:
        """How often on the day of that name."""
        return self._counts.get(int(name))

    def cells(self) -> list[str]:
        """Names of all cells."""
        return [str(day) for day in self._counts]

    def load(self, name: str, count: int) -> None:
        """Take a cell in."""
        self._counts[int(name)] = count
        self._newest = max(self._newest, int(name))

    def total(self, today: int) -> int:
        """How often, in the window that ends today."""
        after = today - self._days
        return sum([count for day, count in self._counts.items() if day > after])


class DistinctOfDays:
    """Which members were seen in the last `days` days."""

    __slots__ = ("_days", "_newest", "_per_day", "_seen")

    def __init__(self, days: int) -> None:
        self._days = days
        self._newest = 0
        self._per_day: dict[int, int] = {}  # how many were seen last on a day: what the total is made of
        self._seen: dict[str, int] = {}  # member → the day it was seen last

    def add(self, day: int, member: str) -> Iterable[str]:
        """Note a member on a day (since 1970), and say which cells changed."""
        if day <= max(self._seen.get(member, 0), self._newest - self._days - 1):
            return ()
        self.load(member, day)
        return (member, *self._forget_old())

    def cell(self, name: str) -> int | None:
        """The day on which the member of that name was seen last."""
        return self._seen.get(name)

    def cells(self) -> list[str]:
        """Names of all cells."""
        return list(self._seen)

    def load(self, member: str, day: int) -> None:
        """Take a cell in."""
        before = self._seen.get(member)
        if before is not None:
            self._per_day[before] -= 1
        self._seen[member] = day
        self._per_day[day] = self._per_day.get(day, 0) + 1

    def _forget_old(self) -> list[str]:
        newest = max(self._per_day)
        if newest <= self._newest:
            return []
        self._newest = newest
        before = newest - self._days  # one day more than the window: a clock may be ahead
        gone = [member for member, day in self._seen.items() if day < before]
        for member in gone:
            del self._seen[member]
        self._per_day = {day: n for day, n in self._per_day.items() if day >= before and n}
        return gone

    def total(self, today: int) -> int:
        """How many, in the window that ends today."""
        after = today - self._days
        return sum([n for day, n in self._per_day.items() if day > after])


DayWindow = CountedDays | DistinctOfDays
