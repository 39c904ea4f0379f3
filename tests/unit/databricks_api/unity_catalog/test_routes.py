"""Unity Catalog's REST, by requests as clients send them; bodies survive the SDK's own classes."""

from typing import Any

import pytest
from databricks.sdk.service import catalog as sdk
from databricks.sdk.service import iam

from support.workspace import Workspace

PATH = "/api/2.1/unity-catalog"
SDK = {"user-agent": "app/1 databricks-sdk-py/0.156.0"}
DEFAULT = {"catalog_name": "quikapp_ml", "schema_name": "default"}
COLUMNS = [
    {"name": "n", "type_text": "bigint", "type_name": "LONG", "type_json": '"long"', "position": 0, "nullable": False},
    {"name": "xs", "type_text": "array<double>", "type_name": "ARRAY", "position": 1, "comment": "values"},
    {"name": "day", "type_text": "date", "type_name": "DATE", "position": 2, "partition_index": 0},
    {"name": "price", "type_text": "decimal(10,2)", "position": 3},
]


def ask(workspace: Workspace, method: str, path: str, owner: str = "admin", **more: Any) -> Any:
    answer = workspace.request(method, f"{PATH}/{path}", owner, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def code(workspace: Workspace, method: str, path: str, owner: str = "admin", **more: Any) -> str:
    answer = workspace.request(method, f"{PATH}/{path}", owner, **more)
    assert answer.status_code >= 400, answer.text
    return str(answer.json()["error_code"])


def table(name: str, schema: str = "default", **more: Any) -> dict[str, Any]:
    return {
        "name": name, "catalog_name": "quikapp_ml", "schema_name": schema, "table_type": "MANAGED",
        "data_source_format": "DELTA", "columns": COLUMNS, **more,
    }  # fmt: skip


def grant(workspace: Workspace, on: str, principal: str, *privileges: str) -> None:
    changes = [{"principal": principal, "add": list(privileges)}]
    ask(workspace, "PATCH", f"permissions/{on}", json={"changes": changes})


def survives(kind: Any, body: Any) -> None:
    assert kind.from_dict(body).as_dict() == body


def test_catalogs_are_made_told_changed_and_dropped(workspace: Workspace) -> None:
    made = ask(workspace, "POST", "catalogs", json={"name": "Sales", "comment": "why", "properties": {"a": "b"}})
    assert (made["name"], made["owner"], made["comment"], made["properties"]) == ("sales", "admin", "why", {"a": "b"})
    survives(sdk.CatalogInfo, made)
    survives(sdk.ListCatalogsResponse, ask(workspace, "GET", "catalogs"))
    assert [each["name"] for each in ask(workspace, "GET", "catalogs")["catalogs"]] == ["quikapp_ml", "sales"]
    changed = ask(workspace, "PATCH", "catalogs/sales", json={"new_name": "shop", "comment": "new", "owner": "ann"})
    assert (changed["name"], changed["comment"], changed["owner"]) == ("shop", "new", "ann")
    assert ask(workspace, "GET", "catalogs/shop") == changed
    assert code(workspace, "GET", "catalogs/sales") == "RESOURCE_DOES_NOT_EXIST"
    assert code(workspace, "POST", "catalogs", json={"name": "shop"}) == "RESOURCE_ALREADY_EXISTS"
    assert code(workspace, "POST", "catalogs", json={"name": "x", "share_name": "y"}) == "FEATURE_DISABLED"
    assert ask(workspace, "DELETE", "catalogs/shop") == {}


def test_schemas_are_made_told_changed_and_dropped(workspace: Workspace) -> None:
    made = ask(workspace, "POST", "schemas", json={"name": "extra", "catalog_name": "quikapp_ml", "comment": "why"})
    survives(sdk.SchemaInfo, made)
    assert ask(workspace, "GET", "schemas/quikapp_ml.extra") == made
    found = ask(workspace, "GET", "schemas", params={"catalog_name": "quikapp_ml", "max_results": "2"})
    assert [each["name"] for each in found["schemas"]] == ["access", "bronze"] and found["next_page_token"]
    ask(workspace, "POST", "tables", json=table("t", "extra"))
    assert code(workspace, "DELETE", "schemas/quikapp_ml.extra") == "RESOURCE_CONFLICT"
    assert ask(workspace, "DELETE", "schemas/quikapp_ml.extra", params={"force": "true"}) == {}
    assert code(workspace, "GET", "schemas") == "INVALID_PARAMETER_VALUE"
    assert code(workspace, "GET", "schemas/quikapp_ml") == "INVALID_PARAMETER_VALUE"


def test_a_table_is_a_delta_table_with_its_columns(workspace: Workspace) -> None:
    made = ask(workspace, "POST", "tables", json=table("T", comment="why", properties={"team": "ml"}))
    survives(sdk.TableInfo, made)
    assert (made["full_name"], made["owner"], made["comment"]) == ("quikapp_ml.default.t", "admin", "why")
    assert [each["type_text"] for each in made["columns"]] == ["bigint", "array<double>", "date", "decimal(10,2)"]
    assert [each["type_name"] for each in made["columns"]] == ["LONG", "ARRAY", "DATE", "DECIMAL"]
    assert made["columns"][2]["partition_index"] == 0 and made["columns"][3]["type_precision"] == 10
    assert made["columns"][0]["nullable"] is False and made["columns"][1]["comment"] == "values"
    assert workspace.service.unity.securables.lake.version("quikapp_ml.default.t") == 0
    assert ask(workspace, "GET", "tables/quikapp_ml.default.t") == made
    assert ask(workspace, "GET", "tables/quikapp_ml.default.t/exists") == {"table_exists": True}
    assert ask(workspace, "GET", "tables/quikapp_ml.default.u/exists") == {"table_exists": False}
    assert ask(workspace, "GET", "tables", params=DEFAULT) == {"tables": [made]}
    short = ask(workspace, "GET", "tables", params={**DEFAULT, "omit_columns": "true", "omit_properties": "true"})
    assert not {"columns", "properties"} & set(short["tables"][0])
    summary = {"full_name": "quikapp_ml.default.t", "table_type": "MANAGED"}
    pattern = {"catalog_name": "quikapp_ml", "schema_name_pattern": "def%", "table_name_pattern": "_"}
    assert ask(workspace, "GET", "table-summaries", params=pattern) == {"tables": [summary]}
    assert ask(workspace, "PATCH", "tables/quikapp_ml.default.t", json={"owner": "ann"})["owner"] == "ann"
    assert ask(workspace, "DELETE", "tables/quikapp_ml.default.t") == {}
    assert code(workspace, "GET", "tables/quikapp_ml.default.t") == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"data_source_format": "CSV"}, "FEATURE_DISABLED"),
        ({"table_type": "EXTERNAL"}, "INVALID_PARAMETER_VALUE"),
        ({"table_type": "EXTERNAL", "storage_location": "https://x/y"}, "INVALID_PARAMETER_VALUE"),
        ({"columns": []}, "INVALID_PARAMETER_VALUE"),
        ({"columns": [{"name": "n", "type_text": "money"}]}, "INVALID_PARAMETER_VALUE"),
        ({"name": "a/../b"}, "INVALID_PARAMETER_VALUE"),
        ({"schema_name": "nowhere"}, "RESOURCE_DOES_NOT_EXIST"),
        ({"view_definition": "SELECT 1"}, "FEATURE_DISABLED"),
        ({"colour": "red"}, "INVALID_PARAMETER_VALUE"),
    ],
)
def test_what_is_no_table_is_refused(workspace: Workspace, wrong: dict[str, Any], expected: str) -> None:
    assert code(workspace, "POST", "tables", json={**table("t"), **wrong}) == expected
    assert ask(workspace, "GET", "tables", params=DEFAULT) == {"tables": []}


