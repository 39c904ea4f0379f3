from typing import Any

import pytest

from quikapp_ml.stores.lake.tables import AUDIT
from support.workspace import Workspace

TOKENS = "/api/2.0/token"


def create(workspace: Workspace, owner: str = "ann", **body: Any) -> dict[str, Any]:
    answer = workspace.request("POST", f"{TOKENS}/create", owner, json=body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def listed(workspace: Workspace, owner: str) -> list[str]:
    return [token["comment"] for token in workspace.get(f"{TOKENS}/list", owner).json()["token_infos"]]


def test_a_token_opens_what_its_maker_may_open_and_is_told_once(workspace: Workspace) -> None:
    made = create(workspace, comment="laptop", lifetime_seconds=60)
    assert made["token_info"]["expiry_time"] == made["token_info"]["creation_time"] + 60_000
    me = workspace.client.get(
        "/api/2.0/preview/scim/v2/Me", headers={"authorization": f"Bearer {made['token_value']}"}
    ).json()
    assert me["userName"] == "ann"
    told = workspace.get(f"{TOKENS}/list", "ann").text
    assert made["token_value"] not in told and made["token_info"]["token_id"] in told


def test_a_token_cannot_give_more_than_it_has(workspace: Workspace) -> None:
    workspace.token("bob", "sql")
    assert create(workspace, "bob")["token_info"]["scopes"] == ["sql"]
    for wanted in (["all-apis"], ["sql", "mlflow"]):
        refused = workspace.request("POST", f"{TOKENS}/create", "bob", json={"scopes": wanted})
        assert (refused.status_code, refused.json()["error_code"]) == (403, "PERMISSION_DENIED")


def test_everybody_sees_and_ends_only_their_own(workspace: Workspace) -> None:
    anns = create(workspace, "ann", comment="of ann")
    create(workspace, "bob", comment="of bob")
    assert "of ann" in listed(workspace, "ann") and "of ann" not in listed(workspace, "bob")
    body = {"token_id": anns["token_info"]["token_id"]}
    refused = workspace.request("POST", f"{TOKENS}/delete", "bob", json=body)
    assert (refused.status_code, refused.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert "of ann" in listed(workspace, "ann")
    assert workspace.request("POST", f"{TOKENS}/delete", "ann", json=body).status_code == 200
    assert "of ann" not in listed(workspace, "ann")
    assert workspace.request("POST", f"{TOKENS}/delete", "ann", json=body).status_code == 404


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"lifetime_seconds": 0}, "lifetime_seconds"), ({"lifetime_seconds": True}, "lifetime_seconds"),
        ({"lifetime_seconds": 10**8 * 9}, "3650"), ({"scopes": "sql"}, "scopes"), ({"comment": 3}, "comment"),
        ({"scopes": ["everything"]}, "all-apis"), ({"life": 3}, "life"),
    ],
)  # fmt: skip
def test_a_wrong_wish_names_the_field(workspace: Workspace, body: dict[str, Any], named: str) -> None:
    refused = workspace.request("POST", f"{TOKENS}/create", json=body)
    assert refused.status_code == 400, refused.text
    assert named in refused.json()["message"]


def test_making_and_ending_are_audited_without_the_token(workspace: Workspace) -> None:
    made = create(workspace, "ann")
    workspace.service.audit.drain()
    rows = workspace.service.audit._lake.read(AUDIT.name).to_pylist()
    assert [row["action_name"] for row in rows] == ["createOwnToken"]
    assert made["token_value"] not in str(rows)
