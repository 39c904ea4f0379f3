"""Where Sail and Apache Spark differ, and what we rely on instead: each row of `docs/engines.md` names a test of here.

On Sail always; on Apache Spark where TEST_SPARK_REMOTE names one (`scripts/test spark`). A difference that goes away in
a newer version fails here too: then its row, and perhaps the way round it, can go.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pysail.spark import SparkConnectServer
from pyspark.errors import PySparkException
from pyspark.sql.connect.session import SparkSession

from quikapp_ml.entities.experiments import ExperimentSpec
from quikapp_ml.errors import JobFailed
from quikapp_ml.experiments.metrics import DEFAULTS, metric_statement, segments_statement, units_statement
from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.features.parts import ViewParts
from quikapp_ml.stores.lake import open_compute, open_lake
from quikapp_ml.stores.lake.base import Lake, Table
from quikapp_ml.training import increments_sql, labels_sql, silver_sql, silver_state_sql
from support.clouds import CLOUD_ROOTS

ROOT = Path(__file__).parents[2]
REMOTE = os.environ.get("TEST_SPARK_REMOTE", "")
MORNING = datetime(2026, 11, 23, 8, 30, 0, 123456, UTC)
DAYS = Table(
    "quikapp_ml.bronze.days",
    pa.schema([("day", pa.string()), ("n", pa.int64()), ("at", pa.timestamp("us", tz="UTC"))]),
    ("day",),
    "",
    partition_by=("day",),
)
TRIAL = ExperimentSpec.model_validate(
    {
        "name": "trial", "hypothesis": "More.", "subject": "rank", "smallest_effect": 0.02,
        "variants": [{"name": "control", "weight": 0.5}, {"name": "new", "weight": 0.5}],
        "metrics": [{"name": "joins", "of": "join", "kind": "ratio"}, {"name": "replies", "of": "replied"}],
    }
)  # fmt: skip
_METRICS = {f"metric {one.name}": one for one in (*TRIAL.metrics, *(one for some in DEFAULTS.values() for one in some))}
OUR_SQL = {
    **{name: metric_statement(TRIAL, metric).sql for name, metric in _METRICS.items()},
    "units": units_statement(TRIAL).sql,
    "segments": segments_statement(TRIAL).sql,
    **{name: sql for name, sql in vars(silver_sql).items() if name.endswith("_SQL")},
    **{view.name: view.sql("activities", MORNING, known_by=MORNING) for view in FEATURE_VIEWS},
}
"""What jobs ask an engine, column by column."""
NIGHT_SQL = {
    **{
        name: sql
        for module in (silver_state_sql, increments_sql)
        for name, sql in vars(module).items()
        if name.endswith("_SQL")
    },
    "counts of labels": labels_sql.counts_sql(0),
    "candidates of labels": labels_sql.candidates_sql(0, dict.fromkeys(("spam", "ham", "heard", "calm"), 10**9)),
    "events of messages": increments_sql.told_sql(MORNING),
    **{f"parts of {view.name}": ViewParts(view).counted("activities", MORNING) for view in FEATURE_VIEWS},
    **{
        f"values of {view.name}": ViewParts(view).values(MORNING, MORNING, some_are_gone=True) for view in FEATURE_VIEWS
    },
}
"""What a night asks besides; `*` stands in it for the columns of a view that the statement itself, or we, declare."""


@dataclass(frozen=True)
class Engine:
    """An engine as others see it: a session without our `SparkCompute` around it."""

    session: Any
    is_sail: bool


@pytest.fixture(scope="module")
def sail() -> Iterator[str]:
    """URL of a Sail in this process."""
    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    host, port = server.listening_address
    yield f"sc://{host}:{port}"
    server.stop()


SAIL = pytest.param("sail", id="sail")
SPARK = pytest.param("spark", id="spark", marks=pytest.mark.spark)


@pytest.fixture(scope="module", params=[SAIL, SPARK] if REMOTE else [SAIL])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    is_sail = request.param == "sail"
    session = SparkSession.builder.remote(request.getfixturevalue("sail") if is_sail else REMOTE).create()
    session.conf.set("spark.sql.session.timeZone", "UTC")
    yield Engine(session, is_sail)
    session.stop()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A table of two days, in one partition each."""
    lake = open_lake(str(tmp_path))
    lake.ensure(DAYS)
    lake.append(DAYS.name, pa.table({"day": ["mon", "tue"], "n": [1, 2], "at": [MORNING, MORNING]}))
    return lake


