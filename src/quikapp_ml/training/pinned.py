"""A lake that stands still: what is read is what was there when it was pinned."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

import pyarrow as pa

from quikapp_ml.errors import Conflict, NotFound
from quikapp_ml.stores.lake.base import Commit, Lake, Table, TableSize, Transaction


class PinnedLake(Lake):
    """Reads the tables named, each at the version that it had at first; refuses others, and refuses to write.

    So the versions kept with a model are those that it learnt from, whatever is written meanwhile.
    """

    def __init__(self, lake: Lake, tables: Iterable[str]) -> None:
        """Raises NotFound when one of the tables has not been made yet."""
        self._lake = lake
        self.versions: Mapping[str, int] = {name: lake.version(name) for name in tables}

    def exists(self, name: str) -> bool:
        """Whether the table is one of the pinned ones."""
        return name in self.versions

    def names(self) -> list[str]:
        """The pinned tables."""
        return sorted(self.versions)

    def read(self, name: str, columns: list[str] | None = None, version: int | None = None) -> pa.Table:
        """Rows of the pinned version, or of an older one that is named."""
        return self._lake.read(name, columns, self.version(name) if version is None else version)

    def added(self, name: str, since: int, version: int | None = None) -> pa.Table | None:
        """What was added until the pinned version, or an older one that is named."""
        return self._lake.added(name, since, self.version(name) if version is None else version)

    def version(self, name: str) -> int:
        """The pinned version. Raises NotFound for a table that was not pinned: its version would not be kept."""
        if name not in self.versions:
            raise NotFound(f"table {name!r} is not pinned; pinned are {', '.join(self.names())}")
        return self.versions[name]

    def transaction_number(self, name: str, writer: str) -> int | None:
        """As the lake has it now."""
        return self._lake.transaction_number(name, writer)

    def history(self, name: str, limit: int = 20) -> list[Commit]:
        """Commits up to the pinned version, newest first."""
        pinned = self.version(name)
        newer = self._lake.version(name) - pinned
        return [commit for commit in self._lake.history(name, limit + newer) if commit.version <= pinned][:limit]

    def columns(self, name: str) -> pa.Schema:
        """As the lake has them now: columns are added, and never change."""
        self.version(name)
        return self._lake.columns(name)

    def declaration(self, name: str) -> Table:
        """As the lake has it now."""
        self.version(name)
        return self._lake.declaration(name)

    def properties(self, name: str) -> Mapping[str, str]:
        """What the table was created with."""
        self.version(name)
        return self._lake.properties(name)

    def size(self, name: str) -> TableSize:
        """As the lake has it now."""
        self.version(name)
        return self._lake.size(name)

    def uri(self, name: str) -> str:
        """Where an engine finds the table's files; it must be told the version too."""
        return self._lake.uri(name)

    def create(self, table: Table) -> None:
        """Refused."""
        raise _read_only(table.name)

    def ensure(self, table: Table) -> None:
        """Refused."""
        raise _read_only(table.name)

    def append(self, name: str, rows: pa.Table, transaction: Transaction | None = None) -> int:  # noqa: ARG002 refused
        """Refused."""
        raise _read_only(name)

    def overwrite(self, name: str, rows: pa.Table) -> int:  # noqa: ARG002 refused
        """Refused."""
        raise _read_only(name)

    def merge(self, name: str, rows: pa.Table, keys: Sequence[str]) -> int:  # noqa: ARG002 refused
        """Refused."""
        raise _read_only(name)

    def replace(self, name: str, column: str, values: Sequence[str | date], rows: pa.Table) -> int:  # noqa: ARG002
        """Refused."""
        raise _read_only(name)

    def drop(self, name: str) -> None:
        """Refused."""
        raise _read_only(name)

    def compact(self, name: str) -> None:
        """Refused."""
        raise _read_only(name)

    def delete_older(self, name: str, column: str, time: datetime) -> int:  # noqa: ARG002 the same for all lakes
        """Refused."""
        raise _read_only(name)

    def vacuum(self, name: str, keep: timedelta, spare: Collection[int] = (), *, dry_run: bool = False) -> int:  # noqa: ARG002
        """Refused."""
        raise _read_only(name)

    def trim_log(self, name: str, keep: timedelta, spare: Collection[int] = ()) -> None:  # noqa: ARG002 refused
        """Refused."""
        raise _read_only(name)


def _read_only(name: str) -> Conflict:
    return Conflict(f"table {name!r} is pinned to be learnt from: it is read only here")
