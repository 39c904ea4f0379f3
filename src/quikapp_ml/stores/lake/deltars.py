"""Delta tables in a folder or an object store, by delta-rs: exact commits, history and time travel without an engine.

References: Delta Transaction Protocol, https://github.com/delta-io/delta/blob/master/PROTOCOL.md
"""

import logging
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Literal, TypeVar

import deltalake
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, QueryBuilder, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.schema import Field

from quikapp_ml.errors import AlreadyExists, InvalidInput, NotFound, StorageFailed
from quikapp_ml.stores.lake.base import Commit, Lake, Table, TableSize, Transaction
from quikapp_ml.stores.lake.declared import check_declaration
from quikapp_ml.stores.lake.delta_changes import added_rows, literal, operations_since, replace_rows
from quikapp_ml.stores.lake.delta_declared import (
    columns_of,
    constraints_of,
    declaration,
    describe,
    first_properties,
    quoted,
)
from quikapp_ml.stores.lake.delta_files import properties_of
from quikapp_ml.stores.lake.delta_folders import FIRST_COMMIT
from quikapp_ml.stores.lake.delta_upkeep import delete_files, delete_older, kept_versions, size_of, trim_log
from quikapp_ml.stores.lake.roots import open_root
from quikapp_ml.stores.lake.rows import (
    check_keys,
    check_within,
    chosen_columns,
    fit_given_rows,
    fit_rows,
    is_name_part,
    merged_rows,
    missing_columns,
    split_name,
)
from quikapp_ml.stores.lake.secrecy import cause, without_keys
from quikapp_ml.stores.lake.tables import CATALOG

logger = logging.getLogger(__name__)

_FILE_IS_GONE = re.compile(r"Object at location .* not found", re.DOTALL)
T = TypeVar("T")

MAX_ATTEMPTS = 10
"""Another writer's new columns or overwrite make our commit begin again; appends do not get in each other's way."""


