from typing import Any

import pytest

from quikapp_ml.serving.local_token import local_user
from support.running import Running

DATABRICKS = {"MLFLOW_TRACKING_URI": "databricks"}
OWNED = {"mlflow.ownerEmail": local_user()}


@pytest.fixture(scope="module")
def told(client: Any) -> dict[str, Any]:
    found: dict[str, Any] = client("mlflow_tracking.py", **DATABRICKS)
    return found


def test_mlflow_makes_finds_changes_and_deletes_experiments(told: dict[str, Any]) -> None:
    is_same, location, tags = told["experiment"]
    assert is_same and location.startswith("dbfs:/databricks/mlflow-tracking/")
    assert tags == {"team": "search", **OWNED}
    assert told["by_name"] == {"team": "search", "stage": "trial", **OWNED}
    assert told["tags_left"] == {"team": "search", **OWNED}
    assert told["found"] == ["/Users/ann/ranker"]
    assert "/Users/ann/other" in told["deleted"] and told["restored"] == "active"


def test_mlflow_logs_runs_and_finds_them_again(told: dict[str, Any]) -> None:
    assert told["run"] == {
        "name": "first",
        "status": "FINISHED",
        "params": {"depth": "3", "width": "7"},
        "metrics": {"loss": 0.2, "auc": 0.9, "f1": 0.8, "more": 2.5},
        "tags": {"kind": "trial", "batch": "yes"},
        "uri_is_dbfs": True,
        "user": True,
    }
    assert told["history"] == [[step, 1 / (step + 1)] for step in range(5)]
    assert told["searched"] == ["first"]
    assert told["all"] == ["first", "second"] and told["left"] == ["first"]
    assert told["second"][0] == "active"


def test_mlflow_raises_its_own_errors(told: dict[str, Any]) -> None:
    assert told["taken"][0] == "RESOURCE_ALREADY_EXISTS"
    assert told["missing"][0] == "RESOURCE_DOES_NOT_EXIST"
    assert told["elsewhere"][0] == "FEATURE_DISABLED"
    assert told["bad_filter"][0] == "INVALID_PARAMETER_VALUE"


def test_mlflow_keeps_files_and_logged_models(client: Any, service: Running) -> None:
    told = client("mlflow_artifacts.py", **DATABRICKS)
    assert told["listed"] == ["config.json", "large.bin", "notes", "report"]
    assert told["report"] == ["report/a b.txt", "report/deep"]
    assert told["nothing"] == []
    assert told["text"] == "hello"
    assert told["downloaded"] == ["config.json", "large.bin", "notes/hello.txt", "report/a b.txt", "report/deep/ü.json"]
    assert told["large"]
    assert told["predicted"] == [4.0, 7.0]
    assert told["model"] == ["doubling", "READY", True] and told["found"] == [True]
    kept = [*service.home.glob(f"mlartifacts/**/{told['run_id']}/artifacts/notes/hello.txt")]
    assert [each.read_text() for each in kept] == ["hello"]


def test_mlflow_registers_finds_and_loads_models_of_both_registries(client: Any) -> None:
    told = client("mlflow_models.py", **DATABRICKS)
    for found, owned in ((told["unity"], {}), (told["workspace"], OWNED)):  # Unity Catalog has owners of its own
        assert found["by_number"] == [4.0, 7.0]
        assert found["model"] == ["doubles", {"team": "search", **owned}]
        assert found["version"] == ["1", "READY", {"state": "good"}, True]
        assert found["second"] == ["2", "once more"]
        assert found["found"] == ["1", "2"] and found["versions_left"] == ["1"]
        assert found["left"] == [owned, {}]
        assert found["taken"][0] == "RESOURCE_ALREADY_EXISTS"
        assert found["missing"][0] == "RESOURCE_DOES_NOT_EXIST"
    assert told["unity"]["predicted"] == [4.0, 7.0] and told["unity"]["by_alias"] == "1"
    assert told["unity"]["aliases"] == ["champion"] and told["unity"]["no_alias"]
    assert "quikapp_ml.models.doubling" in told["unity"]["names"]
    assert told["elsewhere"][0] == "INVALID_PARAMETER_VALUE"
