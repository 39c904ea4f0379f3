from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from quikapp_ml.feature_store.tables import check_declaration, read_feature_table
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.training.feature_history import FEATURE_TABLES, add_values

TABLE = FEATURE_TABLES["user_reputation"]
START = datetime(2026, 11, 1, tzinfo=UTC)
KEEP = timedelta(days=3)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path))


def add(lake: Lake, day: int, reports: float, people: tuple[str, ...] = ("U1", "U2")) -> int:
    at = START + timedelta(days=day)
    columns = {name: [0.0] * len(people) for name in TABLE.columns.names if name not in ("ingest_time",)}
    values = pa.table(columns | {"other_user_id": list(people), "reports": [reports] * len(people)}).drop_columns(
        "as_of"
    )
    times = pa.array([at] * len(people), TABLE.columns.field("as_of").type)
    return add_values(lake, TABLE, values.append_column("as_of", times), at + timedelta(minutes=1), KEEP)


def rows(lake: Lake) -> list[tuple[str, int, float]]:
    found = lake.read(TABLE.name).to_pylist()
    return sorted((row["other_user_id"], (row["as_of"] - START).days, row["reports"]) for row in found)


def test_every_view_has_a_table_of_the_feature_store_with_two_clocks(lake: Lake) -> None:
    for table in FEATURE_TABLES.values():
        lake.ensure(table)
        found = read_feature_table(lake, table.name)
        check_declaration(found)
        assert (found.timestamp_key, found.known_time_key) == ("as_of", "ingest_time")


def test_each_build_adds_to_those_before(lake: Lake) -> None:
    add(lake, 0, 1.0)
    add(lake, 1, 2.0, ("U1",))
    assert rows(lake) == [("U1", 0, 1.0), ("U1", 1, 2.0), ("U2", 0, 1.0)]


def test_builds_that_are_too_old_are_forgotten(lake: Lake) -> None:
    add(lake, 0, 1.0)
    add(lake, 2, 2.0)
    add(lake, 4, 3.0)
    assert rows(lake) == [("U1", 2, 2.0), ("U1", 4, 3.0), ("U2", 2, 2.0), ("U2", 4, 3.0)]
    assert {row["ingest_time"] - row["as_of"] for row in lake.read(TABLE.name).to_pylist()} == {timedelta(minutes=1)}


def test_what_a_build_that_was_cut_off_left_behind_is_forgotten(lake: Lake) -> None:
    add(lake, 0, 1.0)
    add(lake, 1, 2.0)
    values = lake.read(TABLE.name).slice(0, 0).drop_columns("ingest_time")
    add_values(lake, TABLE, values, START, KEEP, forget=[START + timedelta(days=1, minutes=1)])
    assert rows(lake) == [("U1", 0, 1.0), ("U2", 0, 1.0)]
