"""What every lake promises of vacuuming: what is recent stays, what is not can be read no more."""

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from quikapp_ml.errors import NotFound
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake, Table, Transaction
from quikapp_ml.stores.lake.memory import MemoryLake

NUMBERS = Table("quikapp_ml.silver.numbers", pa.schema([("n", pa.int64())]), ("n",), "Some numbers.")


@pytest.fixture(params=["memory", "folder"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    lake = MemoryLake() if request.param == "memory" else open_lake(str(tmp_path / "lake"))
    lake.ensure(NUMBERS)
    return lake


def numbers(lake: Lake, version: int | None = None) -> list[int]:
    return sorted(lake.read(NUMBERS.name, version=version)["n"].to_pylist())


def test_what_was_replaced_too_long_ago_can_be_read_no_more(lake: Lake) -> None:
    first = lake.append(NUMBERS.name, pa.table({"n": [1, 2]}))
    lake.overwrite(NUMBERS.name, pa.table({"n": [3]}))
    lake.vacuum(NUMBERS.name, timedelta(0))
    assert numbers(lake) == [3]
    with pytest.raises(NotFound, match=f"version {first} of table {NUMBERS.name} is no longer kept"):
        lake.read(NUMBERS.name, version=first)


def test_what_is_recent_stays(lake: Lake) -> None:
    first = lake.append(NUMBERS.name, pa.table({"n": [1, 2]}))
    lake.overwrite(NUMBERS.name, pa.table({"n": [3]}))
    lake.vacuum(NUMBERS.name, timedelta(minutes=1))
    assert (numbers(lake), numbers(lake, first)) == ([3], [1, 2])


def test_writers_go_on_where_they_were(lake: Lake) -> None:
    lake.append(NUMBERS.name, pa.table({"n": [1]}), Transaction("w", 7))
    lake.overwrite(NUMBERS.name, pa.table({"n": [2]}))
    lake.vacuum(NUMBERS.name, timedelta(0))
    lake.append(NUMBERS.name, pa.table({"n": [9]}), Transaction("w", 7))
    lake.append(NUMBERS.name, pa.table({"n": [3]}), Transaction("w", 8))
    assert numbers(lake) == [2, 3]
    assert lake.transaction_number(NUMBERS.name, "w") == 8


def test_only_tables_that_are_there_are_vacuumed(lake: Lake) -> None:
    with pytest.raises(NotFound):
        lake.vacuum("quikapp_ml.silver.nowhere", timedelta(0))