def written(engine: Engine, sql: str, lake: Lake, mode: str = "append", **options: object) -> None:
    """What an engine does when it writes; ours never do."""
    writer = engine.session.sql(sql).write.format("delta").mode(mode)
    for name, value in options.items():
        writer = writer.option(name, value)
    writer.save(lake.uri(DAYS.name))


ROW = "SELECT 'tue' AS day, CAST(9 AS BIGINT) AS n, TIMESTAMP '2026-11-23 08:30:00' AS at"


@pytest.mark.parametrize("name", [*OUR_SQL, *NIGHT_SQL])
def test_our_statements_only_read_and_keep_to_the_common_ground(name: str) -> None:
    """Tables are written by delta-rs: how engines write differs in silence."""
    sql = {**NIGHT_SQL, **OUR_SQL}[name].strip()
    assert sql.startswith(("WITH ", "SELECT "))
    beside_the_point = re.sub(r"'(?:[^'\\]|\\.)*'", "''", sql)
    refused = re.findall(
        r"\b(INSERT|UPDATE|DELETE|MERGE|CREATE|DROP|ALTER|OVERWRITE|QUALIFY|LATERAL|RECURSIVE|GROUP BY ALL|IDENTIFIER|"
        r"percentile_approx|session_window|zip_with|transform_values|to_json|current_timestamp|now|current_date)\b",
        beside_the_point,
        flags=re.IGNORECASE,
    )
    assert not refused
    assert name in NIGHT_SQL or not re.search(r"SELECT \*|, \*", beside_the_point)


def test_no_code_of_ours_writes_through_an_engine() -> None:
    calls = re.compile(r"\.write\.|\.writeTo\(|insertInto|saveAsTable|overwritePartitions|partitionOverwrite|txnAppId")
    sources = {path.name: path.read_text() for path in (ROOT / "src").rglob("*.py")}
    assert "spark.py" in sources
    assert [name for name, text in sources.items() if calls.search(text)] == []


def test_a_dynamic_partition_overwrite_loses_the_other_partitions_on_sail(engine: Engine, lake: Lake) -> None:
    written(engine, ROW, lake, "overwrite", partitionOverwriteMode="dynamic")
    kept = sorted(lake.read(DAYS.name, ["day", "n"]).to_pylist(), key=str)
    others = [] if engine.is_sail else [{"day": "mon", "n": 1}]
    assert kept == [*others, {"day": "tue", "n": 9}]


def test_a_transaction_number_is_ignored_by_sail(engine: Engine, lake: Lake) -> None:
    for _ in range(2):
        written(engine, ROW, lake, txnAppId="spool", txnVersion=7)
    n_written = lake.read(DAYS.name).num_rows - 2
    assert n_written == (2 if engine.is_sail else 1)
    assert lake.transaction_number(DAYS.name, "spool") == (None if engine.is_sail else 7)


def test_a_narrower_number_is_cast_by_sail_and_refused_by_spark(engine: Engine, lake: Lake) -> None:
    narrow = ROW.replace("BIGINT", "INT")
    if engine.is_sail:
        written(engine, narrow, lake)
        assert lake.read(DAYS.name, ["n"]).column("n").to_pylist().count(9) == 1
    else:
        with pytest.raises(PySparkException, match=r"(?i)merge"):
            written(engine, narrow, lake)


