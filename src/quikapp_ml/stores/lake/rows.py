"""How rows are brought to a table's columns: exactly, or with a refusal; a value is never changed on the way."""

import re
from collections.abc import Sequence
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from quikapp_ml.errors import Conflict, InvalidInput

_NAME_PART = re.compile(r"[a-z0-9_]{1,100}")


def is_name_part(text: str) -> bool:
    """Whether a catalog, schema or table may be called so."""
    return _NAME_PART.fullmatch(text) is not None


def split_name(name: str) -> tuple[str, str, str]:
    """Catalog, schema and table of a full name. Raises InvalidInput; no name leads out of the lake's folder."""
    parts = name.split(".")
    if len(parts) != 3 or not all(map(is_name_part, parts)):
        raise InvalidInput(f"table name {name!r} must be catalog.schema.table, each of a-z, 0-9 and _")
    return parts[0], parts[1], parts[2]


def fit_rows(rows: pa.Table, columns: pa.Schema, table: str) -> pa.Table:
    """The rows in the order and types of `columns`, with nulls where a column is lacking.

    Raises InvalidInput on unknown columns and on types that do not fit without changing a value.
    """
    _check_names(rows, columns, table)
    arrays = [_fit_column(rows, field, table) for field in columns]
    return pa.Table.from_arrays(arrays, schema=columns)


def fit_given_rows(rows: pa.Table, columns: pa.Schema, table: str) -> pa.Table:
    """As `fit_rows`, with those columns only that `rows` has."""
    _check_names(rows, columns, table)
    return fit_rows(rows, pa.schema([field for field in columns if field.name in rows.column_names]), table)


def check_keys(rows: pa.Table, keys: Sequence[str], table: str) -> None:
    """Raise InvalidInput when a key column is lacking, a key is null, or a key is given twice; it names the first."""
    lacking = [key for key in keys if key not in rows.column_names]
    if lacking or not keys:
        raise InvalidInput(
            f"the key of table {table} is {', '.join(keys) or 'empty'}; the rows lack {', '.join(lacking) or 'it'}"
        )
    for key in keys:
        if rows.column(key).null_count:
            raise InvalidInput(f"key column {key} of table {table} is null in {rows.column(key).null_count} rows")
    counted = rows.select(list(keys)).group_by(list(keys)).aggregate([([], "count_all")])
    twice = counted.filter(pc.greater(counted.column("count_all"), 1))
    if twice.num_rows:
        first = twice.slice(0, 1).to_pylist()[0]
        given = ", ".join(f"{key}={str(first[key])!r}" for key in keys)
        raise InvalidInput(
            f"table {table}: key {given} is given {first['count_all']} times"
            f"{f', and {twice.num_rows - 1} others more than once' if twice.num_rows > 1 else ''}"
        )


def within(rows: pa.Table, column: str, values: Sequence[str | date]) -> pa.ChunkedArray:
    """Of each row, whether its column has one of the values."""
    kind = rows.schema.field(column).type
    return pc.fill_null(pc.is_in(rows[column], pa.array(list(values), kind)), False)


def check_within(rows: pa.Table, column: str, values: Sequence[str | date], table: str) -> None:
    """Raise InvalidInput when a row has another value in the column than those whose rows are replaced."""
    others = rows.filter(pc.invert(within(rows, column, values)))
    if others.num_rows:
        raise InvalidInput(
            f"table {table}: rows are replaced where {column} is one of {len(values)} values; {others.num_rows} of the "
            f"given rows have another one there, such as {others[column][0].as_py()}"
        )


def merged_rows(kept: pa.Table, given: pa.Table, keys: Sequence[str]) -> pa.Table:
    """The rows of `kept` with those of `given` merged in; columns that `given` lacks keep their values."""
    merged = {tuple(row[key] for key in keys): row for row in kept.to_pylist()}
    for row in given.to_pylist():
        merged.setdefault(tuple(row[key] for key in keys), {}).update(row)
    return pa.Table.from_pylist(list(merged.values()), schema=kept.schema)


def missing_columns(declared: pa.Schema, existing: pa.Schema, table: str) -> list[pa.Field]:
    """Declared columns that the table lacks. Raises Conflict when an existing column has another type."""
    missing = []
    for field in declared:
        index = existing.get_field_index(field.name)
        if index < 0:
            missing.append(field)
        elif existing.field(index).type != field.type:
            raise Conflict(
                f"column {field.name} of table {table} is {existing.field(index).type}, and is now declared as "
                f"{field.type}; a column keeps its type: declare one of another name"
            )
    return missing


def chosen_columns(columns: list[str] | None, existing: pa.Schema, table: str) -> list[str]:
    """The columns to read; all of them by default. Raises InvalidInput on unknown ones."""
    chosen = list(existing.names) if columns is None else columns
    if not chosen or len(set(chosen)) < len(chosen):
        raise InvalidInput(f"columns to read from table {table}: {chosen}; name at least one, and each once")
    unknown = [name for name in chosen if name not in existing.names]
    if unknown:
        raise InvalidInput(
            f"table {table} has no column {', '.join(unknown)}; its columns are {', '.join(existing.names)}"
        )
    return chosen


def _check_names(rows: pa.Table, columns: pa.Schema, table: str) -> None:
    unknown = sorted(set(rows.column_names) - set(columns.names))
    if unknown:
        raise InvalidInput(
            f"table {table} has no column {', '.join(unknown)}; its columns are {', '.join(columns.names)}"
        )
    if len(set(rows.column_names)) < rows.num_columns:
        raise InvalidInput(f"a column is given twice for table {table}: {', '.join(rows.column_names)}")


def _fit_column(rows: pa.Table, field: pa.Field, table: str) -> pa.ChunkedArray | pa.Array:
    if field.name not in rows.column_names:
        return pa.nulls(rows.num_rows, field.type)
    column = rows.column(field.name)
    if column.type == field.type:
        return column
    if not _fits(column.type, field.type):
        raise InvalidInput(f"column {field.name} of table {table} is {field.type}; {column.type} does not fit")
    try:
        return column.cast(field.type)
    except pa.ArrowInvalid as error:
        raise InvalidInput(f"column {field.name} of table {table} is {field.type}: {error}") from None


def _fits(given: pa.DataType, declared: pa.DataType) -> bool:
    """Whether a cast is a matter of form only: engines differ in what they would convert silently."""
    kinds = pa.types
    if given == declared or kinds.is_null(given):
        return True
    if _is_text(declared):
        return _is_text(given.value_type if kinds.is_dictionary(given) else given)
    if kinds.is_list(declared):
        is_list = kinds.is_list(given) or kinds.is_large_list(given)
        return is_list and _fits(given.value_type, declared.value_type)
    if kinds.is_timestamp(declared):
        return kinds.is_timestamp(given) and bool((given.tz is None) == (declared.tz is None))
    same_kind = (kinds.is_signed_integer(given) and kinds.is_signed_integer(declared)) or (
        kinds.is_floating(given) and kinds.is_floating(declared)
    )
    return bool(same_kind and given.bit_width <= declared.bit_width)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
