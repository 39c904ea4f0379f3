import json
from typing import Any

import pytest
from databricks.sdk.service import serving
from databricks.sdk.service.iam import User
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quikapp_ml.models.ranking import ContentRanker
from support.workspace import ENDPOINTS, Workspace, config

PERMISSIONS = "/api/2.0/permissions/serving-endpoints"
RECORD = {"value": 0.5}
ENTITY = {"entity_name": "threshold", "entity_version": "1"}


def survives(sdk_class: Any, body: dict[str, Any]) -> None:
    """The SDK's own class reads the body and writes the very same again: no field is unknown or of another type."""
    assert sdk_class.from_dict(body).as_dict() == body


def test_bodies_survive_the_classes_of_the_sdk(workspace: Workspace) -> None:
    capture = {"catalog_name": "quikapp_ml", "schema_name": "serving", "table_name_prefix": "mine", "enabled": True}
    given_config = {**config("mine", 1, 2), "auto_capture_config": capture}
    given_config["served_entities"][0] |= {
        "workload_size": "Small",
        "workload_type": "CPU",
        "scale_to_zero_enabled": True,
    }
    body = {"name": "mine", "config": given_config, "tags": [{"key": "a", "value": "b"}], "description": "for tests"}
    created = workspace.request("POST", ENDPOINTS, json=body).json()
    survives(serving.ServingEndpointDetailed, created)
    assert (created["state"]["ready"], created["pending_config"]["config_version"]) == ("NOT_READY", 1)
    workspace.setup.settled("mine")
    described = workspace.get(f"{ENDPOINTS}/mine").json()
    survives(serving.ServingEndpointDetailed, described)
    assert described["state"] == {"ready": "READY", "config_update": "NOT_UPDATING"}
    assert described["config"]["auto_capture_config"]["state"]["payload_table"]["name"] == "mine_payload"
    survives(serving.ListEndpointsResponse, workspace.get(ENDPOINTS).json())
    for name in ("quikapp-recommendations", "quikapp-spam", "quikapp-sentiment", "quikapp-content-ranker"):
        survives(serving.ServingEndpointDetailed, workspace.get(f"{ENDPOINTS}/{name}").json())
    tagged = workspace.request("PATCH", f"{ENDPOINTS}/mine/tags", json={"add_tags": [{"key": "c", "value": "d"}]})
    survives(serving.EndpointTags, tagged.json())
    granted = workspace.request(
        "PUT",
        f"{PERMISSIONS}/{described['id']}",
        json={"access_control_list": [{"group_name": "users", "permission_level": "CAN_VIEW"}]},
    )
    survives(serving.ServingEndpointPermissions, granted.json())
    levels = workspace.get(f"{PERMISSIONS}/{described['id']}/permissionLevels").json()
    survives(serving.GetServingEndpointPermissionLevelsResponse, levels)
    survives(serving.BuildLogsResponse, workspace.get(f"{ENDPOINTS}/mine/served-models/v1/build-logs").json())
    survives(serving.ServerLogsResponse, workspace.get(f"{ENDPOINTS}/mine/served-models/v1/logs").json())
    survives(User, workspace.get("/api/2.0/preview/scim/v2/Me").json())


