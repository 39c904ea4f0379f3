from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.feature_store import FeatureLookup, FeatureStoreClient, TrainingSet
from quikapp_ml.feature_store.spec import SPEC_FILE
from quikapp_ml.features.services import FeatureService, service_of
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.spark import SparkCompute
from quikapp_ml.stores.registry import open_registry
from quikapp_ml.stores.registry.base import CHAMPION, NewVersion
from support.toy_model import Threshold, WatchedRegistry, save_starter

NAME = "quikapp_ml.features.people"


class TwoAnswers(Threshold):
    """Says yes, and by how much."""

    name = "two-answers"
    outputs: ClassVar[Mapping[str, str]] = {"says_yes": "boolean", "margin": "double"}

    def predict(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        margins = [None if value is None else value - self.threshold_ for value in columns["value"]]
        return {"says_yes": [bool(margin and margin > 0) for margin in margins], "margin": margins}


@pytest.fixture
def training_set(fs: FeatureStoreClient) -> TrainingSet:
    fs.create_table(NAME, "user_id", fs.spark.createDataFrame([("a", 0.75)], "user_id string, value double"))
    df = fs.spark.createDataFrame([("a", True)], "user_id string, label boolean")
    return fs.create_training_set(df, [FeatureLookup(NAME, "user_id")], label="label")


def test_the_specification_the_card_and_the_versions_go_with_the_model(
    fs: FeatureStoreClient, registry: WatchedRegistry, training_set: TrainingSet, tmp_path: Path
) -> None:
    fs.log_model(Threshold(0.5), training_set=training_set, registered_model_name="spam-two", semantic_version="2.0.0")
    second = fs.log_model(Threshold(0.5), training_set=training_set, registered_model_name="spam-two", card="# Mine\n")
    assert (second.number, second.semantic_version) == (2, "2.0.1")
    assert registry.new_versions[0].table_versions == {NAME: 1}
    assert service_of("spam-two", second.tags) == FeatureService("spam-two", {NAME: ("value",)})
    folder = registry.fetch("spam-two", 1, tmp_path / "one")
    assert "table_name: quikapp_ml.features.people" in (folder / SPEC_FILE).read_text()
    assert "`quikapp_ml.features.people`, version 1" in (folder / "card.md").read_text()
    assert (registry.fetch("spam-two", 2, tmp_path / "two") / "card.md").read_text() == "# Mine\n"


def test_several_answers_come_by_their_names_and_a_lacking_feature_is_the_models_matter(
    fs: FeatureStoreClient, registry: WatchedRegistry, training_set: TrainingSet
) -> None:
    fs.log_model(TwoAnswers(0.5), training_set=training_set)
    registry.set_alias("two-answers", CHAMPION, 1)
    df = fs.spark.createDataFrame([("a",), ("b",)], "user_id string")
    found = fs.score_batch("models:/two-answers@champion", df).toArrow().sort_by("user_id").to_pylist()
    assert found == [
        {"user_id": "a", "value": 0.75, "says_yes": True, "margin": 0.25},
        {"user_id": "b", "value": None, "says_yes": False, "margin": None},
    ]


def test_mlflow_keeps_the_features_with_the_model(
    lake: Lake, compute: SparkCompute, training_set: TrainingSet, tmp_path: Path
) -> None:
    registry = open_registry(f"sqlite:///{tmp_path}/mlflow.db", "tests", tmp_path / "artefacts")
    fs = FeatureStoreClient(lake, compute, registry=registry)
    version = fs.log_model(Threshold(0.5), training_set=training_set, feature_service="of_people")
    assert service_of("threshold", version.tags) == FeatureService("of_people", {NAME: ("value",)})
    df = fs.spark.createDataFrame([("a",)], "user_id string")
    found = fs.score_batch(f"models:/threshold/{version.number}", df).toArrow().to_pylist()
    assert found == [{"user_id": "a", "value": 0.75, "prediction": True}]


def test_only_models_that_need_no_pickle_are_logged(fs: FeatureStoreClient, training_set: TrainingSet) -> None:
    with pytest.raises(InvalidInput, match=r"a dict cannot be logged.*quikapp_ml\.models\.base\.Model"):
        fs.log_model({}, training_set=training_set)  # type: ignore[arg-type]


@pytest.mark.parametrize("uri", ["threshold", "models:/threshold", "models:/threshold/latest", "runs:/1/model"])
def test_other_uris_are_refused(fs: FeatureStoreClient, uri: str) -> None:
    with pytest.raises(InvalidInput, match="models:/NAME/NUMBER or models:/NAME@ALIAS"):
        fs.score_batch(uri, fs.spark.range(1))


def test_models_that_are_not_there_or_have_no_features(
    fs: FeatureStoreClient, registry: WatchedRegistry, tmp_path: Path
) -> None:
    for uri in ("models:/threshold/7", "models:/threshold@champion"):
        with pytest.raises(NotFound, match="there is no model"):
            fs.score_batch(uri, fs.spark.range(1))
    registry.register(NewVersion("threshold", save_starter(tmp_path), "support.toy_model:Threshold", "1.0.0"))
    with pytest.raises(NotFound, match="was registered without features"):
        fs.score_batch("models:/threshold/1", fs.spark.range(1))


def test_a_frame_that_lacks_inputs_or_has_an_answer_already(fs: FeatureStoreClient, training_set: TrainingSet) -> None:
    fs.log_model(Threshold(0.5), training_set=training_set)
    with pytest.raises(InvalidInput, match="lookup_key user_id is unknown"):
        fs.score_batch("models:/threshold/1", fs.spark.range(1))
    twice = fs.spark.createDataFrame([("a", 1)], "user_id string, prediction int")
    with pytest.raises(InvalidInput, match="prediction of the data frame would be there twice"):
        fs.score_batch("models:/threshold/1", twice)