class DeltaLake(Lake):
    """Tables at `root/<schema>/<table>`; `stores/lake/roots.py` says which roots there are.

    Any number of threads and processes may write. A table is opened anew for each call: that reads the last checkpoint
    and the commits behind it (milliseconds), and what other processes wrote is seen at once.
    """

    def __init__(self, root: str, catalog: str = CATALOG) -> None:
        self._root = open_root(root)
        self._catalog = catalog

    def create(self, table: Table) -> None:
        """Create the table: who writes its first commit does."""
        check_declaration(table)
        with _storage(table.name):
            if self.exists(table.name) or not self._create(table, "error"):
                raise AlreadyExists(f"table {table.name} is there already")
        self.ensure(table)

    def ensure(self, table: Table) -> None:
        """Create the table, or bring its columns and what is declared of it up to date."""
        check_declaration(table)
        self._again(table.name, lambda: self._ensure_once(table))

    def declaration(self, name: str) -> Table:
        """The table as it was declared last."""
        with _storage(name):
            return declaration(self._open(name), name)

    def exists(self, name: str) -> bool:
        """Whether the table has been created."""
        with _storage(name):
            return self._root.holds(*self._place(name))

    def names(self) -> list[str]:
        """Full names of all tables, sorted."""
        with _storage(f"{self._catalog}.*"):
            places = [place for place in self._root.tables() if all(map(is_name_part, place))]
        return sorted(f"{self._catalog}.{schema}.{table}" for schema, table in places)

    def append(self, name: str, rows: pa.Table, transaction: Transaction | None = None) -> int:
        """Add rows in one commit, unless the transaction has been seen."""
        return self._again(name, lambda: self._append_once(name, rows, transaction))

    def overwrite(self, name: str, rows: pa.Table) -> int:
        """Replace all rows in one commit."""

        def overwrite_once() -> int:
            table = self._open(name)
            # Of two overwrites of an empty table delta-rs sees no conflict and keeps the rows of both: begin again
            # after any commit in between.
            alone = CommitProperties(max_commit_retries=0)
            fitted = fit_rows(rows, columns_of(table), name)
            with constraints_of(table, name, lambda: fitted):
                files = properties_of(fitted)
                write_deltalake(table, fitted, mode="overwrite", commit_properties=alone, writer_properties=files)
            return table.version()

        return self._again(name, overwrite_once)

    def merge(self, name: str, rows: pa.Table, keys: Sequence[str]) -> int:
        """Update or add rows by their keys, in one commit."""
        return self._again(name, lambda: self._merge_once(name, rows, keys))

    def replace(self, name: str, column: str, values: Sequence[str | date], rows: pa.Table) -> int:
        """Replace the rows of these values, in one commit."""

        def replace_once() -> int:
            table = self._open(name)
            columns = columns_of(table)
            chosen_columns([column], columns, name)
            fitted = fit_rows(rows, columns, name)
            check_within(fitted, column, values, name)
            if values:
                with constraints_of(table, name, lambda: fitted):
                    replace_rows(table, column, values, fitted)
            return table.version()

        return self._again(name, replace_once)

    def drop(self, name: str) -> None:
        """Delete the table's files."""
        if not self.exists(name):
            raise self._not_found(name)
        with _storage(name):
            self._root.remove(*self._place(name))

    def columns(self, name: str) -> pa.Schema:
        """The newest version's columns."""
        with _storage(name):
            return columns_of(self._open(name))

    def properties(self, name: str) -> Mapping[str, str]:
        """What the table was created with."""
        with _storage(name):
            return dict(self._open(name).metadata().configuration)

    def read(self, name: str, columns: list[str] | None = None, version: int | None = None) -> pa.Table:
        """All rows of a version."""
        with _storage(name):
            table = self._open(name, version)
            existing = columns_of(table)
            chosen = chosen_columns(columns, existing, name)
            # delta-rs's own query engine reads many small files several times faster than `to_pyarrow_table`, and it
            # reads tables with deletion vectors, which the latter refuses.
            names = ", ".join(quoted(column) for column in chosen)
            with _no_longer_kept(name, version):
                rows = pa.table(QueryBuilder().register("rows", table).execute(f"SELECT {names} FROM rows"))  # noqa: S608
            return rows.cast(pa.schema([existing.field(column) for column in chosen]))

    def find(self, name: str, column: str, values: Sequence[str | date]) -> pa.Table:
        """Rows of which the column has one of the values; files that cannot have them are not read."""
        with _storage(name):
            table = self._open(name)
            existing = columns_of(table)
            chosen_columns([column], existing, name)
            if not values:
                return existing.empty_table()
            wanted = ", ".join(map(literal, values))
            sql = f"SELECT * FROM rows WHERE {quoted(column)} IN ({wanted})"  # noqa: S608 quoted
            return pa.table(QueryBuilder().register("rows", table).execute(sql)).cast(existing)

    def added(self, name: str, since: int, version: int | None = None) -> pa.Table | None:
        """Rows of the files that have come since."""
        with _storage(name):
            newer = self._open(name, version)
            columns = columns_of(newer)
            if since == newer.version():
                return columns.empty_table()
            try:
                older = self._open(name, since)
                match operations_since(newer, since):
                    case "none":
                        return columns.empty_table()
                    case "appends":
                        return fit_rows(added_rows(older, newer, self.declaration(name).key), columns, name)
                    case _:
                        return None
            except (NotFound, FileNotFoundError):
                return None

    def version(self, name: str) -> int:
        """Newest version."""
        with _storage(name):
            return self._open(name).version()

    def transaction_number(self, name: str, writer: str) -> int | None:
        """Number of the writer's last transaction."""
        with _storage(name):
            return self._open(name).transaction_version(writer)

    def history(self, name: str, limit: int = 20) -> list[Commit]:
        """Newest commits first."""
        with _storage(name):
            entries = self._open(name).history(limit)
        return [
            Commit(entry["version"], datetime.fromtimestamp(entry["timestamp"] / 1000, UTC), entry["operation"])
            for entry in entries
        ]

    def compact(self, name: str) -> None:
        """Rewrite small files into large ones."""
        self._again(name, lambda: self._open(name).optimize.compact())

    def size(self, name: str) -> TableSize:
        """Rows, files and bytes of the newest version."""
        with _storage(name):
            return size_of(self._open(name))

    def delete_older(self, name: str, column: str, time: datetime) -> int:
        """Delete rows by their age, in one commit."""

        def delete_once() -> int:
            table = self._open(name)
            chosen_columns([column], columns_of(table), name)
            return delete_older(table, column, time)

        return self._again(name, delete_once)

    def vacuum(self, name: str, keep: timedelta, spare: Collection[int] = (), *, dry_run: bool = False) -> int:
        """Delete the files of older versions; what no version names is left alone: a commit may need it."""

        def vacuum_once() -> int:
            table = self._open(name)
            options = self._root.options
            return delete_files(table, options, keep, kept_versions(table, options, spare), dry_run=dry_run)

        return self._again(name, vacuum_once)

    def trim_log(self, name: str, keep: timedelta, spare: Collection[int] = ()) -> None:
        """Forget old commits."""

        def trim_once() -> None:
            table, then = self._open(name), self._open(name)
            then.load_as_version(datetime.now(UTC) - keep)
            needed = kept_versions(table, self._root.options, {*spare, then.version()})
            if needed:
                trim_log(table, keep, min(needed.values()))

        self._again(name, trim_once)

    def uri(self, name: str) -> str:
        """URL of the table's files. Raises NotFound without the table."""
        if not self.exists(name):
            raise self._not_found(name)
        return self._root.url(*self._place(name))

    def _ensure_once(self, table: Table) -> None:
        declared = pa.schema(deltalake.Schema.from_arrow(table.columns).to_arrow())
        if not self.exists(table.name):
            self._create(table, "ignore")
        existing = self._open(table.name)
        added = missing_columns(declared, columns_of(existing), table.name)
        if added:
            existing.alter.add_columns([Field.from_arrow(column) for column in added])
        describe(existing, table)

    def _create(self, table: Table, mode: Literal["ignore", "error"]) -> bool:
        """Write the first commit; whether this process has."""
        place = self._place(table.name)
        self._root.prepare(*place)
        try:
            DeltaTable.create(
                self._root.url(*place),
                schema=table.columns,
                mode=mode,
                partition_by=list(table.partition_by),
                name=table.name,
                description=table.comment,
                configuration=first_properties(table),
                raise_if_key_not_exists=False,
                storage_options=dict(self._root.options),
                commit_properties=FIRST_COMMIT,
            )
        except DeltaError as error:
            if not (isinstance(error, CommitFailedError) or self.exists(table.name)):
                raise
            logger.debug("another process has just created table %s", table.name)
            return False
        return True

    def _append_once(self, name: str, rows: pa.Table, transaction: Transaction | None) -> int:
        table = self._open(name)
        fitted = fit_rows(rows, columns_of(table), name)
        commit = None
        if transaction is not None:
            last = table.transaction_version(transaction.writer)
            if last is not None and transaction.number <= last:
                return table.version()
            commit = CommitProperties(app_transactions=[deltalake.Transaction(transaction.writer, transaction.number)])
        elif not rows.num_rows:
            return table.version()
        with constraints_of(table, name, lambda: fitted):
            files = properties_of(fitted)
            write_deltalake(table, fitted, mode="append", commit_properties=commit, writer_properties=files)
        return table.version()

    def _merge_once(self, name: str, rows: pa.Table, keys: Sequence[str]) -> int:
        table = self._open(name)
        fitted = fit_given_rows(rows, columns_of(table), name)
        check_keys(fitted, keys, name)
        if not fitted.num_rows:
            return table.version()
        columns = {quoted(column): f"given.{quoted(column)}" for column in fitted.column_names}
        changed = {column: value for column, value in columns.items() if column not in {quoted(key) for key in keys}}
        # As in `overwrite`: of two merges that add the same key, delta-rs would keep both rows.
        merger = table.merge(
            fitted,
            " AND ".join(f"kept.{quoted(key)} = given.{quoted(key)}" for key in keys),
            source_alias="given",
            target_alias="kept",
            commit_properties=CommitProperties(max_commit_retries=0),
        )
        if changed:
            merger = merger.when_matched_update(changed)
        with constraints_of(table, name, lambda: merged_rows(self.read(name), fitted, keys)):
            merger.when_not_matched_insert(columns).execute()
        return table.version()

    def _again(self, name: str, step: Callable[[], T]) -> T:
        """Run the step until no other writer's commit gets between its reading and its writing."""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                with _storage(name):
                    return step()
            except _Overtaken as error:
                logger.info("a commit to %s begins again (attempt %d): %s", name, attempt, error)
                last = error
        raise StorageFailed(f"table {name} was changed by others {MAX_ATTEMPTS} times in a row: {last}")

    def _open(self, name: str, version: int | None = None) -> DeltaTable:
        url, options = self._root.url(*self._place(name)), dict(self._root.options)
        try:
            table = DeltaTable(url, storage_options=options)
        except TableNotFoundError:
            raise self._not_found(name) from None
        if version is None or version == table.version():
            return table
        if not 0 <= version <= table.version():
            raise NotFound(f"table {name} has no version {version}; the newest is {table.version()}")
        try:
            return DeltaTable(url, version=version, storage_options=options)
        except DeltaError as error:
            raise NotFound(f"version {version} of table {name} is no longer kept: {without_keys(str(error))}") from None

    def _place(self, name: str) -> tuple[str, str]:
        catalog, schema, table = split_name(name)
        if catalog != self._catalog:
            raise InvalidInput(f"table {name}: this lake holds catalog {self._catalog!r} only")
        return schema, table

    def _not_found(self, name: str) -> NotFound:
        return NotFound(f"table {name} does not exist; known are {', '.join(self.names()) or 'none'}")


class _Overtaken(StorageFailed):
    """Another writer committed between our reading and our writing."""


@contextmanager
def _storage(name: str) -> Iterator[None]:
    """Say what delta-rs and the disk say in the words of our errors."""
    try:
        yield
    except CommitFailedError as error:
        raise _Overtaken(without_keys(str(error))) from cause(error)
    except (DeltaError, pa.ArrowException, OSError) as error:
        raise StorageFailed(f"table {name}: {without_keys(str(error))}") from cause(error)


@contextmanager
def _no_longer_kept(name: str, version: int | None) -> Iterator[None]:
    """Tell a vacuumed version from a damaged table: only of an older version may files be gone."""
    try:
        yield
    except (DeltaError, pa.ArrowException, OSError) as error:
        if version is None or not _FILE_IS_GONE.search(str(error)):
            raise
        raise NotFound(f"version {version} of table {name} is no longer kept: its files were vacuumed") from cause(
            error
        )
