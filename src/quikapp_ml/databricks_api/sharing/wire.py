"""The two forms in which a table is told to a reader: `parquet` for plain files, `delta` for the log's own actions.

References: https://github.com/delta-io/delta-sharing/blob/main/PROTOCOL.md#api-response-format
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from quikapp_ml.databricks_api.sharing.table_log import DELETION_VECTORS, Change, DataFile, TableHead
from quikapp_ml.errors import InvalidInput
from quikapp_ml.stores.lake.delta_folders import CHANGE_FEED

CAPABILITIES = "delta-sharing-capabilities"
PARQUET = "parquet"
DELTA = "delta"
_TIMESTAMP_WITHOUT_ZONE = "timestampNtz"
_INVISIBLE = frozenset((DELETION_VECTORS, "v2Checkpoint", "vacuumProtocolCheck"))
"""Reader features that matter to the log's reader only; a version that has deletion vectors is refused before."""


@dataclass(frozen=True)
class Signed:
    """Where a file is to be had, and until when (unix milliseconds)."""

    url: str
    expires_ms: int


Sign = Callable[[DataFile, int], Signed]
"""From a file and the version it is read at to its URL."""


@dataclass(frozen=True)
class Capabilities:
    """What a reader understands."""

    formats: frozenset[str] = frozenset((PARQUET,))
    features: frozenset[str] = frozenset()

    @classmethod
    def from_header(cls, header: str) -> "Capabilities":
        """Read `responseformat=delta,parquet;readerfeatures=…`; what is not known is left alone."""
        fields = dict(part.strip().partition("=")[::2] for part in header.lower().split(";"))
        formats = {each.strip() for each in fields.get("responseformat", PARQUET).split(",")}
        features = {each.strip() for each in fields.get("readerfeatures", "").split(",") if each.strip()}
        return cls(frozenset(formats), frozenset(features))


class Wire(ABC):
    """One form. Each method gives one line, as a value for JSON."""

    name: str

    @abstractmethod
    def protocol(self, head: TableHead) -> dict[str, Any]:
        """The first line."""

    @abstractmethod
    def metadata(self, head: TableHead, **more: int) -> dict[str, Any]:
        """The second line, and one for each version that changes columns; `more` are version, size and numFiles."""

    @abstractmethod
    def file(self, file: DataFile, signed: Signed, **at: int) -> dict[str, Any]:
        """A file of a version; `at` are version and timestamp when the reader travels in time."""

    @abstractmethod
    def change(self, change: Change, signed: Signed) -> dict[str, Any]:
        """A file that a commit added, removed, or wrote changed rows in."""


class ParquetWire(Wire):
    """Plain files, for readers that know nothing of Delta."""

    name = PARQUET

    def protocol(self, head: TableHead) -> dict[str, Any]:  # noqa: ARG002  it is the same for all tables
        """Version 1, always."""
        return {"protocol": {"minReaderVersion": 1}}

    def metadata(self, head: TableHead, **more: int) -> dict[str, Any]:
        """Columns, partitions, and whether there is a change data feed."""
        configuration = {"enableChangeDataFeed": "true"} if head.feeds_changes else {}
        return {
            "metaData": {
                "id": head.table_id,
                "format": {"provider": "parquet"},
                "schemaString": head.columns,
                "partitionColumns": head.partition_columns,
                "configuration": configuration,
                **more,
            }
        }

    def file(self, file: DataFile, signed: Signed, **at: int) -> dict[str, Any]:
        """URL, size, partition and statistics."""
        return {"file": {**self._located(file, signed), **_stats(file), **at}}

    def change(self, change: Change, signed: Signed) -> dict[str, Any]:
        """The same, with version and time of the commit."""
        kind = {"cdc": "cdf"}.get(change.kind, change.kind)
        stats = _stats(change.file) if kind == "add" else {}
        located = self._located(change.file, signed)
        return {kind: {**located, **stats, "version": change.version, "timestamp": change.time_ms}}

    @staticmethod
    def _located(file: DataFile, signed: Signed) -> dict[str, Any]:
        return {
            "url": signed.url,
            "id": _file_id(file),
            "partitionValues": {name: value or "" for name, value in file.partition_values.items()},
            "size": file.size,
            "expirationTimestamp": signed.expires_ms,
        }


