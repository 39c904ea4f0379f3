"""Delta tables in a folder, by delta-rs: exact commits, history and time travel without an engine.

References: Delta Transaction Protocol, https://github.com/delta-io/delta/blob/master/PROTOCOL.md
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlparse

import deltalake
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, QueryBuilder
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.schema import Field

from quikapp_ml.errors import InvalidInput, NotFound, StorageFailed
from quikapp_ml.stores.lake.base import Commit, Lake, Table, Transaction
from quikapp_ml.stores.lake.rows import chosen_columns, fit_rows, missing_columns, split_name
from quikapp_ml.stores.lake.tables import CATALOG

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_ATTEMPTS = 10
"""Another writer's new columns or overwrite make our commit begin again; appends do not get in each other's way."""


class DeltaLake(Lake):
    """Tables as folders `root/<schema>/<table>`. Any number of threads and processes may write.

    A table is opened anew for each call: that reads the last checkpoint and the commits behind it (milliseconds), and
    what other processes wrote is seen at once.
    """

    def __init__(self, root: str, catalog: str = CATALOG) -> None:
        self._root = _folder(root)
        self._catalog = catalog

    def ensure(self, table: Table) -> None:
        """Create the table, or add the columns it lacks."""
        self._again(table.name, lambda: self._ensure_once(table))

    def exists(self, name: str) -> bool:
        """Whether the table has been created."""
        return next((self._path(name) / "_delta_log").glob("*.json"), None) is not None

    def names(self) -> list[str]:
        """Full names of all tables, sorted."""
        logs = self._root.glob("*/*/_delta_log")
        found = (f"{self._catalog}.{log.parent.parent.name}.{log.parent.name}" for log in logs)
        return sorted(name for name in found if self.exists(name))

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
            fitted = fit_rows(rows, _columns(table), name)
            deltalake.write_deltalake(table, fitted, mode="overwrite", commit_properties=alone)
            return table.version()

        return self._again(name, overwrite_once)

    def read(self, name: str, columns: list[str] | None = None, version: int | None = None) -> pa.Table:
        """All rows of a version."""
        with _storage(name):
            table = self._open(name, version)
            existing = _columns(table)
            chosen = chosen_columns(columns, existing, name)
            # delta-rs's own query engine reads many small files several times faster than `to_pyarrow_table`, and it
            # reads tables with deletion vectors, which the latter refuses.
            quoted = ", ".join('"' + column.replace('"', '""') + '"' for column in chosen)
            rows = pa.table(QueryBuilder().register("rows", table).execute(f"SELECT {quoted} FROM rows"))  # noqa: S608
            return rows.cast(pa.schema([existing.field(column) for column in chosen]))

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

    def uri(self, name: str) -> str:
        """The table's folder as a file URL. Raises NotFound without the table."""
        if not self.exists(name):
            raise self._not_found(name)
        return self._path(name).as_uri()

    def _ensure_once(self, table: Table) -> None:
        declared = pa.schema(deltalake.Schema.from_arrow(table.columns).to_arrow())
        if not self.exists(table.name):
            self._create(table)
        existing = self._open(table.name)
        added = missing_columns(declared, _columns(existing), table.name)
        if added:
            existing.alter.add_columns([Field.from_arrow(column) for column in added])

    def _create(self, table: Table) -> None:
        path = self._path(table.name)
        path.mkdir(parents=True, exist_ok=True)
        try:
            DeltaTable.create(
                path.as_uri(),
                schema=table.columns,
                mode="ignore",
                partition_by=list(table.partition_by),
                name=table.name,
                description=table.comment,
            )
        except CommitFailedError:
            logger.debug("another process has just created table %s", table.name)

    def _append_once(self, name: str, rows: pa.Table, transaction: Transaction | None) -> int:
        table = self._open(name)
        fitted = fit_rows(rows, _columns(table), name)
        if transaction is None:
            if rows.num_rows:
                deltalake.write_deltalake(table, fitted, mode="append")
            return table.version()
        last = table.transaction_version(transaction.writer)
        if last is not None and transaction.number <= last:
            return table.version()
        mark = deltalake.Transaction(transaction.writer, transaction.number)
        properties = CommitProperties(app_transactions=[mark])
        deltalake.write_deltalake(table, fitted, mode="append", commit_properties=properties)
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
        url = self._path(name).as_uri()
        try:
            table = DeltaTable(url)
        except TableNotFoundError:
            raise self._not_found(name) from None
        if version is None or version == table.version():
            return table
        if not 0 <= version <= table.version():
            raise NotFound(f"table {name} has no version {version}; the newest is {table.version()}")
        try:
            return DeltaTable(url, version=version)
        except DeltaError as error:
            raise NotFound(f"version {version} of table {name} is no longer kept: {error}") from None

    def _path(self, name: str) -> Path:
        catalog, schema, table = split_name(name)
        if catalog != self._catalog:
            raise InvalidInput(f"table {name}: this lake holds catalog {self._catalog!r} only")
        return self._root / schema / table

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
        raise _Overtaken(str(error)) from error
    except (DeltaError, pa.ArrowException, OSError) as error:
        raise StorageFailed(f"table {name}: {error}") from error


def _columns(table: DeltaTable) -> pa.Schema:
    return pa.schema(table.schema().to_arrow())


def _folder(root: str) -> Path:
    """The folder of a path or a file:// URL."""
    given = unquote(urlparse(root).path) if root.startswith("file://") else root
    path = Path(given).absolute()
    if "%" in str(path):
        # delta-rs 1.6 decodes a path twice: tables would land in another folder than the one that was named.
        raise InvalidInput(f"the lake's folder {str(path)!r} must not hold the character %")
    return path
