"""The promises of `Lake` about merging, dropping and properties, held against every implementation."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake, Table
from support.clouds import CLOUD_ROOTS

NAME = "quikapp_ml.features.people"
PEOPLE = Table(
    NAME,
    pa.schema([("team", pa.string()), ("Id", pa.int32()), ("n", pa.float64()), ("words", pa.list_(pa.string()))]),
    ("team", "Id"),
    "",
    properties={"quikapp_ml.kept": '{"ключ": "a, \'b\'"}'},
)


@pytest.fixture(params=["memory", "folder", *CLOUD_ROOTS])
def lake(request: pytest.FixtureRequest, tmp_path: Path, cloud_root: Callable[[str], str]) -> Lake:
    folders = {"memory": "memory://", "folder": str(tmp_path / "a läke")}
    lake = open_lake(folders.get(request.param) or cloud_root(request.param))
    lake.ensure(PEOPLE)
    return lake


def row(team: str, number: int, **values: Any) -> dict[str, Any]:
    return {"team": team, "Id": number, **values}


def given(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=pa.schema([PEOPLE.columns.field(name) for name in rows[0]]))


def kept(lake: Lake, version: int | None = None) -> list[dict[str, Any]]:
    return sorted(lake.read(NAME, version=version).to_pylist(), key=lambda one: (one["team"], one["Id"]))


def test_a_merge_updates_what_it_was_given_and_adds_the_rest(lake: Lake) -> None:
    first = lake.merge(NAME, given(row("red", 1, n=1.0, words=["a"]), row("red", 2, n=2.0, words=None)), PEOPLE.key)
    second = lake.merge(NAME, given(row("red", 1, n=None), row("blue", 1, n=5.0)), PEOPLE.key)
    assert (first, second) == (1, 2)
    assert kept(lake) == [
        row("blue", 1, n=5.0, words=None),
        row("red", 1, n=None, words=["a"]),
        row("red", 2, n=2.0, words=None),
    ]
    assert len(kept(lake, first)) == 2


def test_a_merge_of_keys_alone_changes_no_value(lake: Lake) -> None:
    lake.merge(NAME, given(row("red", 1, n=1.0)), PEOPLE.key)
    lake.merge(NAME, given(row("red", 1), row("red", 2)), PEOPLE.key)
    assert [(one["Id"], one["n"]) for one in kept(lake)] == [(1, 1.0), (2, None)]


def test_a_merge_of_nothing_is_no_commit(lake: Lake) -> None:
    assert lake.merge(NAME, PEOPLE.columns.empty_table(), PEOPLE.key) == 0


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([row("red", 1, n=1.0), row("red", 1, n=2.0)], "team='red', Id='1' is given 2 times"),
        ([row("red", None)], "key column Id of table quikapp_ml.features.people is null in 1 rows"),  # type: ignore[arg-type]
        ([{"team": "red", "n": 1.0}], "lack Id"),
    ],
)
def test_keys_that_are_not_whole_and_single_are_refused(lake: Lake, rows: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        lake.merge(NAME, given(*rows), PEOPLE.key)
    assert lake.version(NAME) == 0


def test_unknown_columns_and_other_types_are_refused(lake: Lake) -> None:
    with pytest.raises(InvalidInput, match="no column age; its columns are team, Id, n, words"):
        lake.merge(NAME, pa.table({"team": ["a"], "Id": pa.array([1], pa.int32()), "age": [3]}), PEOPLE.key)
    with pytest.raises(InvalidInput, match=r"column n .* is double; string does not fit"):
        lake.merge(NAME, pa.table({"team": ["a"], "Id": pa.array([1], pa.int32()), "n": ["3"]}), PEOPLE.key)


def test_merges_of_the_same_keys_at_once_keep_one_row_of_each(lake: Lake) -> None:
    def merge(worker: int) -> int:
        return lake.merge(NAME, given(*(row("red", n, n=float(worker)) for n in range(5))), PEOPLE.key)

    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(merge, range(4)))
    assert sorted(versions) == [1, 2, 3, 4]
    assert [one["Id"] for one in kept(lake)] == [0, 1, 2, 3, 4]
    assert len({one["n"] for one in kept(lake)}) == 1


def test_properties_and_columns_are_kept_with_the_table(lake: Lake) -> None:
    assert lake.properties(NAME)["quikapp_ml.kept"] == PEOPLE.properties["quikapp_ml.kept"]
    assert lake.columns(NAME) == PEOPLE.columns
    lake.overwrite(NAME, given(row("red", 1)))
    assert lake.properties(NAME)["quikapp_ml.kept"] == PEOPLE.properties["quikapp_ml.kept"]


def test_a_dropped_table_is_gone_and_can_be_made_anew(lake: Lake) -> None:
    lake.merge(NAME, given(row("red", 1)), PEOPLE.key)
    lake.drop(NAME)
    assert not lake.exists(NAME)
    assert lake.names() == []
    lake.ensure(PEOPLE)
    assert kept(lake) == []
    assert lake.version(NAME) == 0


@pytest.mark.parametrize("ask", ["columns", "properties", "drop"])
def test_without_the_table_it_is_not_found(lake: Lake, ask: str) -> None:
    with pytest.raises(NotFound, match=r"features\.nowhere"):
        getattr(lake, ask)("quikapp_ml.features.nowhere")