def test_an_endpoint_is_asked_by_its_name_and_says_who_answered(workspace: Workspace) -> None:
    workspace.made("mine", 4, 6)
    answer = workspace.request("POST", "/serving-endpoints/mine/invocations", json={"dataframe_records": [RECORD]})
    assert answer.status_code == 200 and answer.headers["served-model-name"] in ("v4", "v6")
    for entity, says_yes in (("v4", True), ("v6", False)):
        path = f"/serving-endpoints/mine/served-models/{entity}/invocations"
        answer = workspace.request("POST", path, json={"dataframe_records": [RECORD]})
        assert answer.json() == {"predictions": [{"says_yes": says_yes}]}
        assert answer.headers["served-model-name"] == entity
    missing = workspace.request("POST", "/serving-endpoints/none/invocations", json={"dataframe_records": [RECORD]})
    assert (missing.status_code, missing.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_built_in_endpoints_ask_the_services(workspace: Workspace) -> None:
    def ask(name: str, body: dict[str, Any]) -> list[Any]:
        answer = workspace.request("POST", f"/serving-endpoints/{name}/invocations", json=body)
        assert answer.status_code == 200, answer.text
        predictions: list[Any] = answer.json()["predictions"]
        return predictions

    record = {"user_id": "user-123", "context_features": [0.1, 0.2], "limit": 3, "context": {"channel_id": "C1"}}
    (answer,) = ask("quikapp-recommendations", {"dataframe_records": [record]})
    assert answer["decision_id"] == "decision-1" and answer["user_id"] == "user-123"
    asked = workspace.service.answers.asked[-1]
    assert asked.context == {"context_features": [0.1, 0.2], "channel_id": "C1"} and asked.limit == 3
    spam = ask(
        "quikapp-spam", {"inputs": {"content": ["a", "b"], "user_id": ["u", "u"], "ip_address": ["1.2.3.4"] * 2}}
    )
    assert len(spam) == 2 and workspace.service.answers.asked[-1].metadata == {"ip_address": "1.2.3.4"}
    readings = ask("quikapp-sentiment", {"dataframe_split": {"columns": ["content"], "data": [["a"], ["b"]]}})
    assert [reading["id"] for reading in readings] == ["0", "1"] and readings[0]["sentiment"] == "positive"
    items = [{"item_id": "i-1"}, {"item_id": "i-2"}]
    (ranked,) = ask("quikapp-content-ranker", {"instances": [{"user_id": "u", "items": items}]})
    assert [item["item_id"] for item in ranked["items"]] == ["i-1", "i-2"]


def test_built_in_endpoints_take_csv(workspace: Workspace) -> None:
    answer = workspace.request(
        "POST",
        "/serving-endpoints/quikapp-recommendations/invocations",
        content=b"user_id,limit,explain,time_of_day\nu-1,2,true,noon\n",
        headers={"content-type": "text/csv"},
    )
    assert answer.status_code == 200, answer.text
    asked = workspace.service.answers.asked[-1]
    assert (asked.user_id, asked.limit, asked.explain, asked.context) == ("u-1", 2, True, {"time_of_day": "noon"})


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ([{"user_id": "u"}, {"user_id": ""}], "record 1.user_id"),
        ([{"user_id": "u", "limit": "many"}], "record 0.limit"),
        ([{"user_id": "u", "limit": 1.5}], "record 0.limit"),
        ([{"user_id": "u", "context": 1, "other": 2}], "record 0.context"),
        ([{"user_id": "u"}] * 1_001, "1001 records"),
    ],
)
def test_a_record_that_is_no_question_is_named(workspace: Workspace, records: list[Any], told: str) -> None:
    path = "/serving-endpoints/quikapp-recommendations/invocations"
    answer = workspace.request("POST", path, json={"dataframe_records": records})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert told in answer.json()["message"]
    assert workspace.service.answers.asked == []


def test_records_with_the_features_of_a_model_are_scored_by_the_model_alone(workspace: Workspace) -> None:
    path = "/serving-endpoints/quikapp-content-ranker/invocations"
    record = dict.fromkeys(ContentRanker.inputs, 0.5)
    answer = workspace.request("POST", path, json={"dataframe_records": [record, record]})
    first, second = answer.json()["predictions"]
    assert first == second and 0 < first["score"] < 1
    assert workspace.service.answers.asked == []
    for body in ({"dataframe_records": [{"author": 1}]}, {"inputs": 1}, {}):
        refused = workspace.request("POST", path, json=body)
        assert refused.status_code == 400
        assert "items, user_id to ask the service" in refused.json()["message"]


def test_built_in_endpoints_are_there_to_stay(workspace: Workspace) -> None:
    for method, path in (("DELETE", ""), ("PUT", "/config")):
        answer = workspace.request(method, f"{ENDPOINTS}/quikapp-spam{path}", json=config("quikapp-spam", 1))
        assert answer.status_code == 400 and "alias champion" in answer.json()["message"]
    assert workspace.get(f"{ENDPOINTS}/quikapp-spam").json()["state"]["ready"] == "READY"