def test_a_table_that_tells_its_changes_is_written_by_spark_alone(engine: Engine, lake: Lake) -> None:
    told = replace(DAYS, name="quikapp_ml.bronze.told", properties={"delta.enableChangeDataFeed": "true"})
    lake.ensure(told)
    place = lake.uri(told.name)
    rows = engine.session.sql("SELECT 'd' AS day, CAST(9 AS BIGINT) AS n, TIMESTAMP '2026-11-23 08:30:00Z' AS at")
    write = rows.write.format("delta").mode("append")
    if engine.is_sail:
        with pytest.raises(PySparkException, match="ChangeDataFeed"):
            write.save(place)
    else:
        write.save(place)
    assert lake.read(told.name).num_rows == (0 if engine.is_sail else 1)


def test_a_folder_with_a_space_is_not_found_by_sail_but_through_our_door(engine: Engine, tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path / "a läke"))
    lake.ensure(DAYS)
    if engine.is_sail:
        with pytest.raises(PySparkException):
            engine.session.read.format("delta").load(lake.uri(DAYS.name)).count()
    compute = open_compute("" if engine.is_sail else REMOTE)
    assert compute.query("SELECT COUNT(*) AS n FROM days", {"days": lake.uri(DAYS.name)}).to_pylist() == [{"n": 0}]
    compute.close()


def test_hours_of_a_column_are_those_of_the_sessions_time_zone_on_spark_and_of_utc_on_sail(
    engine: Engine, lake: Lake
) -> None:
    """So `SparkCompute` sets the zone to UTC, whatever the server's machine says: then both say the same."""
    days = engine.session.read.format("delta").load(lake.uri(DAYS.name))
    found = {}
    try:
        for zone in ("Asia/Tokyo", "UTC"):
            engine.session.conf.set("spark.sql.session.timeZone", zone)
            found[zone] = days.selectExpr("HOUR(at) AS hour").first()["hour"]
    finally:
        engine.session.conf.set("spark.sql.session.timeZone", "UTC")
    assert found == {"Asia/Tokyo": 8 if engine.is_sail else 17, "UTC": 8}


def test_a_json_text_of_a_time_has_other_digits(engine: Engine) -> None:
    row = engine.session.sql("SELECT to_json(named_struct('at', TIMESTAMP '2026-11-23 08:30:00.123456')) AS j").first()
    assert row["j"] == f'{{"at":"2026-11-23T08:30:00.{"123456" if engine.is_sail else "123"}Z"}}'


def test_a_version_reads_what_was_there_then(engine: Engine, lake: Lake) -> None:
    """The base of training sets made again: also after an overwrite and a compaction by delta-rs."""
    lake.overwrite(DAYS.name, pa.table({"day": ["sun"], "n": [70], "at": [MORNING]}))
    lake.compact(DAYS.name)
    sums = {}
    for version in (0, 1, 2):
        days = engine.session.read.format("delta").option("versionAsOf", version).load(lake.uri(DAYS.name))
        sums[version] = days.selectExpr("SUM(n) AS n").first()["n"]
    assert sums == {0: None, 1: 3, 2: 70}


def test_a_view_is_known_to_its_session_alone(engine: Engine, sail: str) -> None:
    """So every query of ours brings its tables along, by path."""
    engine.session.sql("SELECT 1 AS one").createOrReplaceTempView("mine")
    other = SparkSession.builder.remote(sail if engine.is_sail else REMOTE).create()
    with pytest.raises(PySparkException, match="mine"):
        other.sql("SELECT one FROM mine").collect()
    other.stop()
    engine.session.catalog.dropTempView("mine")


def test_errors_have_other_classes_and_one_of_ours(engine: Engine) -> None:
    compute = open_compute("" if engine.is_sail else REMOTE)
    for sql in ("SELECT 1 / 0 AS x", "SELECT CAST('no number' AS INT) AS x", "SELECT x FROM"):
        with pytest.raises(JobFailed):
            compute.query(sql, {})
    compute.close()


