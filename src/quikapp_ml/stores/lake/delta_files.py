"""How the Parquet files of a Delta table are written."""

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import ColumnProperties, WriterProperties

SAMPLE = 20_000
"""Rows that are looked at, from the middle of what is written; fewer than these are written as the writer likes."""

MOSTLY = 0.5
"""Share of different values, above which a dictionary of them is no shorter than they are."""

_PLAIN = ColumnProperties(dictionary_enabled=False)


def properties_of(rows: pa.Table) -> WriterProperties:
    """What the writer should know of the rows.

    A writer makes a dictionary of every column, and gives it up where it grows too long: of ids and times that has cost
    more than all the rest by then.
    """
    if rows.num_rows < SAMPLE:
        return WriterProperties()
    sample = rows.slice((rows.num_rows - SAMPLE) // 2, SAMPLE)
    plain = [
        field.name for field in sample.schema if _is_simple(field.type) and _is_mostly_different(sample[field.name])
    ]
    return WriterProperties(column_properties=dict.fromkeys(plain, _PLAIN))


def _is_simple(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_timestamp(kind) or pa.types.is_integer(kind))


def _is_mostly_different(column: pa.ChunkedArray) -> bool:
    n_given = len(column) - column.null_count
    return bool(pc.count_distinct(column).as_py() > MOSTLY * n_given > 0)
