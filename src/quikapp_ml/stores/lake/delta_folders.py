"""Delta tables by their URL, wherever they are: what is known of them, their making and their end."""

import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse
from uuid import uuid4

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import PyFileSystem

from quikapp_ml.errors import AlreadyExists, InvalidInput, NotFound, StorageFailed
from quikapp_ml.stores.lake.roots import PATIENCE, SCHEMES
from quikapp_ml.stores.lake.secrecy import cause, without_keys

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeltaFacts:
    """What the newest version of a table says about it."""

    table_id: str
    version: int
    schema: str
    """The columns as Delta's JSON text."""
    partition_columns: tuple[str, ...] = ()
    comment: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime | None = None


@dataclass(frozen=True)
class HistoryEntry:
    """One commit, as its log tells it."""

    version: int
    time: datetime
    operation: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, str]
    engine: str


FIRST_COMMIT = CommitProperties(max_commit_retries=0)
"""Of what makes a table: tried again, it would be a second commit over the table that somebody else has just made."""

CHANGE_FEED = "delta.enableChangeDataFeed"


def feeds_changes(properties: Mapping[str, str]) -> bool:
    """Whether a table with these properties tells its changes."""
    return properties.get(CHANGE_FEED, "").lower() == "true"


def create_delta(uri: str, facts: DeltaFacts, rows: pa.Table | None = None) -> DeltaFacts:
    """Make a table, empty or with its rows, in one commit.

    Raises AlreadyExists when one is there, InvalidInput when Delta does not take it.
    """
    with _named(uri):
        if is_delta(uri):
            raise AlreadyExists("there is a Delta table at this place already")
        if uri.startswith("file://"):
            folder_of_url(uri).mkdir(parents=True, exist_ok=True)
    described: dict[str, Any] = {
        "partition_by": list(facts.partition_columns),
        "description": facts.comment or None,
        "configuration": dict(facts.properties),
        "storage_options": _options(uri),
        "commit_properties": FIRST_COMMIT,
    }
    try:
        if rows is None:
            schema = Schema.from_json(facts.schema)
            DeltaTable.create(uri, schema=schema, raise_if_key_not_exists=False, **described)
        else:
            write_deltalake(uri, rows, mode="error", **described)
    except (DeltaError, ValueError) as error:
        if is_delta(uri):
            raise AlreadyExists("somebody else has just made a Delta table at this place") from cause(error)
        raise InvalidInput(f"Delta does not take this table: {without_keys(str(error))[:500]}") from cause(error)
    except OSError as error:
        raise StorageFailed(f"the table cannot be made: {without_keys(str(error))}") from cause(error)
    return delta_facts(uri)


def set_delta_properties(uri: str, properties: Mapping[str, str]) -> None:
    """Change what Delta itself keeps to, in one commit. Raises InvalidInput for what it does not know."""
    try:
        _open(uri).alter.set_table_properties(dict(properties))
    except (DeltaError, ValueError) as error:
        raise InvalidInput(f"Delta does not take these properties: {without_keys(str(error))[:500]}") from cause(error)


def is_delta(uri: str) -> bool:
    """Whether a table has been created there."""
    return DeltaTable.is_deltatable(uri, storage_options=_options(uri))


def delta_facts(uri: str) -> DeltaFacts:
    """What is known of a table. Raises NotFound without it."""
    with _named(uri):
        table = _open(uri)
        told = table.metadata()
        created = told.created_time
        return DeltaFacts(
            str(told.id),
            table.version(),
            table.schema().to_json(),
            tuple(told.partition_columns),
            told.description or "",
            dict(told.configuration),
            datetime.fromtimestamp(created / 1000, UTC) if created else None,
        )


def delta_history(uri: str, limit: int) -> list[HistoryEntry]:
    """Newest commits first. Raises NotFound without the table."""
    with _named(uri):
        return [_entry(each) for each in _open(uri).history(limit)]


def overwrite_delta(uri: str, rows: pa.Table, partition_by: Sequence[str] = ()) -> None:
    """Put rows, their columns and partitions in the place of what was there, in one commit.

    Raises InvalidInput when Delta does not take them.
    """
    _write(uri, rows, mode="overwrite", schema_mode="overwrite", partition_by=list(partition_by))


def add_delta_columns(uri: str, schema: str) -> None:
    """Add columns, told as a Delta schema's JSON text, in one commit; those that are there stay as they are."""
    with _named(uri):
        table = _open(uri)
    try:
        table.alter.add_columns(Schema.from_json(schema).fields)
    except (DeltaError, ValueError) as error:
        raise InvalidInput(f"the columns cannot be added: {without_keys(str(error))[:500]}") from cause(error)
    except OSError as error:
        raise StorageFailed(f"the columns cannot be added: {without_keys(str(error))}") from cause(error)


def append_delta(uri: str, rows: pa.Table) -> None:
    """Add rows in one commit. Raises InvalidInput for rows that the table does not take."""
    _write(uri, rows, mode="append")


def empty_rows(schema: str) -> pa.Table:
    """No rows, of the columns of a Delta schema's JSON text."""
    return pa.table(pa.schema(Schema.from_json(schema).to_arrow()).empty_table())


def _write(uri: str, rows: pa.Table, **how: Any) -> None:
    try:
        write_deltalake(uri, rows, storage_options=_options(uri), **how)
    except (DeltaError, ValueError) as error:
        raise InvalidInput(f"the table does not take these rows: {without_keys(str(error))[:500]}") from cause(error)
    except OSError as error:
        raise StorageFailed(f"the rows cannot be written: {without_keys(str(error))}") from cause(error)


def remove_delta(uri: str) -> None:
    """Delete a table with all its versions; nothing happens without it."""
    with _named(uri):
        if uri.startswith("file://"):
            folder = folder_of_url(uri)
            if folder.is_dir():
                gone = folder.with_name(f".dropped-{uuid4().hex}")
                folder.rename(gone)  # out of sight at once
                shutil.rmtree(gone)
            return
        above, _, name = uri.rpartition("/")
        files = PyFileSystem(DeltaStorageHandler(above, _options(uri)))
        for place in (f"{name}/_delta_log", name):  # the log first, so that no half a table is read
            files.delete_dir(place)


def folder_of_url(uri: str) -> Path:
    """The folder that a file URL names."""
    return Path(unquote(urlparse(uri).path))


def _open(uri: str) -> DeltaTable:
    try:
        return DeltaTable(uri, storage_options=_options(uri))
    except DeltaError as error:
        if isinstance(error, TableNotFoundError) or not is_delta(uri):  # it went while it was being opened
            raise NotFound("there is no Delta table at the place of this table") from None
        raise


def _options(uri: str) -> dict[str, str]:
    return dict(PATIENCE) if urlparse(uri).scheme in SCHEMES else {}


def _entry(told: Mapping[str, Any]) -> HistoryEntry:
    parameters = {key: str(value) for key, value in (told.get("operationParameters") or {}).items()}
    metrics = {key: str(value) for key, value in (told.get("operationMetrics") or {}).items()}
    at = datetime.fromtimestamp(told["timestamp"] / 1000, UTC)
    operation = str(told.get("operation", ""))
    return HistoryEntry(told["version"], at, operation, parameters, metrics, str(told.get("engineInfo", "")))


@contextmanager
def _named(uri: str) -> Iterator[None]:
    try:
        yield
    except (DeltaError, OSError) as error:
        logger.debug("the table at %s cannot be reached", without_keys(uri))
        raise StorageFailed(f"the table's files cannot be reached: {without_keys(str(error))}") from cause(error)
