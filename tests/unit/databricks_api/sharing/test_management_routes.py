from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from databricks.sdk.service.sharing import (
    GetRecipientSharePermissionsResponse,
    GetSharePermissionsResponse,
    ListRecipientsResponse,
    ListSharesResponse,
    RecipientInfo,
    RetrieveTokenResponse,
    ShareInfo,
    UpdateSharePermissionsResponse,
)

from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.deltars import DeltaLake
from support.workspace import Workspace

SHARES = "/api/2.1/unity-catalog/shares"
RECIPIENTS = "/api/2.1/unity-catalog/recipients"
NUMBERS = Table("quikapp_ml.open.numbers", pa.schema([("n", pa.int64())]), ("n",), "Some numbers.")


@pytest.fixture
def office(workspace: Workspace, tmp_path: Path) -> Workspace:
    """A workspace with a table that can be shared, and an empty share."""
    lake = DeltaLake(str(tmp_path / "lakehouse"))
    lake.ensure(NUMBERS)
    lake.append(NUMBERS.name, pa.table({"n": [1]}))
    cast(Any, workspace.service).lake = lake
    told(workspace, "POST", SHARES, {"name": "sales"})
    return workspace


def told(office: Workspace, method: str, path: str, body: object = None) -> dict[str, Any]:
    answer = office.request(method, path, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refused(office: Workspace, method: str, path: str, body: object, status: int, code: str) -> str:
    answer = office.request(method, path, json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code), answer.text
    return str(answer.json()["message"])


def update(action: str, name: str = NUMBERS.name, **more: Any) -> dict[str, Any]:
    return {"updates": [{"action": action, "data_object": {"name": name, **more}}]}


def test_every_answer_says_what_the_sdk_s_classes_can_say(office: Workspace) -> None:
    bodies: list[tuple[Any, dict[str, Any]]] = [
        (ShareInfo, told(office, "POST", SHARES, {"name": "other", "comment": "why"})),
        (ShareInfo, told(office, "PATCH", f"{SHARES}/other", update("ADD", shared_as="a.b", cdf_enabled=True))),
        (RecipientInfo, told(office, "POST", RECIPIENTS, {"name": "acme", "authentication_type": "TOKEN"})),
        (UpdateSharePermissionsResponse, told(office, "PATCH", f"{SHARES}/other/permissions", grant("acme"))),
        (GetSharePermissionsResponse, told(office, "GET", f"{SHARES}/other/permissions")),
        (GetRecipientSharePermissionsResponse, told(office, "GET", f"{RECIPIENTS}/acme/share-permissions")),
        (ShareInfo, told(office, "GET", f"{SHARES}/other?include_shared_data=true")),
        (ListSharesResponse, told(office, "GET", SHARES)),
        (ListRecipientsResponse, told(office, "GET", RECIPIENTS)),
        (RecipientInfo, told(office, "PATCH", f"{RECIPIENTS}/acme", {"comment": "new", "expiration_time": 1})),
    ]
    for cls, body in bodies:
        assert cls.from_dict(body).as_dict() == body


def grant(name: str, *, add: bool = True) -> dict[str, Any]:
    return {"changes": [{"principal": name, "add" if add else "remove": ["SELECT"]}]}


def test_an_update_is_made_whole_or_not_at_all(office: Workspace) -> None:
    told(office, "PATCH", f"{SHARES}/sales", update("ADD"))
    before = told(office, "GET", f"{SHARES}/sales?include_shared_data=true")
    broken = {"comment": "new", "updates": [*update("REMOVE")["updates"], *update("REMOVE", "missing")["updates"]]}
    refused(office, "PATCH", f"{SHARES}/sales", broken, 404, "RESOURCE_DOES_NOT_EXIST")
    refused(office, "PATCH", f"{SHARES}/sales", {"comment": "new", **update("ADD")}, 409, "RESOURCE_ALREADY_EXISTS")
    assert told(office, "GET", f"{SHARES}/sales?include_shared_data=true") == before


def test_an_update_keeps_what_it_does_not_name(office: Workspace) -> None:
    enabled: dict[str, Any] = {"history_data_sharing_status": "ENABLED", "start_version": 1, "comment": "why"}
    (before,) = told(office, "PATCH", f"{SHARES}/sales", update("ADD", **enabled))["objects"]
    (after,) = told(office, "PATCH", f"{SHARES}/sales", update("UPDATE", "open.numbers", shared_as="open.n"))["objects"]
    assert {**after, "added_at": 0} == {**before, "shared_as": "open.n", "added_at": 0}
    (table,) = office.service.state.shares.share("sales").tables
    (disabled,) = told(
        office, "PATCH", f"{SHARES}/sales", update("UPDATE", history_data_sharing_status="DISABLED", start_version=0)
    )["objects"]
    assert (disabled["history_data_sharing_status"], disabled["start_version"]) == ("DISABLED", 0)
    assert office.service.state.shares.share("sales").tables[0].table_id == table.table_id


def test_only_administrators_manage_what_is_shared(office: Workspace) -> None:
    told(office, "POST", RECIPIENTS, {"name": "acme", "authentication_type": "TOKEN"})
    for method, path in (
        ("GET", SHARES),
        ("POST", SHARES),
        ("GET", f"{SHARES}/sales"),
        ("PATCH", f"{SHARES}/sales"),
        ("DELETE", f"{SHARES}/sales"),
        ("GET", f"{SHARES}/sales/permissions"),
        ("PATCH", f"{SHARES}/sales/permissions"),
        ("GET", RECIPIENTS),
        ("POST", RECIPIENTS),
        ("GET", f"{RECIPIENTS}/acme"),
        ("PATCH", f"{RECIPIENTS}/acme"),
        ("DELETE", f"{RECIPIENTS}/acme"),
        ("POST", f"{RECIPIENTS}/acme/rotate-token"),
        ("GET", f"{RECIPIENTS}/acme/share-permissions"),
    ):
        answer = office.request(method, path, "somebody", json={"name": "x", "existing_token_expire_in_seconds": 0})
        assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED"), (method, path)
    assert office.service.state.shares.share("sales") and office.service.state.recipients.recipient("acme")


def test_a_token_is_fetched_once_by_its_code_and_without_another_token(office: Workspace) -> None:
    made = told(office, "POST", RECIPIENTS, {"name": "acme", "authentication_type": "TOKEN"})
    url = made["activation_url"]
    assert made["tokens"][-1]["activation_url"] == url and made["activated"] is False
    assert "activation_url" not in told(office, "GET", f"{RECIPIENTS}/acme")
    page = office.client.get(url)
    assert page.status_code == 200 and "<form method=" in page.text, "looking at the page must not use the code up"
    path = f"/api/2.1/unity-catalog/public/data_sharing_activation/{url.rpartition('/')[2]}"
    profile = office.request_from("10.1.2.3", "GET", path)
    assert RetrieveTokenResponse.from_dict(profile.json()).as_dict() == profile.json()
    assert profile.json()["endpoint"].endswith("/delta-sharing/")
    for _ in range(2):
        again = office.request_from("10.1.2.3", "GET", path)
        assert (again.status_code, again.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert told(office, "GET", f"{RECIPIENTS}/acme")["activated"] is True


def test_a_token_is_fetched_once_by_the_page_s_button(office: Workspace) -> None:
    url = told(office, "POST", RECIPIENTS, {"name": "acme", "authentication_type": "TOKEN"})["activation_url"]
    fetched = office.client.request("POST", url)
    assert fetched.status_code == 200 and fetched.json()["bearerToken"]
    assert fetched.headers["content-disposition"] == 'attachment; filename="acme.share"'
    again = office.client.request("POST", url)
    assert (again.status_code, again.json()["errorCode"]) == (404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", SHARES, {}, 400, "INVALID_PARAMETER_VALUE"),
        ("POST", SHARES, {"name": "a.b"}, 400, "INVALID_PARAMETER_VALUE"),
        ("POST", SHARES, {"name": "x", "storage_root": "s3://b"}, 501, "FEATURE_DISABLED"),
        ("POST", SHARES, {"name": "x", "colour": "red"}, 400, "INVALID_PARAMETER_VALUE"),
        ("PATCH", f"{SHARES}/sales", {"updates": [{"action": "ADD"}]}, 400, "INVALID_PARAMETER_VALUE"),
        ("PATCH", f"{SHARES}/sales", {"updates": "x"}, 400, "INVALID_PARAMETER_VALUE"),
        ("PATCH", f"{SHARES}/sales", update("MOVE"), 400, "INVALID_PARAMETER_VALUE"),
        ("PATCH", f"{SHARES}/sales", update("ADD", start_version=9), 400, "INVALID_PARAMETER_VALUE"),
        ("PATCH", f"{SHARES}/sales", update("ADD", start_version="1"), 400, "INVALID_PARAMETER_VALUE"),
        ("PATCH", f"{SHARES}/sales", update("ADD", shared_as="a"), 400, "INVALID_PARAMETER_VALUE"),
        ("PATCH", f"{SHARES}/sales", update("ADD", data_object_type="VIEW"), 501, "FEATURE_DISABLED"),
        ("PATCH", f"{SHARES}/sales", update("ADD", partitions=[{"values": []}]), 501, "FEATURE_DISABLED"),
        ("PATCH", f"{SHARES}/sales", update("ADD", "../../etc"), 400, "INVALID_PARAMETER_VALUE"),
        ("PATCH", f"{SHARES}/sales/permissions", grant("nobody"), 404, "RESOURCE_DOES_NOT_EXIST"),
        (
            "PATCH",
            f"{SHARES}/sales/permissions",
            {"changes": [{"principal": "x", "add": ["MODIFY"]}]},
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        ("POST", RECIPIENTS, {"name": "x", "authentication_type": "DATABRICKS"}, 501, "FEATURE_DISABLED"),
        (
            "POST",
            RECIPIENTS,
            {"name": "x", "ip_access_list": {"allowed_ip_addresses": ["::1"]}},
            501,
            "FEATURE_DISABLED",
        ),
        ("POST", RECIPIENTS, {"name": "x", "expiration_time": 1}, 400, "INVALID_PARAMETER_VALUE"),
        ("POST", RECIPIENTS, {"name": "x", "expiration_time": "soon"}, 400, "INVALID_PARAMETER_VALUE"),
        ("POST", RECIPIENTS, {"name": "x", "expiration_time": 10**13 * 9}, 400, "INVALID_PARAMETER_VALUE"),
        ("POST", f"{RECIPIENTS}/x/rotate-token", {}, 400, "INVALID_PARAMETER_VALUE"),
        (
            "POST",
            f"{RECIPIENTS}/x/rotate-token",
            {"existing_token_expire_in_seconds": 0},
            404,
            "RESOURCE_DOES_NOT_EXIST",
        ),
        (
            "POST",
            f"{RECIPIENTS}/x/rotate-token",
            {"existing_token_expire_in_seconds": 10**30},
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        ("DELETE", f"{RECIPIENTS}/x", None, 404, "RESOURCE_DOES_NOT_EXIST"),
        ("DELETE", f"{SHARES}/x", None, 404, "RESOURCE_DOES_NOT_EXIST"),
        ("GET", f"{SHARES}/x/permissions", None, 404, "RESOURCE_DOES_NOT_EXIST"),
        ("GET", f"{RECIPIENTS}/x/share-permissions", None, 404, "RESOURCE_DOES_NOT_EXIST"),
    ],
)
def test_what_cannot_be_is_refused(
    office: Workspace, method: str, path: str, body: object, status: int, code: str
) -> None:
    assert refused(office, method, path, body, status, code)


def test_changes_are_noted_with_what_they_changed(office: Workspace) -> None:
    told(office, "PATCH", f"{SHARES}/sales", update("ADD"))
    noted = [(entry.service, entry.action, dict(entry.parameters)) for _, entry in office.service.state.audit.waiting()]
    assert ("unityCatalog", "createShare", {"name": "sales"}) in noted
    assert ("unityCatalog", "updateShare", {"name": "sales"}) in noted
