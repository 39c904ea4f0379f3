from pathlib import Path

import pytest

from quikapp_ml import connect
from quikapp_ml.errors import InvalidInput, Unavailable
from quikapp_ml.feature_store import FeatureStoreClient
from quikapp_ml.settings import Settings


def settings(home: Path, **more: str) -> Settings:
    return Settings.from_environment({"QUIKAPP_ML_HOME": str(home), **more})


def test_the_feature_store_is_ours_on_the_tables_of_the_settings(tmp_path: Path) -> None:
    fs = connect.feature_store(settings(tmp_path / "home", QUIKAPP_ML_LAKEHOUSE_URL=str(tmp_path / "tables")))
    assert isinstance(fs, FeatureStoreClient)
    try:
        fs.create_table("quikapp_ml.features.ages", ["user_id"], fs.spark.sql("SELECT 'U1' AS user_id, 3 AS age"))
        assert fs.publish_table("quikapp_ml.features.ages") == 1
    finally:
        fs.close()
    assert list((tmp_path / "tables").rglob("_delta_log"))
    assert (tmp_path / "home" / "online.db").exists()


def test_databricks_own_store_is_refused_where_it_may_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    with pytest.raises(InvalidInput, match="needs Databricks"):
        connect.feature_store(settings(tmp_path, FEATURE_STORE_URI="databricks://quikapp_ml"))


def test_spark_is_the_engine_of_the_settings(tmp_path: Path) -> None:
    assert connect.spark(settings(tmp_path)).sql("SELECT 1 + 1 AS two").toArrow().to_pylist() == [{"two": 2}]


def test_a_workspace_is_asked_at_its_host(tmp_path: Path) -> None:
    """A closed port of this machine: the official client probes its host, and goes on without an answer."""
    given = settings(tmp_path, DATABRICKS_HOST="http://127.0.0.1:9/", DATABRICKS_TOKEN="dapi-secret")
    client = connect.workspace_client(given)
    assert (client.config.host, client.config.auth_type) == ("http://127.0.0.1:9", "pat")


def test_without_a_host_and_a_running_service_there_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="quikapp-ml serve"):
        connect.workspace_client(settings(tmp_path))
