"""Columns as statistics see them: numbers, categories, or neither."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Floats = np.ndarray[Any, np.dtype[np.float64]]

_SQL_TYPES = {
    "int8": "tinyint", "int16": "smallint", "int32": "int", "int64": "bigint", "float": "float", "double": "double",
    "bool": "boolean", "string": "string", "large_string": "string", "date32[day]": "date",
}  # fmt: skip


def sql_type(kind: pa.DataType) -> str:
    """The type's name in Spark SQL."""
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"array<{sql_type(kind.value_type)}>"
    return _SQL_TYPES.get(str(kind), str(kind))


def is_numeric(kind: pa.DataType) -> bool:
    """Whether means and quantiles make sense."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def is_categorical(kind: pa.DataType) -> bool:
    """Whether values are counted."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind))


def numbers(column: pa.ChunkedArray) -> Floats:
    """(n,): the values that are there and are finite numbers."""
    values: Floats = pc.cast(column.drop_null(), pa.float64()).to_numpy()
    return values[np.isfinite(values)]


def category_counts(column: pa.ChunkedArray) -> dict[str, int]:
    """How often each value is there, the most frequent first."""
    counts = pc.value_counts(pc.cast(column.drop_null(), pa.string()).combine_chunks()).to_pylist()
    ordered = sorted(counts, key=lambda each: (-each["counts"], each["values"]))
    return {each["values"]: each["counts"] for each in ordered}
