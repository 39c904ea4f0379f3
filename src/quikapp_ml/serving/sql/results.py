"""Rows as statements answer them: columns in the words of SQL, values as texts."""

import base64
import datetime
import decimal
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa

from quikapp_ml.serving.catalog.columns import Column, read_type, type_text, unity_name

_NAMES: dict[str, str] = {
    "null": "void", "bool": "boolean", "int8": "tinyint", "int16": "smallint", "int32": "int", "int64": "bigint",
    "uint8": "smallint", "uint16": "int", "uint32": "bigint", "uint64": "decimal(20,0)", "halffloat": "float",
    "float": "float", "double": "double", "string": "string", "large_string": "string", "string_view": "string",
    "binary": "binary", "large_binary": "binary", "binary_view": "binary", "date32[day]": "date", "date64[ms]": "date",
}  # fmt: skip


@dataclass(frozen=True)
class ResultColumn:
    """A column of an answer."""

    name: str
    type_text: str
    """In SQL, such as `array<double>`."""
    type_name: str
    """Of Unity Catalog's list of types."""


def described(schema: pa.Schema) -> list[ResultColumn]:
    """The columns of rows."""
    return [_described(field) for field in schema]


def columns_of(schema: pa.Schema) -> list[Column]:
    """The columns that a table of such rows has; intervals and untyped nulls are texts there."""
    found = []
    for field in schema:
        text = sql_type(field.type)
        kept = "string" if text.startswith("interval") or text == "void" else text
        found.append(Column(field.name, read_type(kept)))
    return found


def sql_type(kind: pa.DataType) -> str:
    """A type of Arrow in SQL."""
    if str(kind) in _NAMES:
        return _NAMES[str(kind)]
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "timestamp" if kind.tz else "timestamp_ntz"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return f"array<{sql_type(kind.value_type)}>"
    if pa.types.is_map(kind):
        return f"map<{sql_type(kind.key_type)},{sql_type(kind.item_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{','.join(f'`{field.name}`:{sql_type(field.type)}' for field in kind)}>"
    if pa.types.is_duration(kind):
        return "interval day to second"
    if pa.types.is_interval(kind):
        return "interval year to month"
    if pa.types.is_dictionary(kind):
        return sql_type(kind.value_type)
    return "string"


def texts(rows: pa.Table) -> list[list[str | None]]:
    """The values of rows as JSON_ARRAY has them: each a text, or null."""
    columns = [column_texts(column) for column in rows.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def text_of(value: Any) -> str:
    """One value, not null, as Databricks writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, datetime.datetime):
        return _time(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.timedelta):
        return _interval(value)
    if isinstance(value, (list, dict)):
        return orjson.dumps(_nested(value)).decode()
    return format(value, "f") if isinstance(value, decimal.Decimal) else str(value)


def _described(field: pa.Field) -> ResultColumn:
    text = sql_type(field.type)
    if text.startswith("interval"):
        return ResultColumn(field.name, text.upper(), "INTERVAL")
    kind = read_type(text)
    return ResultColumn(field.name, type_text(kind).upper(), unity_name(kind))


def column_texts(column: pa.ChunkedArray) -> list[str | None]:
    """The values of one column as texts, or null."""
    if pa.types.is_map(column.type) or _holds_map(column.type):
        return [None if value is None else text_of(_maps(value, column.type)) for value in column.to_pylist()]
    if pa.types.is_string(column.type):
        values: list[str | None] = column.to_pylist()
        return values
    if pa.types.is_integer(column.type):
        as_texts: list[str | None] = column.cast(pa.string()).to_pylist()
        return as_texts
    return [None if value is None else text_of(value) for value in column.to_pylist()]


def _holds_map(kind: pa.DataType) -> bool:
    return pa.types.is_nested(kind) and any(
        pa.types.is_map(kind.field(at).type) or _holds_map(kind.field(at).type) for at in range(kind.num_fields)
    )


def _maps(value: Any, kind: pa.DataType) -> Any:
    """A value with its maps, which Arrow gives as lists of pairs, as objects."""
    if value is None:
        return None
    if pa.types.is_map(kind):
        return {_key(key): _maps(item, kind.item_type) for key, item in value}
    if pa.types.is_struct(kind):
        return {field.name: _maps(value[field.name], field.type) for field in kind}
    if pa.types.is_list(kind):
        return [_maps(each, kind.value_type) for each in value]
    return value


def _key(value: Any) -> str:
    return value if isinstance(value, str) else text_of(value)


def _nested(value: Any) -> Any:
    """A value within a list or object: numbers stay numbers there."""
    if isinstance(value, Mapping):
        return {str(key): _nested(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_nested(each) for each in value]
    if value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return text_of(value)


def _float(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value).replace("e+", "E").replace("e", "E")


def _time(value: datetime.datetime) -> str:
    """In UTC, with the milliseconds that there always are, and more digits where they say something."""
    zone = "" if value.tzinfo is None else "Z"
    utc = value if value.tzinfo is None else value.astimezone(datetime.UTC)
    digits = f"{utc.microsecond:06d}"
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{digits if digits[3:] != '000' else digits[:3]}{zone}"


def _interval(value: datetime.timedelta) -> str:
    total = abs(value)
    hours, seconds = divmod(total.seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    sign = "-" if value < datetime.timedelta() else ""
    return f"{sign}{total.days} {hours:02d}:{minutes:02d}:{seconds:02d}.{total.microseconds:06d}000"
