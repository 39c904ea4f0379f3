"""A lake in memory: for tests and replays; every version is kept, nothing survives the process."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from threading import RLock

import pyarrow as pa
import pyarrow.compute as pc

from quikapp_ml.errors import AlreadyExists, InvalidInput, NotFound
from quikapp_ml.stores.lake.base import Commit, Lake, Table, TableSize, Transaction
from quikapp_ml.stores.lake.constraints import hold, hold_existing
from quikapp_ml.stores.lake.declared import check_declaration, to_properties
from quikapp_ml.stores.lake.rows import (
    check_keys,
    check_within,
    chosen_columns,
    fit_given_rows,
    fit_rows,
    merged_rows,
    missing_columns,
    split_name,
    within,
)


@dataclass
class _Kept:
    """A table: what it held at each version."""

    declared: Table
    snapshots: list[pa.Table] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    transactions: dict[str, int] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    """Versions that are no longer kept."""

    @property
    def newest(self) -> pa.Table:
        return self.snapshots[-1]

    def write(self, rows: pa.Table, new: pa.Table, operation: str = "WRITE") -> int:
        """All rows of the next version, of which `new` must be as declared."""
        hold(new, self.declared)
        return self.commit(rows, operation)

    def commit(self, rows: pa.Table, operation: str) -> int:
        self.snapshots.append(rows)
        self.commits.append(Commit(len(self.snapshots) - 1, datetime.now(UTC), operation))
        return len(self.snapshots) - 1


class MemoryLake(Lake):
    """Tables in a dictionary. Engines cannot read them: they have no files."""

    def __init__(self) -> None:
        self._tables: dict[str, _Kept] = {}
        self._lock = RLock()

    def create(self, table: Table) -> None:
        """Create the table."""
        with self._lock:
            if table.name in self._tables:
                raise AlreadyExists(f"table {table.name} is there already")
            self.ensure(table)

    def ensure(self, table: Table) -> None:
        """Create the table, or bring its columns and what is declared of it up to date."""
        split_name(table.name)
        check_declaration(table)
        with self._lock:
            if table.name not in self._tables:
                kept = self._tables[table.name] = _Kept(table)
                kept.commit(table.columns.empty_table(), "CREATE TABLE")
                return
            kept = self._tables[table.name]
            added = missing_columns(table.columns, kept.newest.schema, table.name)
            if added:
                rows = kept.newest
                for column in added:
                    rows = rows.append_column(column, pa.nulls(rows.num_rows, column.type))
                kept.commit(rows, "ADD COLUMN")
            if (table.comment, to_properties(table)) != (kept.declared.comment, to_properties(kept.declared)):
                hold_existing(kept.newest, table, dict(table.constraints.items() - kept.declared.constraints.items()))
                kept.declared = replace(table, properties=kept.declared.properties)
                kept.commit(kept.newest, "SET TBLPROPERTIES")

    def declaration(self, name: str) -> Table:
        """The table as it was declared last."""
        kept = self._require(name)
        return replace(kept.declared, columns=kept.newest.schema)

    def exists(self, name: str) -> bool:
        """Whether the table has been created."""
        split_name(name)
        return name in self._tables

    def names(self) -> list[str]:
        """Full names of all tables, sorted."""
        return sorted(self._tables)

    def append(self, name: str, rows: pa.Table, transaction: Transaction | None = None) -> int:
        """Add rows as a new version, unless the transaction has been seen."""
        with self._lock:
            kept = self._require(name)
            fitted = fit_rows(rows, kept.newest.schema, name)
            if transaction is None:
                if not rows.num_rows:
                    return self.version(name)
                return kept.write(pa.concat_tables([kept.newest, fitted]), fitted)
            last = kept.transactions.get(transaction.writer)
            if last is not None and transaction.number <= last:
                return self.version(name)
            version = kept.write(pa.concat_tables([kept.newest, fitted]), fitted)
            kept.transactions[transaction.writer] = transaction.number
            return version

    def overwrite(self, name: str, rows: pa.Table) -> int:
        """Replace all rows as a new version."""
        with self._lock:
            kept = self._require(name)
            fitted = fit_rows(rows, kept.newest.schema, name)
            return kept.write(fitted, fitted)

    def merge(self, name: str, rows: pa.Table, keys: Sequence[str]) -> int:
        """Update or add rows by their keys, as a new version."""
        with self._lock:
            kept = self._require(name)
            fitted = fit_given_rows(rows, kept.newest.schema, name)
            check_keys(fitted, keys, name)
            if not fitted.num_rows:
                return self.version(name)
            merged = merged_rows(kept.newest, fitted, keys)
            return kept.write(merged, merged, "MERGE")

    def replace(self, name: str, column: str, values: Sequence[str | date], rows: pa.Table) -> int:
        """Replace the rows of these values, as a new version."""
        with self._lock:
            kept = self._require(name)
            chosen_columns([column], kept.newest.schema, name)
            fitted = fit_rows(rows, kept.newest.schema, name)
            check_within(fitted, column, values, name)
            others = kept.newest.filter(pc.invert(within(kept.newest, column, values)))
            whole = pa.concat_tables([others, fitted])
            return kept.write(whole, fitted)

    def drop(self, name: str) -> None:
        """Forget the table."""
        with self._lock:
            self._require(name)
            del self._tables[name]

    def columns(self, name: str) -> pa.Schema:
        """The newest version's columns."""
        return self._require(name).newest.schema

    def properties(self, name: str) -> Mapping[str, str]:
        """What the table was created with."""
        declared = self._require(name).declared
        return {**declared.properties, **to_properties(declared)}

    def read(self, name: str, columns: list[str] | None = None, version: int | None = None) -> pa.Table:
        """All rows of a version."""
        kept = self._require(name)
        newest = len(kept.snapshots) - 1
        if version is not None and not 0 <= version <= newest:
            raise NotFound(f"table {name} has no version {version}; the newest is {newest}")
        if version in kept.gone:
            raise NotFound(f"version {version} of table {name} is no longer kept")
        rows = kept.snapshots[newest if version is None else version]
        return rows.select(chosen_columns(columns, rows.schema, name))

    def added(self, name: str, since: int, version: int | None = None) -> pa.Table | None:
        """What follows on the rows of the older version, if these are still there."""
        newer = self.read(name, version=version)
        try:
            older = self.read(name, version=since)
        except NotFound:
            return None
        known = newer.select(older.column_names).slice(0, older.num_rows)
        return newer.slice(older.num_rows) if known.equals(older) else None

    def version(self, name: str) -> int:
        """Newest version."""
        return len(self._require(name).snapshots) - 1

    def transaction_number(self, name: str, writer: str) -> int | None:
        """Number of the writer's last transaction."""
        return self._require(name).transactions.get(writer)

    def history(self, name: str, limit: int = 20) -> list[Commit]:
        """Newest commits first."""
        return self._require(name).commits[::-1][:limit]

    def compact(self, name: str) -> None:
        """Memory has no small files."""
        self._require(name)

    def size(self, name: str) -> TableSize:
        """Rows and bytes; there are no files."""
        newest = self._require(name).newest
        return TableSize(newest.num_rows, 0, 0, newest.nbytes)

    def delete_older(self, name: str, column: str, time: datetime) -> int:
        """Leave out the rows of before a time in a new version."""
        with self._lock:
            rows = self.read(name)
            chosen_columns([column], rows.schema, name)
            older = pc.fill_null(pc.less(rows[column], pa.scalar(time, rows.schema.field(column).type)), False)
            count = pc.sum(older).as_py() or 0
            if count:
                self._require(name).commit(rows.filter(pc.invert(older)), "DELETE")
            return int(count)

    def vacuum(self, name: str, keep: timedelta, spare: Collection[int] = (), *, dry_run: bool = False) -> int:
        """Forget versions that were replaced longer ago."""
        with self._lock:
            kept = self._require(name)
            last = datetime.now(UTC) - timedelta(hours=math.ceil(keep / timedelta(hours=1)))
            replaced = {older.version for older, newer in pairwise(kept.commits) if newer.time <= last}
            gone = replaced - set(spare) - kept.gone
            for version in () if dry_run else gone:
                kept.gone.add(version)
                kept.snapshots[version] = kept.snapshots[version].schema.empty_table()
            return len(gone)

    def trim_log(self, name: str, keep: timedelta, spare: Collection[int] = ()) -> None:  # noqa: ARG002 nothing grows
        """Memory keeps no log beside its versions."""
        self._require(name)

    def uri(self, name: str) -> str:
        """Refused: an engine finds no files here."""
        self._require(name)
        raise InvalidInput(f"table {name} is in memory, where no engine can read it; use a lake in a folder")

    def _require(self, name: str) -> _Kept:
        split_name(name)
        kept = self._tables.get(name)
        if kept is None:
            raise NotFound(f"table {name} does not exist; known are {', '.join(self.names()) or 'none'}")
        return kept
