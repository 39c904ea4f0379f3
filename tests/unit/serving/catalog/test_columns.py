"""Types in their three spellings."""

from typing import Any

import deltalake
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.errors import InvalidInput
from quikapp_ml.serving.catalog.columns import (
    SIMPLE,
    Column,
    in_order,
    precision_and_scale,
    read_column,
    read_schema,
    read_type,
    schema_text,
    type_text,
    unity_name,
)

TEXTS = {
    "bigint": ("long", "LONG"),
    "int": ("integer", "INT"),
    "INTEGER": ("integer", "INT"),
    "tinyint": ("byte", "BYTE"),
    "DECIMAL(10,2)": ("decimal(10,2)", "DECIMAL"),
    "numeric": ("decimal(10,0)", "DECIMAL"),
    "varchar(20)": ("string", "STRING"),
    "timestamp_ntz": ("timestamp_ntz", "TIMESTAMP_NTZ"),
    "ARRAY<DOUBLE>": ({"type": "array", "elementType": "double", "containsNull": True}, "ARRAY"),
}


@pytest.mark.parametrize("text", TEXTS)
def test_types_are_read_from_sql(text: str) -> None:
    kind, name = TEXTS[text]
    assert read_type(text) == kind and unity_name(read_type(text)) == name


def test_structs_have_names_types_and_more() -> None:
    kind = read_type("struct<a: int NOT NULL COMMENT 'why', `odd name` map<string, array<decimal(5,1)>>>")
    assert type_text(kind) == "struct<a:int,`odd name`:map<string,array<decimal(5,1)>>>"
    assert isinstance(kind, dict)
    assert kind["fields"][0] == {"name": "a", "type": "integer", "nullable": False, "metadata": {"comment": "why"}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "array",
        "array<int",
        "array<int>>",
        "map<int>",
        "money",
        "decimal(40,2)",
        "int;",
        "array<" * 30 + "int" + ">" * 30,
    ],
)
def test_what_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_type(text)


kinds: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([each for each in SIMPLE if each != "void"]) | st.just("decimal(12,3)"),
    lambda inner: st.one_of(
        inner.map(lambda kind: {"type": "array", "elementType": kind, "containsNull": True}),
        st.tuples(inner, inner).map(
            lambda pair: {"type": "map", "keyType": pair[0], "valueType": pair[1], "valueContainsNull": True}
        ),
        st.dictionaries(st.sampled_from(["a", "b", "odd one"]), inner, min_size=1).map(
            lambda fields: {"type": "struct", "fields": [Column(*each).field() for each in fields.items()]}
        ),
    ),
    max_leaves=6,
)


@given(kinds)
def test_a_type_survives_its_text_and_its_json(kind: Any) -> None:
    assert read_type(type_text(kind)) == kind
    told = {"name": "x", "type_json": orjson.dumps(Column("x", kind).field()).decode()}
    assert read_column(told) == Column("x", kind)
    deltalake.Schema.from_json(schema_text([Column("x", kind)]))


def test_columns_are_told_in_several_ways() -> None:
    assert read_column({"name": "x", "type_name": "LONG"}) == Column("x", "long")
    assert read_column({"name": "x", "type_text": "int", "type_json": "not json", "nullable": False}) == Column(
        "x", "integer", False
    )
    assert read_column({"name": "x", "type_text": "int", "type_json": '"integer"'}) == Column("x", "integer")
    spark = '{"name":"x","type":"string","nullable":false,"metadata":{"comment":"why"}}'
    assert read_column({"name": "x", "type_json": spark}) == Column("x", "string", False, "why")
    for wrong in ({"name": "x"}, {"type_text": "int"}, {"name": "x", "type_json": '{"type":"array"}'}):
        with pytest.raises(InvalidInput):
            read_column(wrong)


def test_a_schema_comes_back_and_names_differ() -> None:
    columns = [Column("a", "long", False), Column("b", "string", True, "why")]
    assert read_schema(schema_text(columns)) == columns
    for wrong in ([], [Column("a", "long"), Column("A", "long")], [Column("", "long")]):
        with pytest.raises(InvalidInput):
            schema_text(wrong)


def test_positions_and_decimals() -> None:
    assert [each["name"] for each in in_order([{"name": "b", "position": 1}, {"name": "a", "position": 0}])] == [
        "a",
        "b",
    ]
    assert precision_and_scale("decimal(10,2)") == (10, 2) and precision_and_scale("long") == (0, 0)
