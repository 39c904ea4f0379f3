from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.feature_store.tables import FeatureTable, check_declaration, read_feature_table, rows_for
from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.memory import MemoryLake

NAME = "quikapp_ml.features.people"
TIME = pa.timestamp("us", tz="UTC")
COLUMNS = pa.schema([("id", pa.int32()), ("at", TIME), ("ingest_time", TIME), ("n", pa.float64())])
TWO_CLOCKS: dict[str, Any] = {
    "name": NAME, "primary_keys": ("id", "at"), "timestamp_keys": ("at",), "known_time_key": "ingest_time",
    "columns": COLUMNS,
}  # fmt: skip


def test_keys_clocks_and_features_are_told_apart() -> None:
    table = FeatureTable(**TWO_CLOCKS)
    check_declaration(table)
    assert table.entity_keys == ("id",)
    assert table.identity == ("id", "at", "ingest_time")
    assert table.features == ("n",)
    one_clock = FeatureTable(**{**TWO_CLOCKS, "known_time_key": None})
    check_declaration(one_clock)
    assert one_clock.identity == ("id", "at")


def test_everything_is_kept_with_the_table() -> None:
    lake = MemoryLake()
    table = FeatureTable(**TWO_CLOCKS, ttl=timedelta(hours=1.5), description="Who: «люди»", tags={"team": "ml"})
    lake.ensure(table.declared())
    found = read_feature_table(lake, NAME)
    assert found.version == 0
    assert (found.ttl, found.description, found.tags) == (table.ttl, table.description, table.tags)
    assert (found.primary_keys, found.timestamp_key, found.known_time_key) == (("id", "at"), "at", "ingest_time")
    assert found.columns == COLUMNS


def test_another_table_is_no_feature_table() -> None:
    lake = MemoryLake()
    lake.ensure(Table(NAME, COLUMNS, ("id",), ""))
    with pytest.raises(NotFound, match="is no feature table"):
        read_feature_table(lake, NAME)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"primary_keys": ("id", "at", "who")}, "primary key who is no column; its columns are id, at"),
        ({"primary_keys": ("id", "at", "n")}, "primary key n is double"),
        ({"primary_keys": ("id",)}, "timestamp key at must be one of the primary keys"),
        ({"primary_keys": ("at",)}, "beside others"),
        ({"timestamp_keys": ("at", "ingest_time")}, "must name one column"),
        ({"known_time_key": "known_at"}, "column known_at is lacking, which says when a value became known"),
        ({"known_time_key": "n"}, "column n must be a timestamp; it is double"),
        ({"timestamp_keys": ("id",), "primary_keys": ("id", "at")}, "column id must be a timestamp; it is int32"),
        ({"ttl": timedelta(0)}, "must be longer than nothing"),
        ({"timestamp_keys": (), "known_time_key": None, "ttl": timedelta(1)}, "a ttl needs timestamp_keys"),
        ({"columns": COLUMNS.remove(3)}, "has no features"),
        ({"columns": COLUMNS.set(3, pa.field("n", pa.null()))}, "feature n has no type"),
        ({"columns": COLUMNS.append(pa.field("N", pa.string()))}, "given twice"),
    ],
)
def test_a_table_that_could_not_be_looked_up_rightly_is_refused(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=f"people.*{says}"):
        check_declaration(FeatureTable(**{**TWO_CLOCKS, **changed}))


def test_rows_that_would_widen_a_key_are_refused() -> None:
    table = FeatureTable(NAME, ("id",), columns=pa.schema([("id", pa.int32()), ("n", pa.float64())]))
    with pytest.raises(InvalidInput, match=r"people: key column id is int32, and int64 was given: a merge would widen"):
        rows_for(table, pa.table({"id": [1], "n": [1.0]}))
    narrower = rows_for(table, pa.table({"id": pa.array([1], pa.int16()), "n": [1.0]}))
    assert narrower.schema.field("id").type == pa.int32()


def test_rows_with_another_type_an_unknown_column_or_a_key_twice_are_refused() -> None:
    table = FeatureTable(NAME, ("id",), columns=pa.schema([("id", pa.string()), ("n", pa.float64())]))
    with pytest.raises(InvalidInput, match=r"column n of table .*people is double; string does not fit"):
        rows_for(table, pa.table({"id": ["a"], "n": ["1"]}))
    with pytest.raises(InvalidInput, match=r"people has no column m; its columns are id, n"):
        rows_for(table, pa.table({"id": ["a"], "m": [1.0]}))
    with pytest.raises(InvalidInput, match=r"people: key id='a' is given 2 times, and 1 others more than once"):
        rows_for(table, pa.table({"id": ["b", "a", "a", "b"], "n": [1.0, 2, 3, 4]}).sort_by("id"))
