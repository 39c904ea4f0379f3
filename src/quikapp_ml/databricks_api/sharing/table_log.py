"""What a Delta table's log says: which files a version is made of, and what each commit changed.

References: Delta Transaction Protocol, https://github.com/delta-io/delta/blob/master/PROTOCOL.md
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import orjson
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from quikapp_ml.errors import FeatureDisabled, InvalidInput, NotFound, StorageFailed
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.delta_folders import CHANGE_FEED, feeds_changes

DELETION_VECTORS = "deletionVectors"
_COMMIT = re.compile(r"(\d{20})\.json")


@dataclass(frozen=True)
class TableHead:
    """A version without its files. Times are unix milliseconds."""

    version: int
    table_id: str
    columns: str
    """The schema as Delta's JSON text."""
    partition_columns: tuple[str, ...]
    configuration: Mapping[str, str]
    created_ms: int | None
    min_reader_version: int
    min_writer_version: int
    reader_features: frozenset[str] = frozenset()
    writer_features: frozenset[str] = frozenset()

    @property
    def feeds_changes(self) -> bool:
        """Whether commits after this version record what changed."""
        return feeds_changes(self.configuration)


@dataclass(frozen=True)
class DataFile:
    """A file of the table. `path` is relative to the table's folder and percent-encoded, as the log has it."""

    path: str
    size: int
    partition_values: Mapping[str, str | None]
    modified_ms: int = 0
    stats: Mapping[str, Any] = field(default_factory=dict)
    """`numRecords`, `minValues`, `maxValues`, `nullCount`, as far as they are known."""


@dataclass(frozen=True)
class Change:
    """A file that a commit added, removed, or wrote down changed rows in."""

    kind: str
    """`add`, `remove` or `cdc`."""
    file: DataFile
    version: int
    time_ms: int


@dataclass(frozen=True)
class Commit:
    """One entry of the log: its actions by kind, each as the log has it."""

    version: int
    time_ms: int
    actions: tuple[tuple[str, Mapping[str, Any]], ...]

    def changes(self, *, as_feed: bool) -> list[Change]:
        """What it did to the table's rows: as the change data feed tells it, or file by file.

        Raises InvalidInput when rows were removed by deletion vectors, which readers of plain files cannot see.
        """
        kept = [(kind, action) for kind, action in self.actions if kind in ("add", "remove", "cdc")]
        if any(action.get("deletionVector") for _, action in kept):
            raise InvalidInput(f"version {self.version} removed rows by deletion vectors, which cannot be shared")
        if as_feed and any(kind == "cdc" for kind, _ in kept):
            wanted = [(kind, action) for kind, action in kept if kind == "cdc"]
        else:
            wanted = [(kind, action) for kind, action in kept if kind != "cdc" and action.get("dataChange", True)]
        return [Change(kind, _logged_file(action), self.version, self.time_ms) for kind, action in wanted]

    @property
    def stops_feeding_changes(self) -> bool:
        """Whether it switches the change data feed off."""
        heads = [action for kind, action in self.actions if kind == "metaData"]
        return any(not feeds_changes(head.get("configuration") or {}) for head in heads)

    @property
    def changes_columns(self) -> bool:
        """Whether it changes the table's description."""
        return any(kind == "metaData" for kind, _ in self.actions)


