"""What new events change of the silver tables, made anew by the very statements that make them whole.

A row depends on the events of its unit alone: a message, an event, a person in a channel. Of the units that new events
name, all rows are made again from the events that they depend on; where they differ from what is stored, the weeks
that the difference is in are written.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.tables import ACTIVITIES, EVENTS, MESSAGES, TIME
from quikapp_ml.training import increments_sql as sql
from quikapp_ml.training.feature_parts import add_changes
from quikapp_ml.training.silver_build import WORK, SilverBuild
from quikapp_ml.training.silver_sql import ACTIVITIES_SQL, MESSAGES_SQL
from quikapp_ml.training.silver_state import StateTable

_MESSAGE = ("channel_id", "message_id")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Differences = tuple[pa.Table, pa.Table]
"""Rows that came, and rows that went."""


def _scratch(name: str, columns: pa.Schema) -> Table:
    return Table(f"{WORK}{name}", columns, (), "Of a build that is under way.")


def _flags(*names: str) -> list[pa.Field]:
    return [pa.field(name, pa.bool_()) for name in names]


_NEW = _scratch("new_events", EVENTS.columns)
_NAMED = _scratch(
    "named_messages", pa.schema([*(pa.field(name, pa.string()) for name in _MESSAGE), *_flags("is_touched")])
)
_TOLD = _scratch("told_events", pa.schema([*EVENTS.columns, *_flags("is_touched", "is_new")]))


@dataclass(frozen=True)
class Unit:
    """What rows are made anew together: the columns that name it, and whether only those since a time are."""

    columns: tuple[str, ...]
    since: bool = False

    @property
    def table(self) -> Table:
        """The scratch table of such units."""
        names = [pa.field(name, pa.string()) for name in self.columns]
        times = [pa.field("first_time", TIME), pa.field("since", TIME)] if self.since else []
        return _scratch("units", pa.schema([*names, *times]))

    def split(self, rows: pa.Table, units: pa.Table) -> tuple[pa.Table, pa.Table]:
        """The rows of the units, of each since its time; and all others."""
        told = rows.select([*self.columns, *(["valid_from"] if self.since else [])])
        numbered = told.append_column("row", pa.array(np.arange(rows.num_rows)))
        found = numbered.join(units.select(self._marks.names).cast(self._marks), list(self.columns), join_type="inner")
        if self.since:
            is_later = pc.greater_equal(found["valid_from"], found["since"])
            found = found.filter(pc.fill_null(is_later, True))
        theirs = np.zeros(rows.num_rows, bool)
        theirs[found["row"].to_numpy()] = True
        return rows.filter(pa.array(theirs)), rows.filter(pa.array(~theirs))

    @property
    def _marks(self) -> pa.Schema:
        columns = self.table.columns
        return pa.schema([field for field in columns if field.name != "first_time"])


@contextmanager
def increment(build: SilverBuild, new: pa.Table) -> Iterator["Increment"]:
    """The increment of a night, from the events since the last build."""
    with build.scratch(_NEW, new) as new_table:
        told = _told(build, new_table)
        with build.scratch(_TOLD, told) as told_table:
            yield Increment(build, Held(new, new_table), Held(told, told_table))


def _told(build: SilverBuild, new: Table) -> pa.Table:
    """All that has been told of the messages that new events name."""
    names = build.ask(sql.NAMED_SQL, new=new, messages=MESSAGES)
    with build.scratch(_NAMED, names) as named:
        (first,) = build.ask(sql.EARLIEST_SQL, events=EVENTS, named=named)["at"].to_pylist()
        return build.ask(sql.told_sql(first or _EPOCH), new=new, events=EVENTS, named=named)


@dataclass(frozen=True)
class Held:
    """Rows in memory, and the table by which the engine reads the same."""

    rows: pa.Table
    table: Table


class Increment:
    """The tables brought up to date with the new events, in any order or at the same time."""

    def __init__(self, build: SilverBuild, new: Held, told: Held) -> None:
        self._build = build
        self._new = new
        self._told = told

    def messages(self) -> None:
        """Messages that new events are about, or answer to."""
        known = _of_types(self._told.rows, ("message",))
        units = self._build.ask(sql.TOUCHED_SQL, events=self._told.table)
        self._from_told(MESSAGES, MESSAGES_SQL, Unit(_MESSAGE), units, known)

    def activities(self) -> None:
        """Activities of new events, and of those that answer to a message which has become known since."""
        affected = self._build.ask(sql.AFFECTED_SQL, events=self._told.table)
        changed = affected.filter(pc.invert(affected["is_new"]))["event_id"]
        known = self._told.rows.filter(pc.is_in(self._told.rows["event_id"], changed.combine_chunks()))
        unit, units = Unit(("event_id",)), affected.select(["event_id"])
        added, gone = self._from_told(ACTIVITIES, ACTIVITIES_SQL, unit, units, known)
        add_changes(self._build, added, gone)

    def state(self, state: StateTable) -> None:
        """A table with a history."""
        if not _of_types(self._new.rows, state.types).num_rows:
            return
        if state.as_event:
            self._from_last_rows(state)
        elif state.key == _MESSAGE:
            units = self._build.ask(sql.new_keys(state.key, state.types), events=self._told.table)
            self._from_told(state.table, state.sql, Unit(state.key), units, _of_types(self._told.rows, state.types))
        else:
            self._from_log(state)

    def _from_told(self, table: Table, statement: str, unit: Unit, units: pa.Table, known: pa.Table) -> Differences:
        """Make the rows of the units again; old ones can be in the weeks of the events that were known."""
        before = known.filter(pc.invert(known["is_new"]))
        with self._build.scratch(unit.table, units) as held:
            fresh = self._build.ask(sql.fresh(table, statement, unit.columns), events=self._told.table, units=held)
            return self._bring(table, unit, units, fresh, _weeks(before["event_time"]))

    def _from_last_rows(self, state: StateTable) -> None:
        """Make the rows of the units again from the last one before the new events on."""
        unit = Unit(state.key, since=True)
        units = self._build.ask(sql.since_sql(state.key, state.types), new=self._new.table, history=state.table)
        with self._build.scratch(unit.table, units) as held:
            earliest = pc.min(units["first_time"]).as_py()
            statement = sql.fresh_since(state, earliest)
            fresh = self._build.ask(statement, log=EVENTS, history=state.table, units=held)
            self._bring(state.table, unit, units, fresh, self._all_weeks(state.table))

    def _from_log(self, state: StateTable) -> None:
        """Make all rows of the units again from all of their events."""
        unit = Unit(state.key)
        rows = self._build.ask(state.sql, events=self._new.table)
        units = rows.select(state.key).group_by(list(state.key)).aggregate([])
        if units.num_rows:
            with self._build.scratch(unit.table, units) as held:
                fresh = self._build.ask(sql.fresh_from_log(state), log=EVENTS, units=held)
                self._bring(state.table, unit, units, fresh, self._all_weeks(state.table))

    def _all_weeks(self, table: Table) -> list[date]:
        weeks: list[date] = self._build.ask("SELECT DISTINCT week FROM stored", stored=table)["week"].to_pylist()
        return weeks

    def _bring(self, table: Table, unit: Unit, units: pa.Table, fresh: pa.Table, weeks: list[date]) -> Differences:
        """Write what differs between the rows as they ought to be and those that are stored in the weeks."""
        fresh = fresh.select(table.columns.names).cast(table.columns)
        if not weeks:
            return self._append(table, fresh), table.columns.empty_table()
        reached = list({*weeks, *pc.unique(fresh["week"]).to_pylist()})
        known, others = unit.split(self._build.lake.find(table.name, "week", reached), units)
        added, gone = differences(fresh, known)
        if not gone.num_rows:
            return self._append(table, added), gone
        changed = pc.unique(pa.concat_tables([added, gone])["week"])
        rows = pa.concat_tables(each.filter(pc.is_in(each["week"], changed)) for each in (others, fresh))
        version = self._build.lake.replace(table.name, "week", changed.to_pylist(), rows)
        self._build.wrote(table, rows, version)
        return added, gone

    def _append(self, table: Table, rows: pa.Table) -> pa.Table:
        if rows.num_rows:
            self._build.wrote(table, rows, self._build.lake.append(table.name, rows))
        return rows


def differences(wanted: pa.Table, known: pa.Table) -> Differences:
    """Rows that are wanted and not known, and the other way round; a row that is there several times counts once."""
    names = wanted.column_names
    signed = [
        rows.append_column("sign", pa.array([sign] * rows.num_rows, pa.int64()))
        for rows, sign in ((wanted, 1), (known, -1))
    ]
    sums = pa.concat_tables(signed).group_by(names).aggregate([("sign", "sum")])
    added, gone = (sums.filter(compare(sums["sign_sum"], 0)).select(names) for compare in (pc.greater, pc.less))
    return added.cast(wanted.schema), gone.cast(wanted.schema)


def _of_types(events: pa.Table, types: Sequence[str]) -> pa.Table:
    return events.filter(pc.is_in(events["type"], pa.array(types)))


def _weeks(times: pa.ChunkedArray) -> list[date]:
    """The Mondays of the weeks that the times are in."""
    mondays = pc.floor_temporal(times.cast(TIME), unit="week").cast(pa.date32())
    found: list[date] = pc.unique(mondays).to_pylist()
    return found
