"""What a view's values are put together from, so that a night adds to what was counted instead of counting all again.

Of what is counted for good, sums are kept as they were at a moment: later activities are added, and what fades is made
to fade on. Windows of days are counted anew each time, from the activities of those days.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from quikapp_ml.entities.activities import ActivityKind
from quikapp_ml.features.aggregates import Aggregate, Count, Decayed, Distinct, LastTime, Mean, Rate, among, in_window
from quikapp_ml.features.base import FeatureView, micros_of

_DAY = timedelta(days=1)
_FADED = 1e-300
"""A share that is smaller counts as nothing."""


@dataclass(frozen=True)
class Part:
    """A column that is kept: how it is counted from activities, and how two counts of it become one."""

    name: str
    counted: str
    half_life_seconds: float | None = None
    is_last: bool = False

    def merged(self, seconds: float) -> str:
        """SQL: the part `b`, counted so many seconds ago, with what has been counted since, `d`."""
        before, since = f"b.{self.name}", f"d.{self.name}"
        if self.is_last:
            return f"CASE WHEN {before} IS NULL OR {since} > {before} THEN {since} ELSE {before} END"
        if self.half_life_seconds is None:
            return f"{before} + COALESCE({since}, CAST(0 AS DOUBLE))"
        share = 2.0 ** -(seconds / self.half_life_seconds)
        kept = share if share > _FADED else 0.0
        return f"{before} * CAST({kept!r} AS DOUBLE) + COALESCE({since}, CAST(0 AS DOUBLE))"


def parts_of(name: str, one: Aggregate, micros: int) -> tuple[Part, ...]:
    """The parts of an aggregate, counted as of a moment; none of one over a window of days."""
    match one:
        case Count(days=None):
            return (Part(name, one.sql(micros)),)
        case Decayed():
            return (Part(name, one.sql(micros), half_life_seconds=one.half_life_seconds),)
        case LastTime():
            return (Part(name, one.sql(micros), is_last=True),)
        case Mean():
            value = one.value_sql
            total = f"SUM(CASE WHEN {value} IS NOT NULL THEN {value} ELSE CAST(0 AS DOUBLE) END)"
            return Part(f"{name}_sum", total), Part(f"{name}_n", f"CAST(COUNT({value}) AS DOUBLE)")
        case Rate():
            above, below = Count(one.numerator), Count(one.denominator)
            return Part(f"{name}_above", above.sql(micros)), Part(f"{name}_below", below.sql(micros))
        case _:
            return ()


def _value(name: str, one: Aggregate) -> str:
    """SQL of an aggregate's value, from its parts `m`, or from its window."""
    match one:
        case Mean():
            return f"m.{name}_sum / NULLIF(m.{name}_n, CAST(0 AS DOUBLE))"
        case Rate():
            return one.of(f"m.{name}_above", f"m.{name}_below")
        case Count(days=int()):
            return f"COALESCE(counts_window.{name}, CAST(0 AS DOUBLE))"
        case Distinct():
            return f"COALESCE({name}_window.{name}, CAST(0 AS DOUBLE))"
        case _:
            return f"m.{name}"


