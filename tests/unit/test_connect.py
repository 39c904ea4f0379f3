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


PATH = "/sql/1.0/warehouses/abc"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("https://adb-123456789.7.azuredatabricks.net", {"server_hostname": "adb-123456789.7.azuredatabricks.net"}),
        ("adb-123456789.7.azuredatabricks.net", {"server_hostname": "adb-123456789.7.azuredatabricks.net"}),
        ("https://dbc-a1b2.cloud.databricks.com/", {"server_hostname": "dbc-a1b2.cloud.databricks.com"}),
        ("https://123456.7.gcp.databricks.com", {"server_hostname": "123456.7.gcp.databricks.com"}),
        ("https://proxy.example:8443", {"server_hostname": "proxy.example", "_port": 8443}),
        (
            "http://127.0.0.1:5008",
            {"server_hostname": "127.0.0.1", "_connection_uri": f"http://127.0.0.1:5008{PATH}"},
        ),
    ],
)
def test_a_warehouse_is_found_on_every_cloud_and_on_this_machine(host: str, expected: dict[str, object]) -> None:
    given = connect.sql_address(host, PATH.removeprefix("/"))
    seconds = given.pop("_socket_timeout")
    assert seconds == connect.SQL_SECONDS
    assert given == {"http_path": PATH, "enable_telemetry": False, **expected}


def test_sql_needs_a_workspace_too(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="quikapp-ml serve"):
        connect.sql_connection(settings(tmp_path))


def test_without_a_host_and_a_running_service_there_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="quikapp-ml serve"):
        connect.workspace_client(settings(tmp_path))
