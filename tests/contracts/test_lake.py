"""The promises of `Lake`, held against every implementation."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quikapp_ml.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake, Table, Transaction
from quikapp_ml.stores.lake.tables import TABLES
from support.clouds import CLOUD_ROOTS

NAME = "quikapp_ml.bronze.visits"
TIME = pa.timestamp("us", tz="UTC")
NOW = datetime(2026, 11, 23, 8, 0, 0, 123456, UTC)
VISITS = Table(
    name=NAME,
    columns=pa.schema(
        [
            ("who", pa.string()),
            ("at", TIME),
            ("n", pa.int64()),
            ("score", pa.float64()),
            ("tags", pa.list_(pa.string())),
        ]
    ),
    key=("who", "at"),
    comment="Who came when.",
)


@pytest.fixture(params=["memory", "folder", "file URL", *CLOUD_ROOTS])
def lake(request: pytest.FixtureRequest, tmp_path: Path, cloud_root: Callable[[str], str]) -> Lake:
    folder = tmp_path / "a läke of mine"
    folders = {"memory": "memory://", "folder": str(folder), "file URL": folder.as_uri()}
    return open_lake(folders.get(request.param) or cloud_root(request.param))


@pytest.fixture
def visits(lake: Lake) -> Lake:
    lake.ensure(VISITS)
    return lake


def people(*names: str | None) -> pa.Table:
    return pa.table({"who": pa.array(names, pa.string())})


def who(lake: Lake, version: int | None = None) -> list[str]:
    return sorted(lake.read(NAME, ["who"], version).column("who").to_pylist())


class TestCreate:
    def test_makes_the_declared_table_once(self, lake: Lake) -> None:
        lake.create(VISITS)
        assert lake.columns(NAME) == VISITS.columns and lake.declaration(NAME).key == VISITS.key
        lake.append(NAME, people("ann"))
        with pytest.raises(AlreadyExists, match=NAME):
            lake.create(replace(VISITS, comment="another"))
        assert who(lake) == ["ann"] and lake.declaration(NAME).comment == VISITS.comment

    def test_of_many_at_a_time_one_makes_it(self, lake: Lake) -> None:
        tables = [replace(VISITS, comment=f"number {n}") for n in range(6)]

        def make(table: Table) -> str:
            try:
                lake.create(table)
            except AlreadyExists:
                return ""
            return table.comment

        with ThreadPoolExecutor(len(tables)) as pool:
            made = [comment for comment in pool.map(make, tables) if comment]
        assert made == [lake.declaration(NAME).comment]


class TestEnsure:
    def test_creates_an_empty_table_with_the_declared_columns(self, visits: Lake) -> None:
        rows = visits.read(NAME)
        assert rows.num_rows == 0
        assert rows.schema.equals(VISITS.columns)
        assert visits.exists(NAME)

    def test_twice_changes_nothing(self, visits: Lake) -> None:
        visits.ensure(VISITS)
        assert visits.version(NAME) == 0

    def test_adds_columns_and_older_rows_have_null_there(self, visits: Lake) -> None:
        visits.append(NAME, people("ada"))
        wider = Table(NAME, VISITS.columns.append(pa.field("mood", pa.string())), VISITS.key, VISITS.comment)
        visits.ensure(wider)
        assert visits.read(NAME, ["who", "mood"]).to_pylist() == [{"who": "ada", "mood": None}]
        visits.append(NAME, pa.table({"who": ["bob"], "mood": ["glad"]}))
        assert sorted(visits.read(NAME, ["who", "mood"]).to_pylist(), key=str) == [
            {"who": "ada", "mood": None},
            {"who": "bob", "mood": "glad"},
        ]

    def test_keeps_columns_that_are_no_longer_declared(self, visits: Lake) -> None:
        visits.ensure(Table(NAME, pa.schema([("who", pa.string())]), ("who",), ""))
        assert visits.read(NAME).schema.equals(VISITS.columns)

    def test_refuses_another_type_and_says_both(self, visits: Lake) -> None:
        changed = Table(NAME, pa.schema([("n", pa.string()), ("new", pa.string())]), ("n",), "")
        with pytest.raises(Conflict, match=r"column n .* is int64, .* string"):
            visits.ensure(changed)
        assert visits.version(NAME) == 0

    def test_all_declared_tables_can_be_created(self, lake: Lake) -> None:
        for table in TABLES:
            lake.ensure(table)
        assert lake.names() == sorted(table.name for table in TABLES)
        for table in TABLES:
            assert lake.read(table.name).schema.equals(table.columns)


class TestAppend:
    def test_rows_come_back_as_they_were(self, visits: Lake) -> None:
        rows = pa.table(
            {
                "who": ["ada", "зоя 🙂 \U0001f469\u200d\U0001f4bb", "", None, 'quo"te\n'],
                "at": [NOW, NOW - timedelta(days=9000), None, NOW, NOW],
                "n": [1, -(2**63), 2**63 - 1, None, 0],
                "score": [0.5, float("inf"), -0.0, None, 1e-300],
                "tags": [["a", None], [], None, ["ä"], ["x"]],
            },
            schema=VISITS.columns,
        )
        assert visits.append(NAME, rows) == 1
        assert sorted(visits.read(NAME).to_pylist(), key=str) == sorted(rows.to_pylist(), key=str)

    def test_order_of_columns_does_not_matter_and_lacking_ones_are_null(self, visits: Lake) -> None:
        visits.append(NAME, pa.table({"n": [7], "who": ["ada"]}))
        expected = {"who": "ada", "at": None, "n": 7, "score": None, "tags": None}
        assert visits.read(NAME).to_pylist() == [expected]

    def test_a_column_of_nulls_without_a_type_fits_everywhere(self, visits: Lake) -> None:
        visits.append(NAME, pa.table({"who": ["ada"], "at": pa.nulls(1), "tags": pa.nulls(1)}))
        assert visits.read(NAME, ["at", "tags"]).to_pylist() == [{"at": None, "tags": None}]

    @pytest.mark.parametrize(
        ("column", "values"),
        [
            ("who", pa.array(["ada"]).dictionary_encode()),
            ("who", pa.array(["ada"], pa.large_string())),
            ("at", pa.array([NOW], pa.timestamp("us", tz="+02:00"))),
            ("at", pa.array([0], pa.timestamp("ms", tz="UTC"))),
            ("n", pa.array([3], pa.int32())),
            ("score", pa.array([0.5], pa.float32())),
            ("tags", pa.array([["x"]], pa.large_list(pa.large_string()))),
        ],
    )
    def test_another_form_of_the_same_value_fits(self, visits: Lake, column: str, values: pa.Array) -> None:
        visits.append(NAME, pa.table({column: values}))
        assert visits.read(NAME, [column]).column(column).to_pylist() == values.to_pylist()

    @pytest.mark.parametrize(
        ("column", "values"),
        [
            ("n", pa.array(["3"])),
            ("n", pa.array([3.0])),
            ("n", pa.array([3], pa.uint64())),
            ("who", pa.array([3])),
            ("score", pa.array([3])),
            ("at", pa.array(["2026-11-23T08:00:00+00:00"])),
            ("at", pa.array([NOW.replace(tzinfo=None)], pa.timestamp("us"))),
            ("at", pa.array([1], pa.timestamp("ns", tz="UTC"))),
            ("tags", pa.array(["x"])),
        ],
    )
    def test_another_type_is_refused_and_named(self, visits: Lake, column: str, values: pa.Array) -> None:
        with pytest.raises(InvalidInput, match=f"column {column} of table {NAME}"):
            visits.append(NAME, pa.table({column: values}))
        assert visits.version(NAME) == 0

    def test_unknown_columns_are_refused_and_named(self, visits: Lake) -> None:
        with pytest.raises(InvalidInput, match=r"no column colour, size; its columns are who, at"):
            visits.append(NAME, pa.table({"who": ["ada"], "size": [1], "colour": ["red"]}))
        assert visits.version(NAME) == 0

    def test_no_rows_are_no_commit(self, visits: Lake) -> None:
        assert visits.append(NAME, VISITS.columns.empty_table()) == 0
        assert visits.version(NAME) == 0

    def test_many_threads_all_land(self, visits: Lake) -> None:
        def append(index: int) -> int:
            return visits.append(NAME, people(f"u{index}"), Transaction(f"writer-{index}", 1))

        with ThreadPoolExecutor(8) as pool:
            versions = list(pool.map(append, range(24)))
        assert who(visits) == sorted(f"u{index}" for index in range(24))
        assert visits.version(NAME) == 24 == max(versions)


class TestTransactions:
    def test_a_retry_is_harmless(self, visits: Lake) -> None:
        first = visits.append(NAME, people("ada"), Transaction("spool", 5))
        assert visits.append(NAME, people("ada"), Transaction("spool", 5)) == first
        assert visits.append(NAME, people("late"), Transaction("spool", 4)) == first
        assert who(visits) == ["ada"]

    def test_the_number_is_known(self, visits: Lake) -> None:
        assert visits.transaction_number(NAME, "spool") is None
        visits.append(NAME, people("ada"), Transaction("spool", 5))
        visits.append(NAME, people("bob"), Transaction("other", 2))
        assert visits.transaction_number(NAME, "spool") == 5
        assert visits.transaction_number(NAME, "other") == 2

    def test_the_number_is_kept_even_without_rows(self, visits: Lake) -> None:
        visits.append(NAME, people(), Transaction("spool", 9))
        assert visits.transaction_number(NAME, "spool") == 9

    def test_a_refused_append_takes_no_number(self, visits: Lake) -> None:
        with pytest.raises(InvalidInput):
            visits.append(NAME, pa.table({"nope": [1]}), Transaction("spool", 9))
        assert visits.transaction_number(NAME, "spool") is None

    def test_the_same_number_from_many_threads_lands_once(self, visits: Lake) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: visits.append(NAME, people("ada"), Transaction("spool", 1)), range(16)))
        assert who(visits) == ["ada"]

    @settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(numbers=st.lists(st.integers(1, 6), max_size=8))
    def test_rows_are_those_of_the_numbers_that_grew(self, lake: Lake, numbers: list[int]) -> None:
        table = Table("quikapp_ml.bronze.numbers", pa.schema([("n", pa.int64()), ("run", pa.int64())]), ("n",), "")
        lake.ensure(table)
        run = lake.version(table.name)
        expected, last = [], 0
        for number in numbers:
            lake.append(table.name, pa.table({"n": [number], "run": [run]}), Transaction(f"run-{run}", number))
            if number > last:
                expected.append(number)
                last = number
        rows = lake.read(table.name).to_pylist()
        assert sorted(row["n"] for row in rows if row["run"] == run) == expected


class TestRead:
    def test_older_versions_stay_readable(self, visits: Lake) -> None:
        visits.append(NAME, people("ada"))
        visits.append(NAME, people("bob"))
        visits.overwrite(NAME, people("eve"))
        assert [who(visits, version) for version in range(4)] == [[], ["ada"], ["ada", "bob"], ["eve"]]
        assert who(visits) == ["eve"]

    def test_the_newest_version_by_its_number(self, visits: Lake) -> None:
        assert visits.read(NAME, version=visits.version(NAME)).num_rows == 0

    @pytest.mark.parametrize("version", [-1, 2, 10**9])
    def test_a_version_that_is_not_there(self, visits: Lake, version: int) -> None:
        visits.append(NAME, people("ada"))
        with pytest.raises(NotFound, match=r"the newest is 1"):
            visits.read(NAME, version=version)

    def test_columns_in_the_order_asked_for(self, visits: Lake) -> None:
        visits.append(NAME, pa.table({"who": ["ada"], "n": [1]}))
        assert visits.read(NAME, ["n", "who"]).column_names == ["n", "who"]

    @pytest.mark.parametrize("columns", [["nope"], [], ["who", "who"], ['who" FROM rows --']])
    def test_columns_that_cannot_be_read(self, visits: Lake, columns: list[str]) -> None:
        with pytest.raises(InvalidInput):
            visits.read(NAME, columns)


class TestOverwrite:
    def test_replaces_all_rows(self, visits: Lake) -> None:
        visits.append(NAME, people("ada", "bob"))
        assert visits.overwrite(NAME, people("eve")) == 2
        assert who(visits) == ["eve"]

    def test_with_no_rows_empties_the_table(self, visits: Lake) -> None:
        visits.append(NAME, people("ada"))
        visits.overwrite(NAME, people())
        assert visits.read(NAME).num_rows == 0
        assert visits.read(NAME).schema.equals(VISITS.columns)

    def test_keeps_the_transactions(self, visits: Lake) -> None:
        visits.append(NAME, people("ada"), Transaction("spool", 3))
        visits.overwrite(NAME, people("eve"))
        assert visits.transaction_number(NAME, "spool") == 3

    def test_refuses_unknown_columns(self, visits: Lake) -> None:
        with pytest.raises(InvalidInput, match="nope"):
            visits.overwrite(NAME, pa.table({"nope": [1]}))

    def test_many_threads_leave_one_of_their_answers(self, visits: Lake) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda index: visits.overwrite(NAME, people(f"u{index}")), range(4)))
        assert who(visits) in [[f"u{index}"] for index in range(4)]


class TestHistory:
    def test_newest_first_with_times(self, visits: Lake) -> None:
        before = datetime.now(UTC) - timedelta(seconds=2)
        visits.append(NAME, people("ada"))
        commits = visits.history(NAME)
        assert [commit.version for commit in commits] == [1, 0]
        assert before <= commits[0].time <= datetime.now(UTC) + timedelta(seconds=2)
        assert commits[0].time >= commits[1].time
        assert [commit.operation for commit in commits] == ["WRITE", "CREATE TABLE"]

    def test_limit(self, visits: Lake) -> None:
        visits.append(NAME, people("ada"))
        assert [commit.version for commit in visits.history(NAME, limit=1)] == [1]

    def test_compaction_changes_no_row_and_no_older_version(self, visits: Lake) -> None:
        for index in range(12):
            visits.append(NAME, people(f"u{index:02}"), Transaction("spool", index))
        visits.compact(NAME)
        assert who(visits) == [f"u{index:02}" for index in range(12)]
        assert who(visits, 3) == ["u00", "u01", "u02"]
        assert visits.transaction_number(NAME, "spool") == 11


class TestNames:
    def test_tables_that_do_not_exist(self, lake: Lake) -> None:
        assert not lake.exists(NAME)
        assert lake.names() == []
        for call in (lake.read, lake.version, lake.history, lake.compact, lake.uri):
            with pytest.raises(NotFound, match=f"table {NAME} does not exist"):
                call(NAME)
        with pytest.raises(NotFound):
            lake.append(NAME, people("ada"))
        with pytest.raises(NotFound):
            lake.overwrite(NAME, people("ada"))
        with pytest.raises(NotFound):
            lake.transaction_number(NAME, "spool")

    @pytest.mark.parametrize(
        "name", ["visits", "bronze.visits", "a.b.c.d", "quikapp_ml.../etc.x", "q.B.c", "q..c", "q.b.c\n"]
    )
    def test_names_of_another_form(self, lake: Lake, name: str) -> None:
        with pytest.raises(InvalidInput, match=r"catalog\.schema\.table"):
            lake.ensure(Table(name, VISITS.columns, ("who",), ""))
        with pytest.raises(InvalidInput):
            lake.exists(name)


@pytest.mark.parametrize("place", ["folder", *CLOUD_ROOTS])
def test_two_processes_that_create_and_append_at_once_both_land(
    place: str, tmp_path: Path, cloud_root: Callable[[str], str]
) -> None:
    root, times = (str(tmp_path), 30) if place == "folder" else (cloud_root(place), 5)
    program = textwrap.dedent("""
        import sys
        import pyarrow as pa
        from quikapp_ml.stores.lake import open_lake
        from quikapp_ml.stores.lake.base import Table, Transaction

        root, name, me, times = sys.argv[1:]
        lake = open_lake(root)
        sys.stdin.readline()
        lake.ensure(Table(name, pa.schema([("who", pa.string())]), ("who",), ""))
        for index in range(int(times)):
            lake.append(name, pa.table({"who": [f"{me}-{index}"]}), Transaction(me, index))
    """)
    commands = [[sys.executable, "-c", program, root, NAME, me, str(times)] for me in ("left", "right")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        for command in commands
    ]
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        _, errors = child.communicate(timeout=60)
        assert child.returncode == 0, errors
    assert who(open_lake(root)) == sorted(f"{me}-{index}" for me in ("left", "right") for index in range(times))