def test_who_may_what(workspace: Workspace) -> None:
    refused = workspace.request("POST", ENDPOINTS, "ann", json={"name": "mine", "config": config("mine", 4)})
    assert refused.status_code == 403 and "only an administrator serves it" in refused.json()["message"]
    endpoint = workspace.made("mine", 4)
    hers = {"access_control_list": [{"user_name": "ann", "permission_level": "CAN_MANAGE"}]}
    workspace.request("PATCH", f"{PERMISSIONS}/{endpoint['id']}", json=hers)
    workspace.get(ENDPOINTS, "bob")

    def statuses() -> tuple[int, int, int]:
        body = {"dataframe_records": [RECORD]}
        return (
            workspace.get(f"{ENDPOINTS}/mine", "bob").status_code,
            workspace.request("POST", "/serving-endpoints/mine/invocations", "bob", json=body).status_code,
            workspace.request("PATCH", f"{ENDPOINTS}/mine/tags", "bob", json={}).status_code,
        )

    def grant(method: str, name: str, level: str) -> None:
        body = {"access_control_list": [{"user_name": name, "permission_level": level}]}
        assert workspace.request(method, f"{PERMISSIONS}/{endpoint['id']}", "ann", json=body).status_code == 200

    assert statuses() == (403, 403, 403)
    assert "mine" not in workspace.get(ENDPOINTS, "bob").text
    for level, expected in (
        ("CAN_VIEW", (200, 403, 403)), ("CAN_QUERY", (200, 200, 403)), ("CAN_MANAGE", (200, 200, 200)),
    ):  # fmt: skip
        grant("PATCH", "bob", level)
        assert statuses() == expected
        assert workspace.get(f"{ENDPOINTS}/mine", "bob").json()["permission_level"] == level
    grant("PUT", "eve", "CAN_VIEW")
    assert statuses() == (403, 403, 403)
    assert workspace.get(f"{ENDPOINTS}/mine", "admin").json()["permission_level"] == "CAN_MANAGE"
    assert workspace.get(f"{PERMISSIONS}/{endpoint['id']}", "bob").status_code == 403
    assert workspace.get(f"{ENDPOINTS}/quikapp-spam", "bob").json()["permission_level"] == "CAN_QUERY"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ai_gateway": {"usage_tracking_config": {"enabled": True}}}, "gateway"),
        ({"rate_limits": [{"calls": 1, "renewal_period": "minute"}]}, "rate_limits"),
        ({"route_optimized": True}, "route_optimized"),
        ({"config": {"served_entities": [{"external_model": {"name": "x"}}]}}, "external_model"),
        ({"config": {"served_entities": [{**ENTITY, "workload_type": "GPU_SMALL"}]}}, "CPU"),
        ({"config": {"served_entities": [{**ENTITY, "environment_vars": {"A": "b"}}]}}, "process"),
    ],
)
def test_what_cannot_be_done_here_is_refused_with_the_reason(
    workspace: Workspace, change: dict[str, Any], told: str
) -> None:
    answer = workspace.request("POST", ENDPOINTS, json={"name": "mine", **change})
    assert (answer.status_code, answer.json()["error_code"]) == (501, "FEATURE_DISABLED")
    assert told in answer.json()["message"]
    assert workspace.get(f"{ENDPOINTS}/mine").status_code == 404


@pytest.mark.parametrize("path", ["rate-limits", "ai-gateway", "notifications", "telemetry-config"])
def test_parts_that_are_not_here_say_so(workspace: Workspace, path: str) -> None:
    method = "PATCH" if path in ("notifications", "telemetry-config") else "PUT"
    answer = workspace.request(method, f"{ENDPOINTS}/quikapp-spam/{path}", json={})
    assert (answer.status_code, answer.json()["error_code"]) == (501, "FEATURE_DISABLED")


