"""`Lake.find`, held to the same by every lake."""

from pathlib import Path

import pyarrow as pa
import pytest

from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake, Table
from quikapp_ml.stores.lake.memory import MemoryLake

TABLE = Table("quikapp_ml.bronze.things", pa.schema([("id", pa.string()), ("n", pa.int64())]), ("id",), "Things.")


@pytest.fixture(params=["memory", "folder"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return MemoryLake() if request.param == "memory" else open_lake(str(tmp_path))


@pytest.fixture
def things(lake: Lake) -> Lake:
    lake.ensure(TABLE)
    for ids in (["a", "b"], ["c", "it's", None], ["a"]):
        lake.append(TABLE.name, pa.table({"id": ids, "n": list(range(len(ids)))}, schema=TABLE.columns))
    return lake


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["a"], ["a", "a"]),
        (["c", "b", "c"], ["b", "c"]),
        (["it's"], ["it's"]),
        (["x"], []),
        ([], []),
        (["' OR 1=1"], []),
    ],
)
def test_rows_are_found_by_a_text(things: Lake, values: list[str], found: list[str]) -> None:
    rows = things.find(TABLE.name, "id", values)
    assert sorted(rows["id"].to_pylist()) == found
    assert rows.schema.names == ["id", "n"]


def test_what_is_not_there_is_said(things: Lake) -> None:
    with pytest.raises(NotFound):
        things.find("quikapp_ml.bronze.others", "id", ["a"])
    with pytest.raises(InvalidInput):
        things.find(TABLE.name, "colour", ["a"])