def test_privileges_are_spelled_as_the_client_knows_them(workspace: Workspace) -> None:
    changes = {"changes": [{"principal": "ann", "add": ["USE CATALOG", "USE_SCHEMA", "SELECT"]}]}
    told = ask(workspace, "PATCH", "permissions/catalog/quikapp_ml", json=changes)
    expected = [{"principal": "ann", "privileges": ["SELECT", "USE CATALOG", "USE SCHEMA"]}]
    assert told == {"privilege_assignments": expected}
    told = ask(workspace, "GET", "permissions/CATALOG/quikapp_ml", headers=SDK)
    assert told["privilege_assignments"][0]["privileges"] == ["SELECT", "USE_CATALOG", "USE_SCHEMA"]
    survives(sdk.GetPermissionsResponse, told)


def test_effective_privileges_name_what_they_are_inherited_from(workspace: Workspace) -> None:
    ask(workspace, "POST", "tables", json=table("t"))
    grant(workspace, "catalog/quikapp_ml", "ann", "SELECT")
    grant(workspace, "table/quikapp_ml.default.t", "bob", "MODIFY")
    told = ask(workspace, "GET", "effective-permissions/table/quikapp_ml.default.t", headers=SDK)
    inherited = {"privilege": "SELECT", "inherited_from_type": "CATALOG", "inherited_from_name": "quikapp_ml"}
    assert told["privilege_assignments"] == [
        {"principal": "ann", "privileges": [inherited]},
        {"principal": "bob", "privileges": [{"privilege": "MODIFY"}]},
    ]
    survives(sdk.EffectivePermissionsList, told)
    only = ask(workspace, "GET", "effective-permissions/table/quikapp_ml.default.t", params={"principal": "bob"})
    assert [each["principal"] for each in only["privilege_assignments"]] == ["bob"]