class DeltaWire(Wire):
    """The log's own actions with URLs for paths, for readers that have a Delta engine."""

    name = DELTA

    def protocol(self, head: TableHead) -> dict[str, Any]:
        """What the table asks of its readers."""
        told: dict[str, Any] = {"minReaderVersion": 1, "minWriterVersion": min(head.min_writer_version, 6)}
        if features := _visible_features(head):
            named = sorted(features)
            told = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": named, "writerFeatures": named}
            if head.feeds_changes:
                told["writerFeatures"] = [*named, "changeDataFeed"]
        return {"protocol": {"deltaProtocol": told}}

    def metadata(self, head: TableHead, **more: int) -> dict[str, Any]:
        """The table's metadata; of its properties only what a reader needs."""
        described = {
            "id": head.table_id,
            "format": {"provider": "parquet", "options": {}},
            "schemaString": head.columns,
            "partitionColumns": head.partition_columns,
            "configuration": {CHANGE_FEED: "true"} if head.feeds_changes else {},
            "createdTime": head.created_ms,
        }
        return {"metaData": {**more, "deltaMetadata": described}}

    def file(self, file: DataFile, signed: Signed, **at: int) -> dict[str, Any]:
        """An `add` action."""
        return self._wrapped(file, signed, {"add": self._added(file, signed)}, **at)

    def change(self, change: Change, signed: Signed) -> dict[str, Any]:
        """An `add`, `remove` or `cdc` action."""
        file = change.file
        action: dict[str, Any]
        if change.kind == "add":
            action = self._added(file, signed)
        else:
            located = {"path": signed.url, "partitionValues": file.partition_values, "size": file.size}
            action = {**located, "dataChange": change.kind == "remove"}
        if change.kind == "remove":
            action |= {"deletionTimestamp": file.modified_ms, "extendedFileMetadata": True}
        return self._wrapped(file, signed, {change.kind: action}, version=change.version, timestamp=change.time_ms)

    @staticmethod
    def _added(file: DataFile, signed: Signed) -> dict[str, Any]:
        return {
            "path": signed.url,
            "partitionValues": file.partition_values,
            "size": file.size,
            "modificationTime": file.modified_ms,
            "dataChange": True,
            **_stats(file),
        }

    @staticmethod
    def _wrapped(file: DataFile, signed: Signed, action: Mapping[str, Any], **at: int) -> dict[str, Any]:
        told = {"id": _file_id(file), "size": file.size, "expirationTimestamp": signed.expires_ms}
        return {"file": {**told, **at, "deltaSingleAction": action}}


def wire_for(head: TableHead, capabilities: Capabilities) -> Wire:
    """The form for this table and reader: plain files when they will do.

    Raises InvalidInput when the table has features that cannot be shared, or that the reader does not understand.
    """
    features = _visible_features(head)
    unshared = sorted(features - {_TIMESTAMP_WITHOUT_ZONE})
    if unshared or head.min_reader_version == 2:
        raise InvalidInput(f"a table with {', '.join(unshared) or 'columnMapping'} cannot be shared")
    if not features and PARQUET in capabilities.formats:
        return ParquetWire()
    unread = sorted(each for each in features if each.lower() not in capabilities.features)
    if DELTA not in capabilities.formats or unread:
        needed = f"responseformat=delta{';readerfeatures=' + ','.join(features).lower() if features else ''}"
        raise InvalidInput(f"this table is read by a client that sends the header {CAPABILITIES}: {needed}")
    return DeltaWire()


def ndjson(lines: list[dict[str, Any]]) -> bytes:
    """Values as lines of JSON."""
    return b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)


def _visible_features(head: TableHead) -> frozenset[str]:
    return head.reader_features - _INVISIBLE


def _file_id(file: DataFile) -> str:
    return hashlib.sha256(file.path.encode()).hexdigest()[:32]


def _stats(file: DataFile) -> dict[str, str]:
    return {"stats": orjson.dumps(file.stats).decode()} if file.stats else {}