class TableLog:
    """The log of one table in a folder. Each call reads what is there now.

    Raises NotFound without the table, StorageFailed when its log cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def newest_version(self) -> int:
        """Number of the newest version."""
        with _storage():
            return self._open().version()

    def head(self, version: int | None = None) -> TableHead:
        """A version, the newest by default. Raises InvalidInput when it is not there or no longer kept."""
        with _storage():
            return _head(self._open(version))

    def snapshot(self, version: int | None = None) -> tuple[TableHead, list[DataFile]]:
        """A version and its files, in the order of their paths.

        Raises InvalidInput like `head`, and when rows of the version are removed by deletion vectors.
        """
        with _storage():
            table = self._open(version)
            head = _head(table)
            if DELETION_VECTORS in head.reader_features and pa.table(table.deletion_vectors()).num_rows:
                raise InvalidInput(f"version {head.version} has deletion vectors, which cannot be shared")
            actions = pa.table(table.get_add_actions()).to_pylist()
        return head, sorted(map(_added_file, actions), key=lambda file: file.path)

    def feed_changes(self) -> None:
        """Switch the change data feed on, by a commit of its own, unless it is on already."""
        with _storage():
            table = self._open()
            if not _head(table).feeds_changes:
                table.alter.set_table_properties({CHANGE_FEED: "true"})

    def commit(self, version: int) -> Commit:
        """One entry of the log. Raises InvalidInput when it is not kept."""
        try:
            lines = self._commit_file(version).read_bytes().splitlines()
            actions = tuple(next(iter(orjson.loads(line).items())) for line in lines if line)
            return Commit(version, self._time_ms(version, actions), actions)
        except FileNotFoundError:
            raise _not_kept(version) from None
        except (OSError, ValueError) as error:
            raise StorageFailed(f"entry {version} of the log in {self.folder} cannot be read: {error}") from error

    def first_at_or_after(self, time_ms: int) -> int | None:
        """The earliest version that is not older; None when all are."""
        versions = self._logged_versions()
        found = bisect_left(versions, time_ms, key=self._time_of)
        return versions[found] if found < len(versions) else None

    def last_at_or_before(self, time_ms: int) -> int | None:
        """The newest version that is not younger; None when all are."""
        versions = self._logged_versions()
        found = bisect_right(versions, time_ms, key=self._time_of)
        return versions[found - 1] if found else None

    def _time_of(self, version: int) -> int:
        return self.commit(version).time_ms

    def _time_ms(self, version: int, actions: tuple[tuple[str, Mapping[str, Any]], ...]) -> int:
        told = next((action for kind, action in actions if kind == "commitInfo"), {})
        time_ms = told.get("inCommitTimestamp") or told.get("timestamp")
        return int(time_ms or self._commit_file(version).stat().st_mtime * 1000)

    def _logged_versions(self) -> list[int]:
        found = (_COMMIT.fullmatch(file.name) for file in self._log.iterdir())
        return sorted(int(match[1]) for match in found if match)

    def _commit_file(self, version: int) -> Path:
        return self._log / f"{version:020}.json"

    @property
    def _log(self) -> Path:
        return self.folder / "_delta_log"

    def _open(self, version: int | None = None) -> DeltaTable:
        url = self.folder.as_uri()
        table = DeltaTable(url)
        if version is None or version == table.version():
            return table
        if not 0 <= version <= table.version():
            raise InvalidInput(f"there is no version {version}; the newest is {table.version()}")
        try:
            return DeltaTable(url, version=version)
        except DeltaError:
            raise _not_kept(version) from None


def folder_of(lake: Lake, table: str) -> Path:
    """Where a table lies. Raises NotFound without it, FeatureDisabled when it lies in no folder."""
    uri = urlparse(lake.uri(table))
    if uri.scheme != "file":
        raise FeatureDisabled("only tables in a folder of this machine can be shared")
    return Path(unquote(uri.path))


@contextmanager
def _storage() -> Iterator[None]:
    try:
        yield
    except TableNotFoundError:
        raise NotFound("the table is not there any more") from None
    except (DeltaError, pa.ArrowException, OSError) as error:
        raise StorageFailed(f"the table's log cannot be read: {error}") from error


def _not_kept(version: int) -> InvalidInput:
    return InvalidInput(f"version {version} is not kept, or not any longer")


def _head(table: DeltaTable) -> TableHead:
    described, protocol = table.metadata(), table.protocol()
    return TableHead(
        version=table.version(),
        table_id=str(described.id),
        columns=table.schema().to_json(),
        partition_columns=tuple(described.partition_columns),
        configuration=dict(described.configuration),
        created_ms=described.created_time,
        min_reader_version=protocol.min_reader_version,
        min_writer_version=protocol.min_writer_version,
        reader_features=frozenset(protocol.reader_features or ()),
        writer_features=frozenset(protocol.writer_features or ()),
    )


def _logged_file(action: Mapping[str, Any]) -> DataFile:
    return DataFile(
        path=action["path"],
        size=int(action.get("size") or 0),
        partition_values=action.get("partitionValues") or {},
        modified_ms=int(action.get("modificationTime") or action.get("deletionTimestamp") or 0),
        stats=orjson.loads(action.get("stats") or "{}"),
    )


def _added_file(action: Mapping[str, Any]) -> DataFile:
    given = {
        "numRecords": action["num_records"],
        "minValues": _plain(action.get("min")),
        "maxValues": _plain(action.get("max")),
        "nullCount": _plain(action.get("null_count")),
    }
    return DataFile(
        path=action["path"],
        size=action["size_bytes"],
        partition_values={name: _text(value) for name, value in (action.get("partition") or {}).items()},
        modified_ms=action["modification_time"],
        stats={name: value for name, value in given.items() if value not in (None, {})},
    )


def _plain(value: Any) -> Any:
    """A statistic as JSON has it; None for what JSON cannot say exactly, such as decimals: a bound must not move."""
    if isinstance(value, Mapping):
        return {name: plain for name, each in value.items() if (plain := _plain(each)) is not None}
    if isinstance(value, datetime):
        text = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return text.isoformat(timespec="microseconds") + ("Z" if value.tzinfo else "")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value if isinstance(value, bool | int | str) else None


def _text(value: Any) -> str | None:
    """A partition's value as Delta writes it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        plain = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return plain.isoformat(sep=" ")
    if isinstance(value, date | int | float | Decimal):
        return str(value)
    raise InvalidInput(f"tables partitioned by values of type {type(value).__name__} cannot be shared")