def test_without_a_grant_nothing_is_told(workspace: Workspace) -> None:
    ask(workspace, "POST", "tables", json=table("t"))
    table_paths = ("tables/quikapp_ml.default.t", "tables/quikapp_ml.default.none")
    for path in (*table_paths, "catalogs/quikapp_ml", "catalogs/none"):
        assert code(workspace, "GET", path, "ann") == "PERMISSION_DENIED"
    assert ask(workspace, "GET", "catalogs", "ann") == {"catalogs": []}
    assert code(workspace, "POST", "tables", "ann", json=table("mine")) == "PERMISSION_DENIED"
    assert code(workspace, "DELETE", "tables/quikapp_ml.default.t", "ann") == "PERMISSION_DENIED"
    changes = {"changes": [{"principal": "ann", "add": ["SELECT"]}]}
    assert (
        code(workspace, "PATCH", "permissions/table/quikapp_ml.default.t", "ann", json=changes) == "PERMISSION_DENIED"
    )


def test_a_group_of_scim_carries_grants(workspace: Workspace) -> None:
    scim = "/api/2.0/preview/scim/v2"
    body = {"displayName": "analysts", "members": [{"value": "ann"}]}
    group = workspace.request("POST", f"{scim}/Groups", json=body).json()
    survives(iam.Group, group)
    grant(workspace, "catalog/quikapp_ml", "analysts", "ALL_PRIVILEGES")
    assert [each["name"] for each in ask(workspace, "GET", "catalogs", "ann")["catalogs"]] == ["quikapp_ml"]
    added = {"op": "add", "value": {"members": [{"value": "bob"}]}}
    operations = {"Operations": [{"op": "remove", "path": 'members[value eq "ann"]'}, added]}
    assert workspace.request("PATCH", f"{scim}/Groups/{group['id']}", json=operations).status_code == 200
    assert ask(workspace, "GET", "catalogs", "ann") == {"catalogs": []}
    listed = workspace.request("GET", f"{scim}/Groups", params={"filter": 'displayName eq "analysts"'}).json()
    assert [each["members"] for each in listed["Resources"]] == [[{"display": "bob", "value": "bob"}]]
    assert workspace.request("POST", f"{scim}/Groups", "ann", json={"displayName": "mine"}).status_code == 403
    assert workspace.request("DELETE", f"{scim}/Groups/{group['id']}").status_code == 200