def test_tags_are_added_changed_and_taken_away(workspace: Workspace) -> None:
    workspace.made("mine", 4, tags=[{"key": "a", "value": "1"}, {"key": "b"}])
    body = {"add_tags": [{"key": "a", "value": "2"}, {"key": "c", "value": "3"}], "delete_tags": ["b"]}
    answer = workspace.request("PATCH", f"{ENDPOINTS}/mine/tags", json=body).json()
    assert answer == {"tags": [{"key": "a", "value": "2"}, {"key": "c", "value": "3"}]}
    assert workspace.get(f"{ENDPOINTS}/mine").json()["tags"] == answer["tags"]


def test_older_clients_speak_of_served_models(workspace: Workspace) -> None:
    models = [{"name": "m", "model_name": "threshold", "model_version": "4", "scale_to_zero_enabled": False}]
    routes = [{"served_model_name": "m", "traffic_percentage": 100}]
    body = {"name": "mine", "config": {"served_models": models, "traffic_config": {"routes": routes}}}
    assert workspace.request("POST", ENDPOINTS, json=body).status_code == 200
    workspace.setup.settled("mine")
    described = workspace.get(f"{ENDPOINTS}/mine").json()["config"]
    assert described["served_models"][0]["model_version"] == described["served_entities"][0]["entity_version"] == "4"


def test_metrics_and_openapi_tell_of_the_endpoint(workspace: Workspace) -> None:
    workspace.made("mine", 4)
    workspace.request("POST", "/serving-endpoints/mine/invocations", json={"dataframe_records": [RECORD]})
    metrics = workspace.get(f"{ENDPOINTS}/mine/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert 'request_count_total{endpoint_name="mine",served_entity_name="v4"} 1' in metrics.text
    document = workspace.get(f"{ENDPOINTS}/mine/openapi").json()
    schemas = document["paths"]["/serving-endpoints/mine/invocations"]["post"]["requestBody"]["content"]
    record = schemas["application/json"]["schema"]["oneOf"][0]["properties"]["dataframe_records"]["items"]
    assert record["properties"] == {"value": {"type": "number", "format": "double"}}
    assert "user_id" in workspace.get(f"{ENDPOINTS}/quikapp-spam/openapi").text


_NAMES = st.sampled_from(
    [
        *("name", "config", "served_entities", "served_models", "traffic_config", "routes", "entity_name"),
        *("entity_version", "traffic_percentage", "served_entity_name", "tags", "key", "value", "auto_capture_config"),
        *("catalog_name", "add_tags", "delete_tags", "access_control_list", "user_name", "permission_level"),
        *("workload_size", "dataframe_records", "dataframe_split", "columns", "data", "inputs", "instances"),
        *("user_id", "content", "client_request_id", "items"),
    ]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=8,
)
_PATHS = st.sampled_from(
    [
        ("POST", ENDPOINTS), ("PUT", f"{ENDPOINTS}/mine/config"), ("PATCH", f"{ENDPOINTS}/mine/tags"),
        ("PUT", f"{PERMISSIONS}/ID"), ("PATCH", f"{PERMISSIONS}/ID"),
        ("POST", "/serving-endpoints/quikapp-recommendations/invocations"),
        ("POST", "/serving-endpoints/quikapp-spam/invocations"),
        ("POST", "/serving-endpoints/quikapp-sentiment/invocations"),
        ("POST", "/serving-endpoints/quikapp-content-ranker/invocations"),
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=_PATHS, body=_JSON)
def test_no_body_makes_a_route_fail(workspace: Workspace, where: tuple[str, str], body: Any) -> None:
    if all(record.name != "mine" for record in workspace.setup.host.all()):
        workspace.made("mine", 4)
    method, path = where
    path = path.replace("ID", workspace.setup.host.get("mine").endpoint_id)
    answer = workspace.request(method, path, content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code < 500 or answer.json()["error_code"] in ("FEATURE_DISABLED", "TEMPORARILY_UNAVAILABLE")
    if answer.status_code >= 400:
        assert set(answer.json()) == {"error_code", "message"}
