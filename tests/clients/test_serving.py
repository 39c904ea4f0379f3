import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from quikapp_ml.stores.lake import open_lake
from support.running import Running, quikapp_ml

BUILT_IN = ["quikapp-content-ranker", "quikapp-recommendations", "quikapp-sentiment", "quikapp-spam"]


@pytest.fixture(scope="module")
def told(client: Any) -> dict[str, Any]:
    found: dict[str, Any] = client("sdk_serving.py")
    return found


def test_the_sdk_finds_four_endpoints_from_the_start(told: dict[str, Any]) -> None:
    assert told["names"] == BUILT_IN
    assert told["me"]


def test_the_sdk_makes_and_changes_an_endpoint_and_waits_for_it(told: dict[str, Any]) -> None:
    assert told["created"]["state"] == {"config_update": "NOT_UPDATING", "ready": "READY"}
    assert told["created"]["config"]["served_entities"][0]["state"]["deployment"] == "DEPLOYMENT_READY"
    shares = {
        route["served_entity_name"]: route["traffic_percentage"]
        for route in told["updated"]["config"]["traffic_config"]["routes"]
    }
    assert shares == {"a": 90, "b": 10}
    assert told["updated"]["config"]["config_version"] == 2
    assert told["updated"]["config"]["auto_capture_config"] == told["created"]["config"]["auto_capture_config"]
    assert told["got"] == told["updated"]


def test_the_sdk_asks_in_every_form_and_learns_who_answered(told: dict[str, Any]) -> None:
    assert told["records"] == told["split"] == told["instances"] == told["inputs"]
    assert 0 < told["records"][0]["score"] < 1
    assert told["served_by"] == ["a", "b"]


def test_the_sdk_raises_its_own_errors(told: dict[str, Any]) -> None:
    assert told["wrong_input"][0] == "BadRequest" and "author" in told["wrong_input"][1]
    assert told["taken"][0] == "ResourceAlreadyExists"
    assert told["missing"][0] == told["gone"][0] == "ResourceDoesNotExist"
    assert told["disabled"][0] == "NotImplemented" and "no gateway" in told["disabled"][1]
    assert told["elsewhere"][0] == "NotFound" and "does not implement" in told["elsewhere"][1]


def test_the_sdk_reads_tags_permissions_logs_metrics_and_the_document(told: dict[str, Any]) -> None:
    assert told["tags"] == {"tags": [{"key": "old", "value": ""}, {"key": "team", "value": "search"}]}
    assert told["tags_left"] == [{"key": "team", "value": "search"}]
    assert told["levels"] == 3
    assert told["permissions"][0] == told["permissions"][1] == told["permissions"][2]
    assert any(entry.get("user_name") == "bob" for entry in told["permissions"][2]["access_control_list"])
    assert "loaded by its class" in told["build_logs"] and isinstance(told["logs"], str)
    assert 'request_latency_ms_count{endpoint_name="ranker-of-ours",served_entity_name="a"}' in told["metrics"]
    assert "/serving-endpoints/ranker-of-ours/invocations" in told["openapi"]["paths"]


def test_what_was_asked_is_in_the_inference_table_and_who_changed_what_in_the_audit_table(
    told: dict[str, Any], service: Running, home: Path
) -> None:
    lake = open_lake(str(home / "lakehouse"))
    rows = service_rows(lake, "quikapp_ml.serving.ranker_payload", 64)
    assert {row["client_request_id"] for row in rows} >= {f"r-{n}" for n in range(60)}
    assert sorted({row["status_code"] for row in rows}) == [200, 400]
    actions = {row["action_name"] for row in service_rows(lake, "quikapp_ml.access.audit", 8)}
    assert actions >= {"createServingEndpoint", "updateServingEndpointConfig", "deleteServingEndpoint"}


def service_rows(lake: Any, table: str, n_rows: int) -> list[dict[str, Any]]:
    """The rows of a table as soon as there are so many."""
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        if lake.exists(table) and lake.read(table).num_rows >= n_rows:
            break
        time.sleep(0.2)
    rows: list[dict[str, Any]] = lake.read(table).to_pylist()
    return rows


def test_mlflow_deployments_drive_endpoints(client: Any) -> None:
    told = client("mlflow_deployments.py")
    assert set(BUILT_IN) <= set(told["names"])
    assert told["created"]["state"]["ready"] == "NOT_READY"
    assert told["settled"]["state"] == {"ready": "READY", "config_update": "NOT_UPDATING"}
    assert told["predicted"]["predictions"][0]["sentiment"] == "positive"
    assert told["tags"]["tags"] == [{"key": "team", "value": "trust"}]
    assert [each["name"] for each in told["updated"]["config"]["served_entities"]] == ["t"]
    assert told["built_in"]["predictions"][0]["decision_id"]
    assert "spam-of-ours" not in told["left"]


def test_the_line_of_the_documentation_works(client: Any) -> None:
    (answer,) = client("plain_http.py")["predictions"]
    assert answer["user_id"] == "user-123" and answer["decision_id"]
    assert answer["recommendations"]


def test_the_token_of_the_environment_is_needed(service: Running) -> None:
    assert httpx.get(f"{service.url}/api/2.0/serving-endpoints").status_code == 401


def test_commands_make_and_revoke_tokens_and_tell_how_fast_an_endpoint_is(service: Running) -> None:
    made = quikapp_ml(service.home, "tokens", "create", "--owner", "bob", "--scope", "model-serving", "--days", "1")
    headers = {"authorization": f"Bearer {made.stdout.strip()}"}
    body = {"dataframe_records": [{"user_id": "u", "content": "hello"}]}
    path = f"{service.url}/serving-endpoints/quikapp-spam/invocations"
    assert httpx.post(path, json=body, headers=headers).status_code == 200
    assert (
        httpx.get(f"{service.url}/api/2.0/serving-endpoints/quikapp-spam/metrics", headers=headers).status_code == 200
    )
    listed = quikapp_ml(service.home, "tokens", "list", COLUMNS="200").stdout
    token_id = next(line.split()[0] for line in listed.splitlines() if "bob" in line)
    assert made.stdout.strip() not in listed
    assert quikapp_ml(service.home, "tokens", "revoke", token_id).returncode == 0
    assert quikapp_ml(service.home, "tokens", "revoke", "none").returncode == 1
    measured = quikapp_ml(service.home, "endpoints", "metrics", "quikapp-spam", COLUMNS="200").stdout
    assert "P50 ms" in measured and "P99 ms" in measured and "spam-classifier" in measured
    assert "quikapp-spam" in quikapp_ml(service.home, "endpoints", "list", COLUMNS="200").stdout
    assert quikapp_ml(service.home, "endpoints", "metrics", "nobody").returncode == 1
    time.sleep(1.1)
    assert httpx.post(path, json=body, headers=headers).status_code == 401