class ViewParts:
    """The SQL of one view's parts, and of its values from them."""

    def __init__(self, view: FeatureView) -> None:
        self._view = view
        self._key = ", ".join(view.entity_key)

    @property
    def names(self) -> list[str]:
        """The columns that are kept of each entity, besides its key."""
        return [part.name for part in self._parts(0)]

    def counted(self, activities: str, as_of: datetime) -> str:
        """One SELECT: the parts as of a moment, a row for each entity."""
        micros = micros_of(as_of)
        counted = [self._key, *(f"{part.counted} AS {part.name}" for part in self._parts(micros))]
        return (
            f"SELECT {', '.join(counted)} FROM {activities} "  # noqa: S608 ours
            f"WHERE {self._view.counts(micros)} GROUP BY {self._key}"
        )

    @property
    def gone(self) -> str:
        """One SELECT over `changes`: how many activities went that are in the parts, and were not put there again."""
        return f"SELECT COUNT(*) AS n FROM ({self._net}) AS net WHERE n < 0"  # noqa: S608 ours

    def values(self, as_of: datetime, since: datetime, *, some_are_gone: bool) -> str:
        """One SELECT: the values as of a moment, as `FeatureView.sql` tells them.

        It reads `parts`, which are of the earlier moment `since`, the `changes` that are not in them, and `activities`.
        Entities of which some activities are `gone` are counted anew.
        """
        windows = self._windows(as_of)
        came = "(SELECT *, EXPLODE(SEQUENCE(CAST(1 AS BIGINT), n)) AS one FROM net WHERE n > 0) AS came"
        pieces = [f"net AS ({self._net})", f"delta AS ({self.counted(came, as_of)})"]
        if some_are_gone:
            pieces.append(f"gone AS (SELECT DISTINCT {self._key} FROM net WHERE n < 0)")  # noqa: S608 ours
        pieces.append(f"merged AS ({self._merged(as_of, since, some_are_gone=some_are_gone)})")
        pieces += [f"{name}_window AS ({select})" for name, select in windows.items()]
        told = [f"m.{part}" for part in self._view.entity_key]
        told += [f"{_value(name, one)} AS {name}" for name, one in self._view.aggregates.items()]
        joined = "".join(f" LEFT JOIN {name}_window ON {self._same(f'{name}_window', 'm')}" for name in windows)
        of_each = (
            f"SELECT {', '.join(told)}, timestamp_micros({micros_of(as_of)}) AS as_of "  # noqa: S608 ours
            f"FROM merged AS m{joined}"
        )
        return f"WITH {', '.join(pieces)} {self._view.with_derived(of_each, as_of)}"

    @property
    def _net(self) -> str:
        """The changes by what the parts know of an activity, and how many more of each came than went.

        An answer whose author became known later went and came again: to most views nothing has changed.
        """
        used = dict.fromkeys((*self._view.entity_key, "kind", "event_time"))
        for one in self._view.aggregates.values():
            used |= {"value": None} if isinstance(one, Mean) else {}
            used |= {"other_user_id": None} if isinstance(one, Count) and one.towards_others else {}
        columns = ", ".join(used)
        return (
            f"SELECT {columns}, SUM(CASE WHEN is_gone THEN -1 ELSE 1 END) AS n FROM changes "  # noqa: S608 ours
            f"WHERE {self._view.is_whole} AND {among(self._view.kinds)} GROUP BY {columns}"
        )

    def _parts(self, micros: int) -> list[Part]:
        return [part for name, one in self._view.aggregates.items() for part in parts_of(name, one, micros)]

    def _merged(self, as_of: datetime, since: datetime, *, some_are_gone: bool) -> str:
        parts = self._parts(micros_of(as_of))
        seconds = (as_of - since).total_seconds()
        before = [f"b.{name}" for name in self._view.entity_key] + [f"{p.merged(seconds)} AS {p.name}" for p in parts]
        alone = [f"d.{name}" for name in (*self._view.entity_key, *(part.name for part in parts))]
        known, added = "parts", "delta"
        if some_are_gone:
            known, added = (
                f"(SELECT o.* FROM {one} AS o LEFT ANTI JOIN gone AS g ON {self._same('g', 'o')})"  # noqa: S608 ours
                for one in (known, added)
            )
        whole = (
            f"SELECT {', '.join(before)} FROM delta AS d "  # noqa: S608 ours
            f"RIGHT JOIN {known} AS b ON {self._same('d', 'b')} "  # engines hold the left side, the small one
            f"UNION ALL SELECT {', '.join(alone)} FROM {added} AS d LEFT ANTI JOIN parts AS b ON {self._same('b', 'd')}"
        )
        if not some_are_gone:
            return whole
        theirs = f"(SELECT a.* FROM activities AS a LEFT SEMI JOIN gone AS g ON {self._same('g', 'a')}) AS theirs"  # noqa: S608 ours
        return f"{whole} UNION ALL {self.counted(theirs, as_of)}"

    def _windows(self, as_of: datetime) -> dict[str, str]:
        """The SELECTs of what is counted over days, by name: `counts` of all that is only counted, and each Distinct.

        An engine keeps a set for each entity to count what is distinct; it is far cheaper to group twice.
        """
        micros = micros_of(as_of)
        aggregates = self._view.aggregates.items()
        counts = {name: one for name, one in aggregates if isinstance(one, Count) and one.days}
        selects = {}
        if counts:
            told = [self._key, *(f"{one.sql(micros)} AS {name}" for name, one in counts.items())]
            kinds = tuple(sorted({kind for one in counts.values() for kind in one.kinds}))
            days = max(one.days or 0 for one in counts.values())
            source = self._within(kinds, days, as_of)
            selects["counts"] = f"SELECT {', '.join(told)} FROM {source} GROUP BY {self._key}"  # noqa: S608 ours
        for name, one in aggregates:
            if isinstance(one, Distinct):
                source = f"{self._within(one.kinds, one.days, as_of)} AND {one.of} IS NOT NULL"
                each = f"SELECT DISTINCT {self._key}, {one.of} AS thing FROM {source}"  # noqa: S608 ours
                selects[name] = (
                    f"SELECT {self._key}, CAST(COUNT(*) AS DOUBLE) AS {name} FROM ({each}) AS each "  # noqa: S608 ours
                    f"GROUP BY {self._key}"
                )
        return selects

    def _within(self, kinds: tuple[ActivityKind, ...], days: int, as_of: datetime) -> str:
        """Activities of the last days, from the weeks that these reach into."""
        micros = micros_of(as_of)
        return (
            f"activities WHERE {self._view.counts(micros)} AND {in_window(kinds, days, micros)} "
            f"AND week >= DATE '{_monday(as_of - days * _DAY)}'"
        )

    def _same(self, one: str, other: str) -> str:
        return " AND ".join(f"{one}.{name} = {other}.{name}" for name in self._view.entity_key)


def _monday(time: datetime) -> date:
    day = time.astimezone(UTC).date()
    return day - day.weekday() * _DAY
