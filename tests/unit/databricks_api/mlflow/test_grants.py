"""Registered models of Unity Catalog are made, read and changed by grants, whichever registry is asked."""

from typing import Any

Ask = Any
UNITY = "mlflow/unity-catalog"
NAME = "quikapp_ml.models.granted"
PERMISSIONS = "/api/2.1/unity-catalog/permissions"


def grant(ask: Ask, on: str, *privileges: str) -> None:
    changes = [{"principal": "bea", "add": list(privileges)}]
    assert ask("PATCH", f"{PERMISSIONS}/{on}", json={"changes": changes}).status_code == 200


def names(ask: Ask, who: str) -> set[str]:
    found = ask("GET", f"{UNITY}/registered-models/search", who, params={"max_results": 100}).json()
    return {each["name"] for each in found.get("registered_models", [])}


def test_a_model_is_made_read_and_changed_by_grants(ask: Ask) -> None:
    create = ("POST", f"{UNITY}/registered-models/create")
    assert ask(*create, "bea", json={"name": NAME}).status_code == 403
    grant(ask, "catalog/quikapp_ml", "USE CATALOG", "USE SCHEMA")
    grant(ask, "schema/quikapp_ml.models", "CREATE MODEL")
    assert ask(*create, "bea", json={"name": NAME}).status_code == 200
    assert ask("GET", f"{UNITY}/registered-models/get", "bea", params={"name": NAME}).status_code == 200
    update = ("PATCH", f"{UNITY}/registered-models/update")
    assert ask(*update, "bea", json={"name": NAME, "description": "hers"}).status_code == 200
    assert ask(*update, "cyd", json={"name": NAME, "description": "his"}).status_code == 403
    for path in (UNITY, "mlflow"):
        assert ask("GET", f"{path}/registered-models/get", "cyd", params={"name": NAME}).status_code == 403
    assert NAME in names(ask, "bea") and NAME not in names(ask, "cyd")


def test_files_of_a_version_need_execute(ask: Ask) -> None:
    file = "fs/files/Models/quikapp_ml/models/unseen/1/model.bin"
    listing = {"name": "quikapp_ml.models.unseen", "version": "1", "path": ""}
    for who, expected in (("cyd", 403), ("admin", 404)):
        assert ask("GET", file, who).status_code == expected
        assert ask("GET", "mlflow/model-versions/list-artifacts", who, params=listing).status_code == expected
    assert ask("PUT", file, "cyd", content=b"x").status_code == 403


def test_models_with_plain_names_are_everybodys(ask: Ask) -> None:
    assert ask("POST", "mlflow/registered-models/create", "cyd", json={"name": "plain"}).status_code == 200
    assert ask("GET", "mlflow/registered-models/get", "bea", params={"name": "plain"}).status_code == 200


def test_a_model_that_is_gone_leaves_no_owner(ask: Ask) -> None:
    name = "quikapp_ml.models.short"
    grant(ask, "catalog/quikapp_ml", "USE CATALOG", "USE SCHEMA")
    grant(ask, "schema/quikapp_ml.models", "CREATE MODEL")
    assert ask("POST", f"{UNITY}/registered-models/create", "bea", json={"name": name}).status_code == 200
    assert ask("DELETE", f"{UNITY}/registered-models/delete", "bea", json={"name": name}).status_code == 200
    assert ask("POST", f"{UNITY}/registered-models/create", json={"name": name}).status_code == 200
    assert ask("GET", f"{UNITY}/registered-models/get", "bea", params={"name": name}).status_code == 403


def test_an_administrator_who_deletes_a_model_leaves_no_owner_either(ask: Ask) -> None:
    name = "quikapp_ml.models.reused"
    grant(ask, "catalog/quikapp_ml", "USE CATALOG", "USE SCHEMA")
    grant(ask, "schema/quikapp_ml.models", "CREATE MODEL")
    assert ask("POST", f"{UNITY}/registered-models/create", "bea", json={"name": name}).status_code == 200
    assert ask("DELETE", f"{UNITY}/registered-models/delete", json={"name": name}).status_code == 200
    assert ask("POST", f"{UNITY}/registered-models/create", json={"name": name}).status_code == 200
    assert ask("GET", f"{UNITY}/registered-models/get", "bea", params={"name": name}).status_code == 403


def test_no_name_of_unity_catalog_is_taken_by_renaming(ask: Ask) -> None:
    name = "quikapp_ml.models.renamed"
    assert ask("POST", "mlflow/registered-models/create", "eve", json={"name": "eves"}).status_code == 200
    rename = ("POST", "mlflow/registered-models/rename")
    assert ask(*rename, "eve", json={"name": "eves", "new_name": name}).status_code == 403
    assert ask(*rename, json={"name": "eves", "new_name": name}).status_code == 200
    assert ask("GET", "mlflow/registered-models/get", "eve", params={"name": name}).status_code == 403
