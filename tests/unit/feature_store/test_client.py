from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from quikapp_ml.errors import AlreadyExists, InvalidInput, JobFailed, NotFound
from quikapp_ml.feature_store import FeatureLookup, FeatureStoreClient
from quikapp_ml.stores.lake.base import Lake, Table
from quikapp_ml.stores.lake.spark import SparkCompute

NAME = "quikapp_ml.features.people"
COLUMNS = "user_id string, n double"
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def test_a_table_is_made_of_a_frame_or_a_schema_and_only_once(fs: FeatureStoreClient) -> None:
    df = fs.spark.createDataFrame([("a", 1.0)], COLUMNS)
    with pytest.raises(InvalidInput, match="people: give either df or schema"):
        fs.create_table(NAME, "user_id")
    with pytest.raises(InvalidInput, match="people: give either df or schema"):
        fs.create_table(NAME, "user_id", df, schema=df.schema)
    fs.create_table(NAME, "user_id", df, tags={"team": "ml"})
    with pytest.raises(AlreadyExists, match="people is there already"):
        fs.create_table(NAME, "user_id", df)
    assert fs.get_table(NAME).tags == {"team": "ml"}


def test_of_several_who_make_a_table_at_once_one_does(fs: FeatureStoreClient) -> None:
    schema = fs.spark.createDataFrame([("a", 1.0)], COLUMNS).schema

    def make(n: int) -> str:
        try:
            return fs.create_table(NAME, "user_id", schema=schema, description=f"number {n}").description
        except AlreadyExists:
            return ""

    with ThreadPoolExecutor(4) as pool:
        made = [each for each in pool.map(make, range(4)) if each]
    assert made == [fs.get_table(NAME).description]


@pytest.mark.parametrize("rows", [[("a", 1.0), ("a", 2.0)], [(None, 1.0)]])
def test_a_table_whose_first_rows_are_refused_is_not_made(
    fs: FeatureStoreClient, lake: Lake, rows: list[tuple[str | None, float]]
) -> None:
    with pytest.raises(InvalidInput, match=r"features\.people"):
        fs.create_table(NAME, "user_id", fs.spark.createDataFrame(rows, COLUMNS))
    assert not lake.exists(NAME)


def test_history_without_the_second_clock_is_refused_with_the_ways_out(fs: FeatureStoreClient) -> None:
    df = fs.spark.createDataFrame([("a", NOW, 1.0)], "user_id string, event_time timestamp, n double")
    with pytest.raises(InvalidInput, match=r"column ingest_time is lacking.*known_time_key=None"):
        fs.create_table(NAME, ["user_id", "event_time"], df, timestamp_keys="event_time")
    table = fs.create_table(NAME, ["user_id", "event_time"], df, timestamp_keys="event_time", known_time_key=None)
    assert table.features == ("n",)


def test_an_overwrite_is_checked_like_a_merge(fs: FeatureStoreClient) -> None:
    fs.create_table(NAME, "user_id", fs.spark.createDataFrame([("a", 1.0)], COLUMNS))
    with pytest.raises(InvalidInput, match="key user_id='b' is given 2 times"):
        fs.write_table(NAME, fs.spark.createDataFrame([("b", 1.0), ("b", 2.0)], COLUMNS), mode="overwrite")
    with pytest.raises(InvalidInput, match="mode 'append' of writing to table"):
        fs.write_table(NAME, fs.spark.createDataFrame([("b", 1.0)], COLUMNS), mode="append")  # type: ignore[arg-type]
    assert fs.read_table(NAME).toArrow().to_pylist() == [{"user_id": "a", "n": 1.0}]


def test_rows_that_cannot_be_computed_are_a_failed_job(fs: FeatureStoreClient) -> None:
    fs.create_table(NAME, "user_id", fs.spark.createDataFrame([("a", 1.0)], COLUMNS))
    with pytest.raises(JobFailed, match="people could not be computed"):
        fs.write_table(NAME, fs.spark.sql("SELECT 'a' AS user_id, 1 / (id - id) AS n FROM range(1)"))


def test_what_is_no_feature_table_is_neither_read_nor_dropped(fs: FeatureStoreClient, lake: Lake) -> None:
    lake.ensure(Table(NAME, pa.schema([("user_id", pa.string())]), ("user_id",), ""))
    for ask in (fs.get_table, fs.read_table, fs.drop_table, fs.publish_table):
        with pytest.raises(NotFound, match="people is no feature table"):
            ask(NAME)
    assert lake.exists(NAME)


def test_a_frame_of_another_session_is_joined_there(fs: FeatureStoreClient, lake: Lake) -> None:
    fs.create_table(NAME, "user_id", fs.spark.createDataFrame([("a", 1.0)], COLUMNS))
    other = SparkCompute()
    try:
        df = other.session().createDataFrame([("a",)], "user_id string")
        found = fs.create_training_set(df, [FeatureLookup(NAME, "user_id")], label=None).load_df()
        assert found.toArrow().to_pylist() == [{"user_id": "a", "n": 1.0}]
    finally:
        other.close()


def test_a_client_says_what_it_was_not_given(lake: Lake, compute: SparkCompute) -> None:
    fs = FeatureStoreClient(lake, compute)
    fs.create_table(NAME, "user_id", fs.spark.createDataFrame([("a", 1.0)], COLUMNS))
    with pytest.raises(InvalidInput, match="no online store"):
        fs.publish_table(NAME)
    with pytest.raises(InvalidInput, match="no model registry"):
        fs.score_batch("models:/a/1", fs.spark.range(1))