def test_service_principals_are_known_by_their_application_id(workspace: Workspace) -> None:
    path = "/api/2.0/preview/scim/v2/ServicePrincipals"
    made = workspace.request("POST", path, json={"displayName": "nightly", "applicationId": "app-1"}).json()
    survives(iam.ServicePrincipal, made)
    assert (
        workspace.request("POST", path, json={"applicationId": "app-1"}).json()["error_code"]
        == "RESOURCE_ALREADY_EXISTS"
    )
    assert workspace.get(f"{path}/{made['id']}").json() == made
    assert workspace.request("DELETE", f"{path}/{made['id']}").status_code == 200
    assert workspace.get(path).json()["totalResults"] == 0


def test_files_of_a_volume_need_its_grants_and_stay_in_it(workspace: Workspace) -> None:
    body = {"name": "papers", "catalog_name": "quikapp_ml", "schema_name": "default", "volume_type": "MANAGED"}
    made = ask(workspace, "POST", "volumes", json=body)
    survives(sdk.VolumeInfo, made)
    file = "/api/2.0/fs/files/Volumes/quikapp_ml/default/papers/a/b.txt"
    assert workspace.request("PUT", file, content=b"words").status_code == 204
    assert workspace.get(file).content == b"words"
    assert workspace.get(file, "ann").status_code == 403
    grant(workspace, "catalog/quikapp_ml", "ann", "USE CATALOG", "USE SCHEMA", "READ VOLUME")
    assert workspace.get(file, "ann").content == b"words"
    assert workspace.request("PUT", file, "ann", content=b"other").status_code == 403
    folder = "/api/2.0/fs/directories/Volumes/quikapp_ml/default/papers"
    assert [each["name"] for each in workspace.get(folder).json()["contents"]] == ["a"]
    for wrong in ("%2e%2e/x", "a/%2e%2e/%2e%2e/x"):
        assert workspace.get(f"{file.removesuffix('a/b.txt')}{wrong}").status_code in (400, 404)
    assert workspace.request("DELETE", f"{folder}/a").json()["error_code"] == "RESOURCE_CONFLICT"
    assert (
        workspace.request("DELETE", file).status_code == workspace.request("DELETE", f"{folder}/a").status_code == 204
    )
    assert workspace.request("DELETE", folder).status_code == 404
    assert ask(workspace, "DELETE", "volumes/quikapp_ml.default.papers") == {}


def test_functions_are_told_as_they_were_given(workspace: Workspace) -> None:
    body = {
        "name": "area", "catalog_name": "quikapp_ml", "schema_name": "default", "data_type": "DOUBLE",
        "full_data_type": "double", "routine_body": "SQL", "routine_definition": "x * y", "is_deterministic": True,
        "input_params": {"parameters": [{"name": "x", "type_text": "double", "type_name": "DOUBLE", "position": 0}]},
    }  # fmt: skip
    made = ask(workspace, "POST", "functions", json={"function_info": body})
    assert {name: made[name] for name in body} == body
    survives(sdk.FunctionInfo, made)
    assert ask(workspace, "GET", "functions", params=DEFAULT) == {"functions": [made]}
    assert ask(workspace, "DELETE", "functions/quikapp_ml.default.area") == {}
    assert code(workspace, "POST", "functions", json={"function_info": {"name": "x"}}) == "INVALID_PARAMETER_VALUE"


def test_the_metastore_is_told_and_credentials_are_refused_with_the_reason(workspace: Workspace) -> None:
    survives(sdk.MetastoreAssignment, ask(workspace, "GET", "current-metastore-assignment"))
    survives(sdk.GetMetastoreSummaryResponse, ask(workspace, "GET", "metastore_summary"))
    for kind in ("table", "volume", "path", "model-version"):
        assert code(workspace, "POST", f"temporary-{kind}-credentials", json={"table_id": "x"}) == "FEATURE_DISABLED"


def test_changes_are_audited_under_databricks_names(workspace: Workspace) -> None:
    ask(workspace, "POST", "tables", json=table("t"))
    ask(workspace, "PATCH", "permissions/table/quikapp_ml.default.t", json={"changes": []})
    noted = [entry for _, entry in workspace.service.state.audit.waiting()]
    assert [(each.service, each.action) for each in noted] == [
        ("unityCatalog", "createTable"),
        ("unityCatalog", "updatePermissions"),
    ]
    assert noted[0].parameters == {"full_name": "quikapp_ml.default.t"}
