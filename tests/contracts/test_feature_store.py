"""The promises of the feature store, held against Sail and, where TEST_SPARK_REMOTE names one, Apache Spark."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quikapp_ml.errors import NotFound
from quikapp_ml.feature_store import FeatureFunction, FeatureLookup, FeatureStoreClient
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.spark import SparkCompute
from quikapp_ml.stores.online.memory import MemoryOnlineStore
from support.toy_model import Threshold, WatchedRegistry

NAME = "quikapp_ml.features.user_activity"
RATES = "quikapp_ml.features.user_rates"
RATE_COLUMNS = "user_id string, event_time timestamp, ingest_time timestamp, value double"
LABEL_COLUMNS = "user_id string, at timestamp, label boolean"
START = datetime(2026, 11, 1, tzinfo=UTC)

SAIL = pytest.param("", id="sail")
SPARK = pytest.param(os.environ.get("TEST_SPARK_REMOTE", ""), id="spark", marks=pytest.mark.spark)


@pytest.fixture(scope="module", params=[SAIL, SPARK] if os.environ.get("TEST_SPARK_REMOTE") else [SAIL])
def compute(request: pytest.FixtureRequest) -> Iterator[SparkCompute]:
    engine = SparkCompute(request.param)
    yield engine
    engine.close()


@pytest.fixture
def fs(compute: SparkCompute, tmp_path: Path) -> FeatureStoreClient:
    lake = open_lake(str(tmp_path / "a läke of mine"))
    return FeatureStoreClient(lake, compute, registry=WatchedRegistry(), online=MemoryOnlineStore())


def hour(n: float) -> datetime:
    return START + timedelta(hours=n)


def rate(user: str, happened: float, known: float, value: float) -> tuple[str, datetime, datetime, float]:
    return user, hour(happened), hour(known), value


def rates(fs: FeatureStoreClient, *rows: tuple[str, datetime, datetime, float]) -> None:
    """A table with two clocks."""
    df = fs.spark.createDataFrame(list(rows), RATE_COLUMNS)
    fs.create_table(RATES, ["user_id", "event_time"], df, timestamp_keys="event_time", ttl=timedelta(days=1))


def rows_of(df: Any, *order: str) -> list[dict[str, Any]]:
    """Rows as dictionaries, sorted."""
    return sorted(df.toArrow().to_pylist(), key=lambda row: str([row[name] for name in order or row]))


def test_the_code_that_users_know_runs_as_written(fs: FeatureStoreClient) -> None:
    columns = "user_id string, message_count bigint, avg_response_time double"
    user_features_df = fs.spark.createDataFrame([("U1", 12, 30.5), ("U2", 3, None)], columns)
    labels_df = fs.spark.createDataFrame([("U1", 1), ("U2", 0), ("U3", 0)], "user_id string, conversion int")

    fs.create_table(
        name="quikapp_ml.features.user_activity",
        primary_keys=["user_id"],
        df=user_features_df,
        description="User activity features for recommendations",
    )
    training_set = fs.create_training_set(df=labels_df, feature_lookups=[FeatureLookup(
        table_name="quikapp_ml.features.user_activity", feature_names=["message_count", "avg_response_time"],
        lookup_key="user_id")], label="conversion")  # fmt: skip

    assert training_set.load_df().columns == ["user_id", "message_count", "avg_response_time", "conversion"]
    assert rows_of(training_set.load_df()) == [
        {"user_id": "U1", "message_count": 12, "avg_response_time": 30.5, "conversion": 1},
        {"user_id": "U2", "message_count": 3, "avg_response_time": None, "conversion": 0},
        {"user_id": "U3", "message_count": None, "avg_response_time": None, "conversion": 0},
    ]
    table = fs.get_table(NAME)
    assert (table.primary_keys, table.features) == (("user_id",), ("message_count", "avg_response_time"))
    assert table.description == "User activity features for recommendations"


def test_writing_reading_and_dropping(fs: FeatureStoreClient) -> None:
    spark, columns = fs.spark, "user_id string, n bigint, words array<string>"
    fs.create_table(NAME, "user_id", schema=spark.createDataFrame([], columns).schema)
    fs.write_table(NAME, spark.createDataFrame([("a", 1, ["x"]), ("b", 2, None)], columns))
    merged = fs.write_table(NAME, spark.createDataFrame([("b", 20), ("c", 3)], "user_id string, n int"), mode="merge")
    expected = [("a", 1, ["x"]), ("b", 20, None), ("c", 3, None)]
    assert [tuple(row.values()) for row in rows_of(fs.read_table(NAME))] == expected
    fs.write_table(NAME, spark.createDataFrame([("d", 4, None)], columns), mode="overwrite")
    assert [row["user_id"] for row in rows_of(fs.read_table(NAME))] == ["d"]
    assert [tuple(row.values()) for row in rows_of(fs.read_table(NAME, version=merged))] == expected
    fs.drop_table(NAME)
    with pytest.raises(NotFound, match="user_activity"):
        fs.read_table(NAME)


def test_two_clocks_a_window_defaults_other_names_and_functions_at_once(fs: FeatureStoreClient) -> None:
    rates(fs, rate("a", 1, 1, 10), rate("a", 2, 5, 20), rate("b", 0, 0, 7))
    fs.create_table(NAME, "user_id", fs.spark.createDataFrame([("a", -5)], "user_id string, n int"))
    rows = [("a", hour(3), True), ("a", hour(5), True), ("b", hour(2), False), ("b", hour(30), False)]
    df = fs.spark.createDataFrame(rows, LABEL_COLUMNS)
    now = FeatureLookup(RATES, "user_id", timestamp_lookup_key="at", rename_outputs={"value": "rate"})
    recent = FeatureLookup(
        RATES, "user_id", "value", "at", timedelta(hours=1.5), {"recent": -1.0}, rename_outputs={"value": "recent"}
    )
    distance = FeatureFunction("abs", {"x": "n"}, "distance")
    features = (now, recent, FeatureLookup(NAME, "user_id", "n"), distance)
    training_set = fs.create_training_set(df, features, label="label", exclude_columns=["n", "user_id"])
    assert training_set.load_df().columns == ["at", "rate", "recent", "distance", "label"]
    assert [tuple(row.values())[1:] for row in rows_of(training_set.load_df(), "label", "at")] == [
        (7.0, -1.0, None, False), (None, -1.0, None, False),  # the second is older than the table's ttl
        (10.0, -1.0, 5, True), (20.0, -1.0, 5, True),
    ]  # fmt: skip


def test_a_function_of_ours_is_called_by_name(fs: FeatureStoreClient) -> None:
    fs.create_table(NAME, "user_id", fs.spark.createDataFrame([("a", 2.0)], "user_id string, n double"))
    fs.spark.udf.register("twice_and", lambda n, more: None if n is None else 2 * n + more, "double")
    df = fs.spark.createDataFrame([("a", 0.5), ("b", 0.5)], "user_id string, extra double")
    called = FeatureFunction("twice_and", {"n": "n", "more": "extra"}, "sum")
    found = fs.create_training_set(df, [FeatureLookup(NAME, "user_id"), called], label=None).load_df()
    assert [(row["user_id"], row["sum"]) for row in rows_of(found)] == [("a", 4.5), ("b", None)]


def test_a_training_set_built_later_from_its_versions_is_equal_row_for_row(fs: FeatureStoreClient) -> None:
    rates(fs, *(rate(f"u{n % 5}", n, n + n % 3, n) for n in range(40)))
    df = fs.spark.createDataFrame([(f"u{n % 6}", hour(n), n % 2 == 0) for n in range(50)], LABEL_COLUMNS)
    lookups = [FeatureLookup(RATES, "user_id", timestamp_lookup_key="at")]
    training_set = fs.create_training_set(df, lookups, label="label")
    before = rows_of(training_set.load_df())
    backfill = fs.spark.createDataFrame([rate(f"u{n % 5}", n + 0.5, n + 0.5, -n) for n in range(40)], RATE_COLUMNS)
    fs.write_table(RATES, backfill)
    changed = rows_of(fs.create_training_set(df, lookups, label="label").load_df())
    fs.write_table(RATES, backfill, mode="overwrite")
    again = fs.create_training_set(df, lookups, label="label", table_versions=training_set.table_versions)
    assert rows_of(training_set.load_df()) == before
    assert rows_of(again.load_df()) == before
    assert again.table_versions == training_set.table_versions == {RATES: 1}
    assert changed != before


def test_a_model_knows_its_features(fs: FeatureStoreClient) -> None:
    rates(fs, rate("a", 1, 1, 0.2), rate("a", 2, 5, 0.9), rate("b", 1, 1, 0.7))
    df = fs.spark.createDataFrame([("a", hour(3), True)], LABEL_COLUMNS)
    training_set = fs.create_training_set(df, [FeatureLookup(RATES, "user_id", None, "at")], label="label")
    version = fs.log_model(Threshold(0.5), training_set=training_set, metrics={"accuracy": 0.9})
    assert (version.name, version.number, version.semantic_version) == ("threshold", 1, "0.1.0")

    asked = [("a", hour(4)), ("a", hour(6)), ("b", hour(6))]
    scored = fs.score_batch("models:/threshold/1", fs.spark.createDataFrame(asked, "user_id string, at timestamp"))
    found = [(row["user_id"], row["value"], row["prediction"]) for row in rows_of(scored)]
    assert found == [("a", 0.2, False), ("a", 0.9, True), ("b", 0.7, True)]

    given = fs.spark.createDataFrame([("nobody", 0.8)], "user_id string, value double")
    assert rows_of(fs.score_batch("models:/threshold/1", given)) == [
        {"user_id": "nobody", "value": 0.8, "prediction": True}
    ]


def test_published_values_are_present_not_found_or_expired(fs: FeatureStoreClient) -> None:
    now = datetime.now(UTC)
    minute = timedelta(minutes=1)
    rows = [
        ("a", now - 9 * minute, now - 9 * minute, 1.0),
        ("a", now - 5 * minute, now - 4 * minute, 2.0),
        ("a", now - 5 * minute, now + 60 * minute, 3.0),  # a correction that nobody knows of yet
        ("old", now - timedelta(days=2), now, 4.0),
    ]
    rates(fs, *rows)
    assert fs.publish_table(RATES) == 2
    assert fs.publish_table(RATES) == 0
    a, old, none = fs.read_online(RATES, [{"user_id": "a"}, {"user_id": "old"}, {"user_id": "none"}])
    assert (a.status, a.values, a.event_time) == ("present", {"value": 2.0}, now - 5 * minute)
    assert (old.status, old.values) == ("expired", {})
    assert (none.status, none.values) == ("not_found", {})
