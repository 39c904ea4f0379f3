from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.feature_store import FeatureFunction, FeatureLookup, FeatureStoreClient

PLAIN = "quikapp_ml.features.people"
TIMED = "quikapp_ml.features.rates"
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def make(fs: FeatureStoreClient) -> Callable[..., Any]:
    """Two tables, and a training set of one row over them."""
    spark = fs.spark
    fs.create_table(PLAIN, "user_id", spark.createDataFrame([("a", 1.0, 2)], "user_id string, n double, m int"))
    timed = "user_id string, event_time timestamp, ingest_time timestamp, n double"
    rates = spark.createDataFrame([("a", NOW, NOW, 1.0)], timed)
    fs.create_table(TIMED, ["user_id", "event_time"], rates, timestamp_keys="event_time")
    df = spark.createDataFrame([("a", 5, NOW, 1)], "user_id string, id bigint, at timestamp, label int")

    def training_set(*features: FeatureLookup | FeatureFunction, **given: Any) -> Any:
        return fs.create_training_set(df, list(features), **{"label": "label", **given})

    return training_set


@pytest.mark.parametrize(
    ("feature", "says"),
    [
        (FeatureLookup(PLAIN, "who"), "people: lookup_key who is unknown; known are user_id, id, at, label"),
        (FeatureLookup(PLAIN, "id"), "lookup_key id is bigint in the data frame, and user_id of the table is string"),
        (FeatureLookup(PLAIN, ["user_id", "id"]), "lookup_key is user_id, id, and the table's keys are user_id"),
        (FeatureLookup(PLAIN, "user_id", "k"), "people: feature k is unknown; known are n, m"),
        (FeatureLookup(PLAIN, "user_id", "n", "at"), "timestamp_lookup_key at is given, and the table has no"),
        (FeatureLookup(TIMED, "user_id"), r"rates: its values change over time \(event_time\); name the column"),
        (FeatureLookup(TIMED, "user_id", "n", "when"), "rates: timestamp_lookup_key when is unknown"),
        (FeatureLookup(TIMED, "user_id", "n", "id"), "timestamp_lookup_key id is bigint in the data frame"),
        (FeatureLookup(PLAIN, "user_id", rename_outputs={"k": "l"}), "rename_outputs k is unknown"),
        (FeatureLookup(PLAIN, "user_id", rename_outputs={"n": "m"}), "column m would be there twice"),
        (FeatureLookup(PLAIN, "user_id", rename_outputs={"n": "AT"}), "column AT would be there twice"),
        (FeatureLookup(PLAIN, "user_id", default_values={"k": 1}), "default_values k is unknown"),
        (FeatureLookup(PLAIN, "user_id", default_values={"m": "one"}), "default 'one' of m is not of its type, int32"),
        (FeatureFunction("abs", {"x": "k"}, "y"), "function abs: input_bindings k is unknown"),
        (FeatureFunction("abs", {"x": "id"}, "At"), "function abs: column At would be there twice"),
        (FeatureFunction("no_such_thing", {"x": "id"}, "y"), "function no_such_thing of id is not possible"),
        (FeatureFunction("abs", {"x": "label"}, "y"), "label label cannot be read"),
        (FeatureLookup(PLAIN, "label"), "label label cannot be read"),
    ],
)  # fmt: skip
def test_a_look_up_that_cannot_be_is_refused_by_table_and_column(
    make: Callable[..., Any], feature: FeatureLookup | FeatureFunction, says: str
) -> None:
    with pytest.raises(InvalidInput, match=says):
        make(feature)


def test_labels_and_columns_to_leave_out_must_be_there(make: Callable[..., Any]) -> None:
    with pytest.raises(InvalidInput, match="label target is no column of the data frame; it has user_id"):
        make(FeatureLookup(PLAIN, "user_id"), label="target")
    with pytest.raises(InvalidInput, match="exclude_columns k"):
        make(FeatureLookup(PLAIN, "user_id"), exclude_columns=["k"])
    with pytest.raises(InvalidInput, match="exclude_columns label"):
        make(FeatureLookup(PLAIN, "user_id"), exclude_columns=["label"])
    with pytest.raises(NotFound, match=r"features\.nowhere does not exist"):
        make(FeatureLookup("quikapp_ml.features.nowhere", "user_id"))


def test_a_feature_of_one_look_up_can_be_the_key_of_the_next(fs: FeatureStoreClient, make: Callable[..., Any]) -> None:
    name = "quikapp_ml.features.numbers"
    fs.create_table(name, "m", fs.spark.createDataFrame([(2, "two")], "m int, word string"))
    found = make(FeatureLookup(PLAIN, "user_id", "m"), FeatureLookup(name, "m")).load_df().toArrow().to_pylist()
    assert found == [{"user_id": "a", "id": 5, "at": NOW, "m": 2, "word": "two", "label": 1}]


def test_all_features_of_a_table_are_named_in_the_specification(
    fs: FeatureStoreClient, make: Callable[..., Any]
) -> None:
    spec = make(FeatureLookup(PLAIN, "user_id")).spec
    assert spec.features == (FeatureLookup(PLAIN, "user_id", ["n", "m"]),)
    assert spec.table_versions == {PLAIN: fs.get_table(PLAIN).version}
