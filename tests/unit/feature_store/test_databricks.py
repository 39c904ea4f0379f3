import sys
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.feature_store import FeatureFunction, FeatureLookup, FeatureStoreClient, open_feature_store
from quikapp_ml.feature_store.databricks import OFFICIAL, RUNTIME

ON_DATABRICKS = {RUNTIME: "17.3"}


def never() -> FeatureStoreClient:
    raise AssertionError("ours must not be opened")


class Given:
    """Keeps what it was given."""

    def __init__(self, **given: Any) -> None:
        self.given = given


class OfficialStore:
    """What the official client is asked for."""

    def create_table(self, **given: Any) -> Any:
        return "table", given

    def create_training_set(self, **given: Any) -> Any:
        return given


@pytest.fixture
def official(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType(OFFICIAL)
    vars(module).update(FeatureEngineeringClient=OfficialStore, FeatureLookup=Given, FeatureFunction=Given)
    monkeypatch.setitem(sys.modules, OFFICIAL, module)


def test_without_a_uri_it_is_ours_everywhere(fs: FeatureStoreClient) -> None:
    assert open_feature_store("", lambda: fs, ON_DATABRICKS) is fs


@pytest.mark.parametrize(
    ("uri", "environment", "says"),
    [
        ("feast://x", ON_DATABRICKS, "must be empty or databricks://CATALOG"),
        ("databricks://quikapp_ml", {}, "DATABRICKS_RUNTIME_VERSION is not set here"),
        ("databricks://quikapp_ml", ON_DATABRICKS, "needs the package databricks-feature-engineering"),
    ],
)
def test_what_cannot_be_handed_over_is_refused_with_what_is_lacking(
    uri: str, environment: dict[str, str], says: str
) -> None:
    with pytest.raises(InvalidInput, match=says):
        open_feature_store(uri, never, environment)


@pytest.mark.usefixtures("official")
def test_on_databricks_the_official_client_gets_our_look_ups_in_its_words() -> None:
    fs = open_feature_store("databricks://quikapp_ml", never, ON_DATABRICKS)
    assert fs.create_table(name="a") == ("table", {"name": "a"})
    theirs = Given()
    lookup = FeatureLookup("t", "user_id", "n", "at", timedelta(hours=1), {"m": 0}, {"n": "m"})
    given = fs.create_training_set(
        df="df", feature_lookups=[lookup, FeatureFunction("f", {"x": "n"}, "y"), theirs], label="label"
    )
    assert (given["df"], given["label"], given["feature_lookups"][2]) == ("df", "label", theirs)
    assert given["feature_lookups"][0].given == {
        "table_name": "t", "lookup_key": ["user_id"], "feature_names": ["n"], "timestamp_lookup_key": "at",
        "lookback_window": timedelta(hours=1), "default_values": {"m": 0}, "rename_outputs": {"n": "m"},
    }  # fmt: skip
    assert given["feature_lookups"][1].given == {"udf_name": "f", "input_bindings": {"x": "n"}, "output_name": "y"}