KNOWN_ANSWERS = {
    "get_json_object('{\"a\": true}', '$.a') = 'true'": True,
    "get_json_object('{\"a\": \"x\"}', '$.b')": None,
    "get_json_object('{\"a\": \"x y\"}', '$.a')": "x y",
    r"ARRAY_DISTINCT(REGEXP_EXTRACT_ALL('<@U1> <@U2> <@U1>', '<@(\\w+)>', 1))": ["U1", "U2"],
    "REGEXP_REPLACE(':+1::skin-tone-2:', '(^:)|(::skin-tone-[2-6])|(:$)', '')": "+1",
    "sha2('c m', 256)": "6426ef0c7dffc44ac0fe19dc978c7838000801a8befcd5d52c16905238ef3479",
    "unix_micros(TIMESTAMP '2026-11-23 08:30:00.123456')": 1_795_422_600_123_456,
    "timestamp_micros(1795422600123456)": MORNING,
    "POW(CAST(2 AS DOUBLE), -CAST(86400000000 AS DOUBLE) / CAST(86400000000 AS DOUBLE))": 0.5,
    "LENGTH(TRIM('  ä🙂 '))": 2,
    "GREATEST(200, 20 * COUNT(*))": 200,
    "MAX(CASE WHEN false THEN 1 END)": None,
    "CAST(7 AS BIGINT) / 2": 3.5,
}
"""What our statements are made of → what both engines must say."""


def test_functions_that_we_use_have_one_answer(engine: Engine) -> None:
    columns = ", ".join(f"{expression} AS c{number}" for number, expression in enumerate(KNOWN_ANSWERS))
    (row,) = engine.session.sql(f"SELECT {columns}").toArrow().to_pylist()
    assert dict(zip(KNOWN_ANSWERS, row.values(), strict=True)) == KNOWN_ANSWERS


def test_ranks_are_given_with_nulls_first(engine: Engine) -> None:
    rows = engine.session.sql(
        "SELECT n, ROW_NUMBER() OVER (ORDER BY n) AS place FROM VALUES (2), (NULL), (1) AS t(n) ORDER BY place"
    ).toArrow()
    assert rows.column("n").to_pylist() == [None, 1, 2]


def test_no_engine_runs_before_the_first_query() -> None:
    """Sail must not be started before a fork: a server of a child would hang."""
    before = len(list(Path("/proc/self/task").iterdir()))
    compute = open_compute()
    assert len(list(Path("/proc/self/task").iterdir())) == before
    compute.query("SELECT 1 AS one", {})
    compute.close()


@pytest.mark.parametrize("scheme", CLOUD_ROOTS)
def test_sail_reads_tables_of_object_stores_by_the_same_environment(
    scheme: str, cloud_root: Callable[[str], str]
) -> None:
    lake = open_lake(cloud_root(scheme))
    lake.ensure(DAYS)
    lake.append(DAYS.name, pa.table({"day": ["mon", "tue"], "n": [1, 2]}))
    lake.append(DAYS.name, pa.table({"day": ["mon"], "n": [30]}))
    compute = open_compute()
    sums = [
        compute.query("SELECT SUM(n) AS n FROM days", {"days": lake.uri(DAYS.name)}, {"days": version}).to_pylist()
        for version in (0, 1, 2)
    ]
    compute.close()
    assert sums == [[{"n": None}], [{"n": 3}], [{"n": 33}]]


def test_the_page_of_engines_names_tests_of_this_file_and_leaves_out_none() -> None:
    page = (ROOT / "docs" / "engines.md").read_text()
    named = set(re.findall(r"`(test_\w+)`", page))
    here = {name for name, value in globals().items() if name.startswith("test_") and callable(value)}
    assert named == here - {"test_the_page_of_engines_names_tests_of_this_file_and_leaves_out_none"}
