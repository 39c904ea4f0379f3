"""Rows as texts: every type, within lists and maps, and the columns that tables of them have."""

import datetime
import decimal
from typing import Any

import pyarrow as pa
import pytest

from quikapp_ml.serving.catalog.columns import Column
from quikapp_ml.serving.sql.results import columns_of, described, sql_type, text_of, texts

UTC = datetime.UTC
VALUES: tuple[tuple[Any, str], ...] = (
    (True, "true"),
    (7, "7"),
    (1.0, "1.0"),
    (1e22, "1E22"),
    (1.5e-7, "1.5E-07"),
    (float("nan"), "NaN"),
    (float("-inf"), "-Infinity"),
    (decimal.Decimal("1E+3"), "1000"),
    (datetime.date(2026, 11, 25), "2026-11-25"),
    (datetime.datetime(2026, 11, 25, 9, 0, 0, 120_000, UTC), "2026-11-25T09:00:00.120Z"),
    (datetime.datetime(2026, 11, 25, 9, 0, 0, 123_456), "2026-11-25T09:00:00.123456"),
    (b"\x00\xff", "AP8="),
    (datetime.timedelta(days=-1, hours=-2), "-1 02:00:00.000000000"),
    ([1, None, 2.5], "[1,null,2.5]"),
    ({"a": datetime.date(2026, 1, 1), "b": [float("nan")]}, '{"a":"2026-01-01","b":["NaN"]}'),
)


@pytest.mark.parametrize(("value", "text"), VALUES)
def test_values_are_written_as_databricks_does(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_maps_are_objects_wherever_they_are() -> None:
    kind = pa.list_(pa.struct([("m", pa.map_(pa.int64(), pa.string()))]))
    rows = pa.table({"x": pa.array([[{"m": [(1, "a"), (2, None)]}], None], kind)})
    assert texts(rows) == [['[{"m":{"1":"a","2":null}}]'], [None]]
    assert sql_type(kind) == "array<struct<`m`:map<bigint,string>>>"


def test_types_are_named_in_sql_and_in_the_list_of_unity_catalog() -> None:
    schema = pa.schema(
        [
            ("a", pa.timestamp("us", tz="UTC")), ("b", pa.timestamp("us")), ("c", pa.duration("us")), ("d", pa.null()),
            ("e", pa.dictionary(pa.int8(), pa.string())), ("f", pa.large_list(pa.float32())), ("g", pa.uint64()),
        ]
    )  # fmt: skip
    told = [(each.type_text, each.type_name) for each in described(schema)]
    assert told == [
        ("TIMESTAMP", "TIMESTAMP"), ("TIMESTAMP_NTZ", "TIMESTAMP_NTZ"), ("INTERVAL DAY TO SECOND", "INTERVAL"),
        ("VOID", "NULL"), ("STRING", "STRING"), ("ARRAY<FLOAT>", "ARRAY"), ("DECIMAL(20,0)", "DECIMAL"),
    ]  # fmt: skip
    assert columns_of(schema)[2:4] == [Column("c", "string"), Column("d", "string")]


def test_rows_without_columns_are_no_rows() -> None:
    assert texts(pa.table({})) == [] and texts(pa.table({"a": pa.array([], pa.string())})) == []
