"""What every lake promises of rows that are replaced in part, and of what has been added since a version."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake, Table
from support.clouds import CLOUD_ROOTS

NAME = "quikapp_ml.silver.visits"
COLUMNS = pa.schema([("who", pa.string()), ("n", pa.int64()), ("week", pa.date32())])
MONDAYS = [date(2026, 1, 5) + timedelta(weeks=number) for number in range(300)]


@pytest.fixture(params=["memory", "folder", *CLOUD_ROOTS])
def empty(request: pytest.FixtureRequest, tmp_path: Path, cloud_root: Callable[[str], str]) -> Lake:
    folders = {"memory": "memory://", "folder": str(tmp_path / "a läke of mine")}
    return open_lake(folders.get(request.param) or cloud_root(request.param))


@pytest.fixture(params=[("week",), ()], ids=["partitioned", "in one piece"])
def lake(request: pytest.FixtureRequest, empty: Lake) -> Lake:
    is_told = {"who_is_given": "who IS NOT NULL"}
    empty.ensure(Table(NAME, COLUMNS, ("who",), "Visits.", partition_by=request.param, constraints=is_told))
    return empty


def visits(*given: tuple[str, date]) -> pa.Table:
    rows = [{"who": who, "n": number, "week": week} for number, (who, week) in enumerate(given)]
    return pa.Table.from_pylist(rows, schema=COLUMNS)


def who(rows: pa.Table | None) -> list[str]:
    assert rows is not None
    assert rows.schema == COLUMNS
    return sorted(rows.column("who").to_pylist())


class TestReplace:
    def test_other_rows_stay(self, lake: Lake) -> None:
        lake.append(NAME, visits(("ann", MONDAYS[0]), ("bob", MONDAYS[1]), ("cid", MONDAYS[2])))
        version = lake.replace(NAME, "week", MONDAYS[:2], visits(("dan", MONDAYS[1]), ("eve", MONDAYS[1])))
        assert version == lake.version(NAME)
        assert who(lake.read(NAME)) == ["cid", "dan", "eve"]
        assert who(lake.read(NAME, version=version - 1)) == ["ann", "bob", "cid"]

    def test_by_nothing(self, lake: Lake) -> None:
        lake.append(NAME, visits(("ann", MONDAYS[0]), ("bob", MONDAYS[1])))
        lake.replace(NAME, "week", MONDAYS[:1], visits())
        assert who(lake.read(NAME)) == ["bob"]

    def test_nothing(self, lake: Lake) -> None:
        lake.append(NAME, visits(("ann", MONDAYS[0])))
        lake.replace(NAME, "week", [], visits())
        assert who(lake.read(NAME)) == ["ann"]

    def test_many_values(self, lake: Lake) -> None:
        lake.append(NAME, visits(("ann", MONDAYS[0]), ("bob", MONDAYS[-1])))
        lake.replace(NAME, "week", MONDAYS[:-1], visits(("cid", MONDAYS[7])))
        assert who(lake.read(NAME)) == ["bob", "cid"]

    def test_texts_with_quotes(self, lake: Lake) -> None:
        lake.append(NAME, visits(("o'hara", MONDAYS[0]), ("bob", MONDAYS[1])))
        lake.replace(NAME, "who", ["o'hara"], visits(("o'hara", MONDAYS[2])))
        assert lake.read(NAME).filter(pa.compute.field("who") == "o'hara")["week"].to_pylist() == [MONDAYS[2]]

    def test_rows_of_other_values_are_refused(self, lake: Lake) -> None:
        with pytest.raises(InvalidInput, match=r"week is one of 1 values; 1 of the given rows .* such as 2026-01-12"):
            lake.replace(NAME, "week", MONDAYS[:1], visits(("ann", MONDAYS[1])))

    def test_constraints_hold(self, lake: Lake) -> None:
        rows = visits(("ann", MONDAYS[0])).set_column(0, COLUMNS.field("who"), pa.array([None], pa.string()))
        with pytest.raises(InvalidInput, match="who_is_given"):
            lake.replace(NAME, "week", MONDAYS[:1], rows)

    def test_a_column_that_is_not_there(self, lake: Lake) -> None:
        with pytest.raises(InvalidInput, match="has no column month"):
            lake.replace(NAME, "month", MONDAYS[:1], visits())


class TestFind:
    def test_by_dates(self, lake: Lake) -> None:
        lake.append(NAME, visits(("ann", MONDAYS[0]), ("bob", MONDAYS[1]), ("cid", MONDAYS[2])))
        assert who(lake.find(NAME, "week", [MONDAYS[0], MONDAYS[2], MONDAYS[7]])) == ["ann", "cid"]
        assert who(lake.find(NAME, "week", [])) == []

    def test_by_texts(self, lake: Lake) -> None:
        lake.append(NAME, visits(("o'hara", MONDAYS[0]), ("bob", MONDAYS[1])))
        assert who(lake.find(NAME, "who", ["o'hara"])) == ["o'hara"]


class TestAdded:
    def test_what_was_appended(self, lake: Lake) -> None:
        first = lake.append(NAME, visits(("ann", MONDAYS[0])))
        second = lake.append(NAME, visits(("bob", MONDAYS[0]), ("cid", MONDAYS[1])))
        third = lake.append(NAME, visits(("dan", MONDAYS[1])))
        assert who(lake.added(NAME, first)) == ["bob", "cid", "dan"]
        assert who(lake.added(NAME, first, second)) == ["bob", "cid"]
        assert who(lake.added(NAME, third)) == []

    def test_compaction_adds_nothing(self, lake: Lake) -> None:
        for name in ("ann", "bob"):
            first = lake.append(NAME, visits((name, MONDAYS[0])))
        lake.append(NAME, visits(("cid", MONDAYS[0])))
        lake.compact(NAME)
        lake.append(NAME, visits(("dan", MONDAYS[1])))
        assert who(lake.added(NAME, first)) == ["cid", "dan"]

    def test_compaction_alone_adds_nothing_whatever_the_key(self, lake: Lake) -> None:
        rows = visits(("ann", MONDAYS[0]), ("bob", MONDAYS[0]))
        for _ in range(2):
            first = lake.append(NAME, rows.set_column(1, COLUMNS.field("n"), pa.nulls(2, pa.int64())))
        lake.compact(NAME)
        assert who(lake.added(NAME, first)) == []

    @pytest.mark.parametrize("change", ["overwrite", "replace", "merge"])
    def test_unknown_when_rows_were_changed(self, lake: Lake, change: str) -> None:
        first = lake.append(NAME, visits(("ann", MONDAYS[0]), ("bob", MONDAYS[1])))
        rows = visits(("cid", MONDAYS[0]), ("ann", MONDAYS[0]))
        match change:
            case "overwrite":
                lake.overwrite(NAME, rows)
            case "replace":
                lake.replace(NAME, "week", MONDAYS[:1], rows)
            case _:
                lake.merge(NAME, rows, ("who",))
        assert lake.added(NAME, first) is None

    def test_unknown_when_the_version_is_not_there(self, lake: Lake) -> None:
        assert lake.added(NAME, 99) is None

    def test_without_the_table(self, empty: Lake) -> None:
        with pytest.raises(NotFound):
            empty.added(NAME, 0)
