"""What keeps Delta tables small and their past readable: sizes, old rows, files and log entries of past versions."""

import math
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, QueryBuilder
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import FileSelector, FileType, PyFileSystem

from quikapp_ml.stores.lake.base import SMALL_FILE_BYTES, TableSize
from quikapp_ml.stores.lake.declared import UPKEEP
from quikapp_ml.stores.lake.delta_declared import KEEP_LOG, quoted

TOLD_LONGER = timedelta(days=7)
"""The log tells of a removed file for longer than it is kept: a run of the upkeep may be missed."""

_TOLD_SINCE = f"{UPKEEP}told_since"
"""Property: since when the log has told of removed files for so long."""

_TOLD = "delta.deletedFileRetentionDuration"
"""Property: for how long."""

_STEP = timedelta(days=30)
"""How long the log is kept changes in such steps: each change is a commit."""


def size_of(table: DeltaTable) -> TableSize:
    """Rows, files and bytes of the version that is open."""
    files = pa.table(table.get_add_actions())
    counted = pa.table(QueryBuilder().register("rows", table).execute("SELECT count(*) AS n FROM rows"))
    small = files.filter(pc.less(files["size_bytes"], SMALL_FILE_BYTES))["path"].to_pylist()
    beside = Counter(path.rpartition("/")[0] for path in small)  # a partition is a folder
    n_small = sum(count for count in beside.values() if count > 1)
    return TableSize(counted["n"][0].as_py(), files.num_rows, n_small, pc.sum(files["size_bytes"]).as_py() or 0)


def delete_older(table: DeltaTable, column: str, time: datetime) -> int:
    """Delete the rows of before a time, in one commit if there are such."""
    done = table.delete(f"{quoted(column)} < '{time.astimezone(UTC).isoformat(timespec='microseconds')}'")
    return int(done["num_deleted_rows"])


def delete_files(
    table: DeltaTable, options: Mapping[str, str], keep: timedelta, spared: Collection[int], *, dry_run: bool
) -> int:
    """Delete the files of versions that were replaced longer ago, but for those that a version to spare is made of.

    Without files to delete there is no commit: delta-rs tells of those that it deleted before, too, and would commit
    each time.
    """
    hours, full = math.ceil(keep / timedelta(hours=1)), _knows_all(table, keep)
    told = table.vacuum(hours, dry_run=True, enforce_retention_duration=False, full=full, keep_versions=list(spared))
    n_files = len(set(told) & _files_below(table, options)) if told else 0
    if n_files and not dry_run:
        table.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=full, keep_versions=list(spared))
    return n_files


def trim_log(table: DeltaTable, keep: timedelta, oldest: datetime) -> None:
    """Forget entries of the log of before `oldest`, and tell of removed files for as long as these are kept."""
    log_days = math.ceil((datetime.now(UTC) - oldest + timedelta(days=1)) / _STEP) * _STEP.days
    properties = {
        **KEEP_LOG,
        _TOLD: f"interval {math.ceil((keep + TOLD_LONGER) / timedelta(days=1))} days",
        "delta.logRetentionDuration": f"interval {log_days} days",
    }
    held = table.metadata().configuration
    if held.get(_TOLD) != properties[_TOLD]:
        properties[_TOLD_SINCE] = datetime.now(UTC).isoformat()
    if any(held.get(name) != value for name, value in properties.items()):
        table.alter.set_table_properties(properties, raise_if_not_exists=False)
    table.cleanup_metadata()


def kept_versions(table: DeltaTable, options: Mapping[str, str], versions: Collection[int]) -> dict[int, datetime]:
    """Version → when it was committed, of those of which the table's log still tells."""
    found = _folder(table, options).get_file_info([f"_delta_log/{version:020}.json" for version in versions])
    entries = zip(versions, found, strict=True)
    return {version: entry.mtime for version, entry in entries if entry.type == FileType.File}


def _knows_all(table: DeltaTable, keep: timedelta) -> bool:
    """Whether a file of which the log does not tell is sure to be needed by no version that is kept.

    So files go that only a deleted model version kept, or that a killed writer left. Not of what is younger than a day:
    a commit may be about to name it. Nor where deletion vectors are: delta-rs does not know their files as the table's.
    """
    since = table.metadata().configuration.get(_TOLD_SINCE)
    if since is None or "deletionVectors" in (table.protocol().reader_features or ()):
        return False
    return timedelta(days=1) <= keep <= datetime.now(UTC) - datetime.fromisoformat(since)


def _files_below(table: DeltaTable, options: Mapping[str, str]) -> set[str]:
    found = _folder(table, options).get_file_info(FileSelector("", recursive=True))
    return {file.path for file in found if file.type == FileType.File}


def _folder(table: DeltaTable, options: Mapping[str, str]) -> PyFileSystem:
    return PyFileSystem(DeltaStorageHandler(table.table_uri, dict(options)))
