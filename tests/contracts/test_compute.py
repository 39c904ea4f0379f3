"""The promises of `Compute`, held against Sail in process and, where TEST_SPARK_REMOTE names one, Apache Spark."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from quikapp_ml.errors import InvalidInput, JobFailed
from quikapp_ml.stores.lake import open_compute, open_lake
from quikapp_ml.stores.lake.base import Compute, Lake, Table

PEOPLE = Table("quikapp_ml.bronze.people", pa.schema([("id", pa.string()), ("team", pa.string())]), ("id",), "")
VISITS = Table(
    "quikapp_ml.bronze.visits",
    pa.schema([("id", pa.string()), ("at", pa.timestamp("us", tz="UTC")), ("n", pa.int64())]),
    ("id", "at"),
    "",
)
MORNING = datetime(2026, 11, 23, 8, 30, 0, 123456, UTC)
EVENING = datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC)


SAIL = pytest.param("", id="sail")
SPARK = pytest.param(os.environ.get("TEST_SPARK_REMOTE", ""), id="spark", marks=pytest.mark.spark)


@pytest.fixture(scope="module", params=[SAIL, SPARK] if os.environ.get("TEST_SPARK_REMOTE") else [SAIL])
def compute(request: pytest.FixtureRequest) -> Iterator[Compute]:
    engine = open_compute(request.param)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = open_lake(str(tmp_path_factory.mktemp("lake")))
    lake.ensure(PEOPLE)
    lake.ensure(VISITS)
    lake.append(PEOPLE.name, pa.table({"id": ["ada", "bob", "зоя"], "team": ["red", "red", None]}))
    lake.append(VISITS.name, pa.table({"id": ["ada", "ada"], "at": [MORNING, EVENING], "n": [1, 2]}))
    lake.append(VISITS.name, pa.table({"id": ["зоя", "bob"], "at": [MORNING, None], "n": [40, None]}))
    return lake


@pytest.fixture(scope="module")
def tables(lake: Lake) -> dict[str, str]:
    return {"people": lake.uri(PEOPLE.name), "visits": lake.uri(VISITS.name)}


def test_a_join_of_two_tables(compute: Compute, tables: dict[str, str]) -> None:
    rows = compute.query(
        "SELECT p.id, p.team, SUM(v.n) AS n FROM people p JOIN visits v ON v.id = p.id "
        "GROUP BY p.id, p.team ORDER BY n NULLS FIRST",
        tables,
    )
    assert rows.to_pylist() == [
        {"id": "bob", "team": "red", "n": None},
        {"id": "ada", "team": "red", "n": 3},
        {"id": "зоя", "team": None, "n": 40},
    ]
    assert rows.schema.field("n").type == pa.int64()


def test_a_pinned_version_and_a_new_one_of_the_other_table(compute: Compute, tables: dict[str, str]) -> None:
    sql = "SELECT (SELECT COUNT(*) FROM visits) AS v, (SELECT COUNT(*) FROM people) AS p"
    assert compute.query(sql, tables, {"visits": 1}).to_pylist() == [{"v": 2, "p": 3}]
    assert compute.query(sql, tables, {"visits": 0}).to_pylist() == [{"v": 0, "p": 3}]
    assert compute.query(sql, tables).to_pylist() == [{"v": 4, "p": 3}]


def test_a_later_commit_is_seen_by_the_next_query(compute: Compute, tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path))
    lake.ensure(PEOPLE)
    for n_people in range(3):
        rows = compute.query("SELECT COUNT(*) AS n FROM people", {"people": lake.uri(PEOPLE.name)})
        assert rows.to_pylist() == [{"n": n_people}]
        lake.append(PEOPLE.name, pa.table({"id": ["x"]}))


def test_times_are_utc_to_the_microsecond(compute: Compute, tables: dict[str, str]) -> None:
    rows = compute.query(
        "SELECT at, DATE_TRUNC('day', at) AS day, HOUR(at) AS hour, unix_micros(at) AS us FROM visits WHERE n = 1",
        tables,
    )
    assert rows.schema.field("at").type == pa.timestamp("us", tz="UTC")
    assert rows.to_pylist() == [
        {
            "at": MORNING,
            "day": datetime(2026, 11, 23, tzinfo=UTC),
            "hour": 8,
            "us": int(MORNING.timestamp()) * 10**6 + 123456,
        }
    ]


def test_an_answer_can_be_written_to_a_table(compute: Compute, tables: dict[str, str], tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path))
    lake.ensure(VISITS)
    answer = compute.query("SELECT id, at, n FROM visits", tables)
    lake.overwrite(VISITS.name, answer)
    assert sorted(lake.read(VISITS.name).to_pylist(), key=str) == sorted(answer.to_pylist(), key=str)


def test_an_empty_answer_has_its_columns(compute: Compute, tables: dict[str, str]) -> None:
    rows = compute.query("SELECT id, n FROM visits WHERE n > 1000", tables)
    assert rows.num_rows == 0
    assert rows.column_names == ["id", "n"]


def test_large_answers_come_whole(compute: Compute) -> None:
    rows = compute.query("SELECT id, CAST(id AS STRING) AS text FROM range(500000)", {})
    assert rows.num_rows == 500_000
    assert sum(rows.column("id").to_pylist()) == 500_000 * 499_999 // 2


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT nope FROM people", "nope"),
        ("SELEC 1", "(?i)selec"),
        ("SELECT * FROM nowhere", "nowhere"),
        ("SELECT 1 / (n - n) AS x FROM visits WHERE n = 1", "(?i)zero"),
    ],
)
def test_an_error_is_job_failed_with_the_engines_words(
    compute: Compute, tables: dict[str, str], sql: str, says: str
) -> None:
    with pytest.raises(JobFailed, match=says):
        compute.query(sql, tables)
    assert compute.query("SELECT 1 AS one", {}).to_pylist() == [{"one": 1}]


def test_a_table_or_version_that_is_not_there(compute: Compute, tables: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(JobFailed):
        compute.query("SELECT * FROM people", {"people": (tmp_path / "none").as_uri()})
    with pytest.raises(JobFailed):
        compute.query("SELECT * FROM people", tables, {"people": 99})


def test_a_view_does_not_outlive_its_query(compute: Compute, tables: dict[str, str]) -> None:
    compute.query("SELECT 1 FROM people", tables)
    with pytest.raises(JobFailed, match="people"):
        compute.query("SELECT 1 FROM people", {"visits": tables["visits"]})


def test_names_that_are_not_identifiers_are_refused(compute: Compute, tables: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="a b"):
        compute.query("SELECT 1", {"a b": tables["people"]})
    with pytest.raises(InvalidInput, match="other"):
        compute.query("SELECT 1", tables, {"other": 1})


def test_threads_share_it(compute: Compute, tables: dict[str, str]) -> None:
    def count(version: int) -> int:
        rows = compute.query("SELECT COUNT(*) AS n FROM visits", {"visits": tables["visits"]}, {"visits": version})
        return int(rows.to_pylist()[0]["n"])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(count, [0, 1, 2] * 4)) == [0, 2, 4] * 4
