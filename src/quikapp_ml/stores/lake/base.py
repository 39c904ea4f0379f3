"""Where tables live. One interface; a file a technology; `tests/contracts/test_lake.py` holds them all to it."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from quikapp_ml.errors import InvalidInput


@dataclass(frozen=True)
class Table:
    """A declared table: its full name `catalog.schema.table`, columns, key, and why it exists."""

    name: str
    columns: pa.Schema
    key: tuple[str, ...]
    comment: str
    partition_by: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What else is kept with the table from its creation on; names begin with a namespace and a dot."""
    constraints: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Name → SQL that must be true of every row: unknown, as of a null, is not true.

    `stores/lake/constraints.py` says which SQL all engines read alike.
    """
    owner: str = ""
    """The group that answers for the table."""
    retention: timedelta | None = None
    """How long rows are kept, by the time in `retention_column`; None: for good."""
    retention_column: str = ""


@dataclass(frozen=True)
class Transaction:
    """An application transaction of Delta: a writer's name and its ever-growing number."""

    writer: str
    number: int


@dataclass(frozen=True)
class Commit:
    """One entry of a table's history."""

    version: int
    time: datetime
    operation: str


SMALL_FILE_BYTES = 32 * 1024**2
"""Reading many files that are smaller takes longer than reading a few of this size."""


@dataclass(frozen=True)
class TableSize:
    """What the newest version of a table is made of."""

    rows: int
    files: int
    small_files: int
    """Those of less than `SMALL_FILE_BYTES` that have others beside them, to be made into one."""
    bytes: int


class Lake(ABC):
    """Delta tables by name. Times are UTC; rows come and go as Arrow tables."""

    @abstractmethod
    def create(self, table: Table) -> None:
        """Create the table. Raises AlreadyExists when there is one: of several at a time, one creates it.

        Raises InvalidInput when the declaration does not hold together.
        """

    @abstractmethod
    def ensure(self, table: Table) -> None:
        """Create the table, or add the columns it lacks and bring what else is declared up to date.

        That is its comment, key, constraints, owner and retention; its properties and partitions stay those that it was
        made with. Run twice, it changes nothing, and writes no commit. Raises Conflict when an existing column has
        another type, or existing rows break a new constraint, InvalidInput when the declaration does not hold together.
        """

    @abstractmethod
    def declaration(self, name: str) -> Table:
        """The table as it was declared last, with all columns that it has. Raises NotFound without the table."""

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Whether the table has been created."""

    @abstractmethod
    def names(self) -> list[str]:
        """Full names of all tables, sorted."""

    @abstractmethod
    def append(self, name: str, rows: pa.Table, transaction: Transaction | None = None) -> int:
        """Add rows in one commit and return the table's version.

        Columns that `rows` lacks are null. With a transaction whose number is not greater than the last one of that
        writer, nothing is written: a retry is harmless. Raises InvalidInput on unknown columns, types that do not fit
        and rows that break a constraint, NotFound without the table.
        """

    @abstractmethod
    def overwrite(self, name: str, rows: pa.Table) -> int:
        """Replace all rows in one commit and return the table's version. Raises as `append` does."""

    @abstractmethod
    def merge(self, name: str, rows: pa.Table, keys: Sequence[str]) -> int:
        """Update the rows of the same keys, add the others, in one commit, and return the table's version.

        Columns that `rows` lacks keep their values; of new rows they are null. Raises InvalidInput as `append` does,
        and when a key is null or given twice.
        """

    @abstractmethod
    def replace(self, name: str, column: str, values: Sequence[str | date], rows: pa.Table) -> int:
        """Replace the rows whose `column` has one of the values, in one commit, and return the table's version.

        Every other row stays. Where the table is partitioned by the column, no other file is written. Raises as
        `append` does, and InvalidInput when a given row has another value there.
        """

    @abstractmethod
    def drop(self, name: str) -> None:
        """Take the table away with all its versions. Raises NotFound without it."""

    @abstractmethod
    def columns(self, name: str) -> pa.Schema:
        """The newest version's columns. Raises NotFound without the table."""

    @abstractmethod
    def properties(self, name: str) -> Mapping[str, str]:
        """What the table was created with. Raises NotFound without the table."""

    @abstractmethod
    def read(self, name: str, columns: list[str] | None = None, version: int | None = None) -> pa.Table:
        """All rows, of the newest or the named version. The order of rows is not promised.

        Raises NotFound without the table or the version.
        """

    def find(self, name: str, column: str, values: Sequence[str | date]) -> pa.Table:
        """Rows of the newest version whose text or date in the column is one of the values.

        Raises NotFound as `read` does. Engines that know which file has which values read those files only.
        """
        rows = self.read(name)
        if column not in rows.schema.names:
            raise InvalidInput(f"table {name} has no column {column}; its columns are {', '.join(rows.schema.names)}")
        return rows.filter(pc.is_in(rows[column], pa.array(list(values), rows.schema.field(column).type)))

    @abstractmethod
    def added(self, name: str, since: int, version: int | None = None) -> pa.Table | None:
        """Rows that the (newest) version has more than the version `since`, where rows have only been added since.

        None where rows were taken away or changed since, or where it is no longer known. Raises NotFound without the
        table.
        """

    @abstractmethod
    def version(self, name: str) -> int:
        """Newest version. Raises NotFound without the table."""

    @abstractmethod
    def transaction_number(self, name: str, writer: str) -> int | None:
        """Number of the writer's last transaction on the table; None when it has written none."""

    @abstractmethod
    def history(self, name: str, limit: int = 20) -> list[Commit]:
        """Newest commits first."""

    @abstractmethod
    def compact(self, name: str) -> None:
        """Rewrite small files into large ones; rows and older versions stay readable."""

    @abstractmethod
    def size(self, name: str) -> TableSize:
        """What the newest version is made of. Raises NotFound without the table."""

    @abstractmethod
    def delete_older(self, name: str, column: str, time: datetime) -> int:
        """Delete the rows with an earlier time in the column, in one commit, and return how many they were.

        Without such rows there is no commit. Raises NotFound without the table, InvalidInput without the column.
        """

    @abstractmethod
    def vacuum(self, name: str, keep: timedelta, spare: Collection[int] = (), *, dry_run: bool = False) -> int:
        """Delete what only versions need that were replaced longer ago than `keep` (in whole hours, rounded up).

        The versions to `spare` stay readable; those that are not there are nobody's fault. Returns how many files (in
        memory: versions) were deleted, or would be in a `dry_run`. Reading such a version raises NotFound from then
        on. Raises NotFound without the table.
        """

    @abstractmethod
    def trim_log(self, name: str, keep: timedelta, spare: Collection[int] = ()) -> None:
        """Forget commits that are older than every version that is spared, or was the newest within `keep`.

        Called regularly, it also sees to it that `vacuum` with this `keep` finds all that it is to delete.
        Raises NotFound without the table.
        """

    @abstractmethod
    def uri(self, name: str) -> str:
        """Where an engine finds the table's files."""


class Compute(ABC):
    """An engine that answers SQL over tables of a lake."""

    @abstractmethod
    def query(self, sql: str, tables: Mapping[str, str], versions: Mapping[str, int] | None = None) -> pa.Table:
        """Run one SELECT; `tables` maps each view name used in it to the URI of a Delta table.

        `versions` pins view names to table versions. Raises JobFailed with the engine's message.
        """

    @abstractmethod
    def close(self) -> None:
        """Give the session and the engine back."""
