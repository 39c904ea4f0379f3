"""How rows are brought to a table's columns: exactly, or with a refusal; a value is never changed on the way."""

import re

import pyarrow as pa

from quikapp_ml.errors import Conflict, InvalidInput

_NAME_PART = re.compile(r"[a-z0-9_]{1,100}")


def split_name(name: str) -> tuple[str, str, str]:
    """Catalog, schema and table of a full name. Raises InvalidInput; no name leads out of the lake's folder."""
    parts = name.split(".")
    if len(parts) != 3 or not all(_NAME_PART.fullmatch(part) for part in parts):
        raise InvalidInput(f"table name {name!r} must be catalog.schema.table, each of a-z, 0-9 and _")
    return parts[0], parts[1], parts[2]


def fit_rows(rows: pa.Table, columns: pa.Schema, table: str) -> pa.Table:
    """The rows in the order and types of `columns`, with nulls where a column is lacking.

    Raises InvalidInput on unknown columns and on types that do not fit without changing a value.
    """
    unknown = sorted(set(rows.column_names) - set(columns.names))
    if unknown:
        raise InvalidInput(
            f"table {table} has no column {', '.join(unknown)}; its columns are {', '.join(columns.names)}"
        )
    if len(set(rows.column_names)) < rows.num_columns:
        raise InvalidInput(f"a column is given twice for table {table}: {', '.join(rows.column_names)}")
    arrays = [_fit_column(rows, field, table) for field in columns]
    return pa.Table.from_arrays(arrays, schema=columns)


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
