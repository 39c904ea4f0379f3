"""What is declared of a table beside its columns, kept with the table itself as properties that anyone can read."""

from collections.abc import Mapping
from datetime import timedelta

import pyarrow as pa

from quikapp_ml.errors import InvalidInput
from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.constraints import check_constraints

CONSTRAINT = "delta.constraints."
"""What the name of a constraint begins with among the properties of a Delta table."""

UPKEEP = "quikapp_ml.upkeep."
"""What the names of properties begin with that the upkeep keeps with a table for itself."""

_OWNER = "quikapp_ml.owner"
_KEY = "quikapp_ml.key"
_RETENTION_SECONDS = "quikapp_ml.retention_seconds"
_RETENTION_COLUMN = "quikapp_ml.retention_column"
_OURS = (_OWNER, _KEY, _RETENTION_SECONDS, _RETENTION_COLUMN)


def check_declaration(table: Table) -> None:
    """Refuse a declaration that does not hold together. Raises InvalidInput naming the table and what is wrong."""
    check_constraints(table)
    if (table.retention is None) != (not table.retention_column):
        raise InvalidInput(f"table {table.name}: retention and retention_column are given together, or neither")
    if table.retention is None:
        return
    if table.retention < timedelta(seconds=1):
        raise InvalidInput(f"table {table.name}: retention {table.retention} must be a second or longer")
    if table.retention_column not in table.columns.names or not pa.types.is_timestamp(
        table.columns.field(table.retention_column).type
    ):
        times = [field.name for field in table.columns if pa.types.is_timestamp(field.type)]
        raise InvalidInput(
            f"table {table.name}: retention goes by {table.retention_column!r}, which is no column of times; "
            f"such are {', '.join(times) or 'none'}"
        )


def to_properties(table: Table) -> dict[str, str]:
    """Property → value, empty where nothing is declared."""
    seconds = "" if table.retention is None else str(table.retention // timedelta(seconds=1))
    ours = {
        _OWNER: table.owner,
        _KEY: ", ".join(table.key),
        _RETENTION_SECONDS: seconds,
        _RETENTION_COLUMN: table.retention_column,
    }
    return ours | {CONSTRAINT + name: sql for name, sql in table.constraints.items()}


def from_properties(name: str, columns: pa.Schema, comment: str, properties: Mapping[str, str]) -> Table:
    """The table whose properties they are."""
    seconds, key = properties.get(_RETENTION_SECONDS), properties.get(_KEY)
    return Table(
        name=name,
        columns=columns,
        key=tuple(key.split(", ")) if key else (),
        comment=comment,
        properties={
            name: value
            for name, value in properties.items()
            if name not in _OURS and not name.startswith(("delta.", UPKEEP))
        },
        constraints={
            name.removeprefix(CONSTRAINT): sql for name, sql in properties.items() if name.startswith(CONSTRAINT)
        },
        owner=properties.get(_OWNER, ""),
        retention=timedelta(seconds=int(seconds)) if seconds else None,
        retention_column=properties.get(_RETENTION_COLUMN, ""),
    )
