"""Endpoints serve and write what their makers were granted."""

from typing import Any

from support.workspace import ENDPOINTS, Workspace

MODEL = "quikapp_ml.models.granted"


def endpoint(name: str, **more: Any) -> dict[str, Any]:
    entities = [{"entity_name": MODEL, "entity_version": "1", "scale_to_zero_enabled": False}]
    return {"name": name, "config": {"name": name, "served_entities": entities, **more}}


def grant(workspace: Workspace, on: str, *privileges: str) -> None:
    changes = {"changes": [{"principal": "bea", "add": list(privileges)}]}
    answer = workspace.request("PATCH", f"/api/2.1/unity-catalog/permissions/{on}", json=changes)
    assert answer.status_code == 200, answer.text


def code(workspace: Workspace, body: dict[str, Any], owner: str) -> str:
    return str(workspace.request("POST", ENDPOINTS, owner, json=body).json().get("error_code"))


def test_a_model_of_unity_catalog_is_served_by_who_may_execute_it(workspace: Workspace) -> None:
    assert code(workspace, endpoint("e"), "bea") == "PERMISSION_DENIED"
    grant(workspace, "catalog/quikapp_ml", "USE CATALOG", "USE SCHEMA", "EXECUTE")
    assert code(workspace, endpoint("e"), "bea") == "RESOURCE_DOES_NOT_EXIST"
    assert code(workspace, endpoint("e"), "admin") == "RESOURCE_DOES_NOT_EXIST"


def test_requests_are_written_down_where_tables_may_be_made(workspace: Workspace) -> None:
    capture = {"catalog_name": "quikapp_ml", "schema_name": "monitoring", "table_name_prefix": "e", "enabled": True}
    grant(workspace, "catalog/quikapp_ml", "USE CATALOG", "USE SCHEMA", "EXECUTE")
    assert code(workspace, endpoint("e", auto_capture_config=capture), "bea") == "PERMISSION_DENIED"
    grant(workspace, "schema/quikapp_ml.monitoring", "CREATE TABLE")
    assert code(workspace, endpoint("e", auto_capture_config=capture), "bea") == "RESOURCE_DOES_NOT_EXIST"
