"""What has been added to a Delta table since one of its versions, and rows replaced by the files that hold them."""

from collections.abc import Sequence
from datetime import date
from typing import Literal
from urllib.parse import unquote, urlparse

import deltalake
import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from quikapp_ml.stores.lake.delta_files import properties_of

_ROWS_STAY = {
    "ADD COLUMN", "ADD CONSTRAINT", "DROP CONSTRAINT", "OPTIMIZE", "SET TBLPROPERTIES", "UPDATE TABLE METADATA",
    "VACUUM START", "VACUUM END",
}  # fmt: skip
"""Operations that change no row; any other one than an append may."""


def operations_since(newer: DeltaTable, since: int) -> Literal["none", "appends", "others"]:
    """What the commits after a version did to the rows: nothing, or nothing but adding some, or anything else."""
    told = [entry for entry in newer.history(newer.version() - since) if entry["operation"] not in _ROWS_STAY]
    if not told:
        return "none"
    return "appends" if all(map(_appends, told)) else "others"


def added_rows(older: DeltaTable, newer: DeltaTable, key: Sequence[str]) -> pa.Table:
    """Rows in files that the older version lacks, without those that came there from files which were compacted."""
    before, after = _files(older), _files(newer)
    rows = _rows(newer, [file for path, file in after.items() if path not in before])
    moved = [file for path, file in before.items() if path not in after]
    if not moved:
        return rows
    known = _rows(older, moved, key)
    return rows.join(known, keys=list(key), join_type="left anti").select(rows.column_names)


def replace_rows(table: DeltaTable, column: str, values: Sequence[str | date], rows: pa.Table) -> None:
    """Commit the rows in the place of those that have one of the values."""
    among = ", ".join(map(literal, values))
    alone = CommitProperties(max_commit_retries=0)  # as in `overwrite`
    predicate = f'"{column}" IN ({among})'
    how = properties_of(rows)
    deltalake.write_deltalake(
        table, rows, mode="overwrite", predicate=predicate, commit_properties=alone, writer_properties=how
    )


def literal(value: str | date) -> str:
    """A text, date or time in SQL."""
    quoted = "'" + str(value).replace("'", "''") + "'"
    return f"DATE {quoted}" if type(value) is date else quoted


def _appends(entry: dict[str, object]) -> bool:
    told = entry.get("operationParameters")
    return entry["operation"] == "WRITE" and isinstance(told, dict) and told.get("mode") == "Append"


def _files(table: DeltaTable) -> dict[str, ds.ParquetFileFragment]:
    return {file.path: file for file in _dataset(table).get_fragments()}


def _rows(table: DeltaTable, files: list[ds.ParquetFileFragment], columns: Sequence[str] | None = None) -> pa.Table:
    schema = _dataset(table).schema
    names = list(columns or schema.names)
    if not files:
        return schema.empty_table().select(names)
    if isinstance(files[0].filesystem, SubTreeFileSystem):
        return ds.FileSystemDataset(files, schema, files[0].format, files[0].filesystem).to_table(columns=names)
    return pa.concat_tables(_held(file).to_table(schema=schema, columns=names) for file in files)


def _dataset(table: DeltaTable) -> ds.FileSystemDataset:
    """The table's files, by Arrow's own file system where they are in a folder.

    delta-rs's is in Python: Arrow's threads that read by it and are still there when the process ends abort it.
    """
    place = urlparse(table.table_uri)
    in_folder = place.scheme in ("", "file")
    own = SubTreeFileSystem(unquote(place.path), LocalFileSystem()) if in_folder else None
    return table.to_pyarrow_dataset(filesystem=own)


def _held(file: ds.ParquetFileFragment) -> ds.ParquetFileFragment:
    """The file read into memory by this thread, for the same reason."""
    with file.filesystem.open_input_file(file.path) as opened:
        content = pa.BufferReader(opened.read())
    return file.format.make_fragment(content, partition_expression=file.partition_expression)
