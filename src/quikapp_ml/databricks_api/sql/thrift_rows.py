"""Rows and columns in the words of the Thrift protocol (TCLIService, as Databricks extends it)."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from databricks.sql.thrift_api.TCLIService import ttypes

from quikapp_ml.serving.sql.results import column_texts, sql_type

_TYPES = {
    "void": "NULL", "boolean": "BOOLEAN", "tinyint": "TINYINT", "smallint": "SMALLINT", "int": "INT",
    "bigint": "BIGINT", "float": "FLOAT", "double": "DOUBLE", "string": "STRING", "binary": "BINARY", "date": "DATE",
    "timestamp": "TIMESTAMP", "timestamp_ntz": "TIMESTAMP", "array": "ARRAY", "map": "MAP", "struct": "STRUCT",
    "decimal": "DECIMAL",
}  # fmt: skip


def as_read(rows: pa.Table, with_nested: bool) -> pa.Table:
    """Rows in types that every client reads; lists, maps and structs as JSON texts for those that want them so."""
    for at, field in enumerate(rows.schema):
        column = _readable(rows.column(at), with_nested)
        if column.type != field.type:
            rows = rows.set_column(at, pa.field(field.name, column.type), column)
    return rows


def metadata(schema: pa.Schema) -> Any:
    """The columns of an answer, twice: in Thrift and in Arrow."""
    columns = [
        ttypes.TColumnDesc(columnName=field.name, typeDesc=_type(field.type), position=at, comment="")
        for at, field in enumerate(schema, start=1)
    ]
    return ttypes.TGetResultSetMetadataResp(
        status=success(),
        schema=ttypes.TTableSchema(columns=columns),
        resultFormat=ttypes.TSparkRowSetType.ARROW_BASED_SET,
        lz4Compressed=False,
        arrowSchema=schema.serialize().to_pybytes(),
        isStagingOperation=False,
    )


def row_set(rows: pa.Table, offset: int) -> Any:
    """Rows as Arrow batches; `offset` is how many came before."""
    batches = [
        ttypes.TSparkArrowBatch(batch=batch.serialize().to_pybytes(), rowCount=batch.num_rows)
        for batch in rows.combine_chunks().to_batches()
    ]
    return ttypes.TRowSet(startRowOffset=offset, rows=[], arrowBatches=batches)


def success() -> Any:
    """All went well."""
    return ttypes.TStatus(statusCode=ttypes.TStatusCode.SUCCESS_STATUS)


def failure(message: str, sqlstate: str = "HY000") -> Any:
    """Something did not."""
    return ttypes.TStatus(
        statusCode=ttypes.TStatusCode.ERROR_STATUS, errorMessage=message, sqlState=sqlstate, errorCode=0
    )


def text_table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> pa.Table:
    """Rows of texts and whole numbers, for what clients ask of the catalog."""
    columns: list[Any] = []
    for at in range(len(names)):
        values = [row[at] for row in rows]
        is_number = any(isinstance(value, int) for value in values)
        columns.append(pa.array(values, pa.int32() if is_number else pa.string()))
    return pa.table(columns, names=list(names))


def thrift_type_id(kind: str) -> int:
    """The number of a type of SQL in Thrift."""
    name = _TYPES.get(kind.partition("<")[0].partition("(")[0], "STRING")
    number: int = getattr(ttypes.TTypeId, f"{name}_TYPE")
    return number


def _readable(column: pa.ChunkedArray, with_nested: bool) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_nested(kind) and not with_nested:
        return pa.chunked_array([pa.array(column_texts(column), pa.string())])
    if pa.types.is_duration(kind) or pa.types.is_interval(kind):
        return pa.chunked_array([pa.array(column_texts(column), pa.string())])
    if pa.types.is_dictionary(kind):
        return pc.cast(column, kind.value_type)
    if str(kind) in ("large_string", "string_view"):
        return pc.cast(column, pa.string())
    if str(kind) in ("large_binary", "binary_view"):
        return pc.cast(column, pa.binary())
    return column


def _type(kind: pa.DataType) -> Any:
    entry = ttypes.TPrimitiveTypeEntry(type=thrift_type_id(sql_type(kind)))
    if pa.types.is_decimal(kind):
        qualifiers = {
            name: ttypes.TTypeQualifierValue(i32Value=value)
            for name, value in (("precision", kind.precision), ("scale", kind.scale))
        }
        entry.typeQualifiers = ttypes.TTypeQualifiers(qualifiers=qualifiers)
    return ttypes.TTypeDesc(types=[ttypes.TTypeEntry(primitiveEntry=entry)])
