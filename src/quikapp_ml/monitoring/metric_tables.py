"""The tables that monitors write: their columns, and how the rows of one refresh go in."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from quikapp_ml.monitoring import drift, profiles
from quikapp_ml.monitoring.definition import Kind, MonitorDefinition
from quikapp_ml.stores.lake.base import Lake, Table
from quikapp_ml.stores.lake.tables import OWNER, TIME

_WINDOW = pa.struct([pa.field("start", TIME), pa.field("end", TIME)])
_WHERE: Mapping[str, pa.DataType] = {
    "granularity": pa.string(),
    "slice_key": pa.string(),
    "slice_value": pa.string(),
    "column_name": pa.string(),
}
_PROFILE: Mapping[str, pa.DataType] = {
    "window": _WINDOW,
    "log_type": pa.string(),
    "logging_table_commit_version": pa.int64(),
    "monitor_version": pa.int64(),
    **_WHERE,
    **profiles.STATISTICS,
}
_DRIFT: Mapping[str, pa.DataType] = {
    "window": _WINDOW,
    "window_cmp": _WINDOW,
    "drift_type": pa.string(),
    "monitor_version": pa.int64(),
    **_WHERE,
    **drift.STATISTICS,
}

RESERVED = frozenset(_PROFILE) | frozenset(_DRIFT)
"""Names that no column of model ids may have."""


def profile_table(definition: MonitorDefinition) -> Table:
    """The declaration of a monitor's table of profiles."""
    return _table(definition, definition.profile_table, _PROFILE, f"Profiles of {definition.table}.")


def drift_table(definition: MonitorDefinition) -> Table:
    """The declaration of a monitor's table of drift."""
    return _table(definition, definition.drift_table, _DRIFT, f"Drift of {definition.table}.")


def write(lake: Lake, definition: MonitorDefinition, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add the rows of one refresh; those of windows that were looked at before take the place of the earlier ones."""
    lake.ensure(table)
    new = pa.Table.from_pylist([dict(row) for row in rows], schema=table.columns)
    if definition.kind is Kind.SNAPSHOT:
        lake.append(table.name, new)
        return
    old = lake.read(table.name).select(table.columns.names).cast(table.columns)
    kept = old.filter(pc.invert(pc.is_in(_starts(old), value_set=pc.unique(_starts(new)))))
    lake.overwrite(table.name, pa.concat_tables([kept, new]))


def _table(definition: MonitorDefinition, name: str, columns: Mapping[str, pa.DataType], comment: str) -> Table:
    model = {definition.inference.model_id_col: pa.string()} if definition.inference else {}
    schema = pa.schema([pa.field(column, kind) for column, kind in {**columns, **model}.items()])
    key = ("window", *_WHERE, *model)
    return Table(name=name, columns=schema, key=key, comment=f"{comment} Written by its monitor.", owner=OWNER)


def _starts(rows: pa.Table) -> pa.ChunkedArray:
    """Granularity and beginning of each row's window, as one text."""
    start = pc.cast(pc.cast(pc.struct_field(rows["window"], "start"), pa.int64()), pa.string())
    return pc.binary_join_element_wise(pc.fill_null(rows["granularity"], ""), start, "@")
