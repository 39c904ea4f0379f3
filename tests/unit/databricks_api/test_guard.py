from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from quikapp_ml.databricks_api.guard import is_local
from quikapp_ml.entities.decisions import Decision, ModelRef
from quikapp_ml.errors import Unavailable
from quikapp_ml.serving.access import FAILURES, LOCAL, create_token
from quikapp_ml.serving.decisions import DecisionLedger
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake.tables import AUDIT
from quikapp_ml.stores.spool.memory import MemorySpool
from support.endpoints import RECORD
from support.fake_service import FakeService, running
from support.workspace import ENDPOINTS, Workspace, config

QUESTION = {"user_id": "user-1"}
OWN = "/api/ml/recommendations"
WORKSPACE_PATHS = [
    "/api/2.0/serving-endpoints", "/serving-endpoints/quikapp-spam/invocations", "/api/2.0/preview/scim/v2/Me",
    "/api/2.1/unity-catalog/tables", "/api/2.0/nothing", "/sql/1.0/warehouses/x", "/api/data-quality/v1/monitors",
]  # fmt: skip


@pytest.mark.parametrize("path", WORKSPACE_PATHS)
def test_the_workspace_needs_a_token_even_from_this_machine(workspace: Workspace, path: str) -> None:
    for headers in ({}, {"authorization": "Basic YTpi"}, {"authorization": "Bearer "}, {"authorization": "dapi0"}):
        answer = workspace.client.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error_code"] == "UNAUTHENTICATED"
        assert answer.headers["www-authenticate"] == "Bearer"
    assert workspace.client.get(path, headers={"authorization": "Bearer dapi-wrong"}).status_code == 401


def test_own_endpoints_need_one_from_another_machine_only(workspace: Workspace) -> None:
    assert workspace.client.post(OWN, json=QUESTION).status_code == 200
    assert workspace.request_from("::1", "POST", OWN, json=QUESTION).status_code == 200
    for address in ("192.0.2.7", "2001:db8::1", "::ffff:192.0.2.7", "no address"):
        refused = workspace.request_from(address, "POST", OWN, json=QUESTION)
        assert refused.status_code == 401
        assert refused.json()["error"]["code"] == "unauthenticated" and refused.json()["request_id"]
    headers = {"authorization": f"Bearer {workspace.token('ann')}"}
    assert workspace.request_from("192.0.2.7", "POST", OWN, json=QUESTION, headers=headers).status_code == 200
    assert workspace.request_from("192.0.2.7", "GET", "/metrics").status_code == 401
    assert workspace.request_from("192.0.2.7", "GET", "/docs").status_code == 401


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/.well-known/databricks-config"])
def test_everybody_may_ask_for_the_health(workspace: Workspace, path: str) -> None:
    assert workspace.request_from("192.0.2.7", "GET", path).status_code == 200
    assert workspace.request_from("192.0.2.7", "GET", "/healthy").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "127.0.0.1"}, {"forwarded": "for=127.0.0.1"}, {"x-real-ip": "127.0.0.1"}, {"via": "1.1 x"},
        {"host": "evil.example"}, {"host": "evil.example:5008"}, {"host": "localhost.evil.example"},
        {"host": "192.0.2.7"}, {"host": ""}, {"host": "[::1"},
    ],
)  # fmt: skip
def test_what_was_passed_on_or_names_another_machine_is_not_local(
    workspace: Workspace, headers: dict[str, str]
) -> None:
    assert workspace.client.post(OWN, json=QUESTION, headers=headers).status_code == 401


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:5008", "127.0.0.1:1", "[::1]:5008", "a.localhost", "127.1.2.3"]
)
def test_names_of_this_machine(host: str) -> None:
    assert is_local({"client": ("127.0.0.1", 1), "headers": [(b"host", host.encode())]})
    assert is_local({"client": None, "headers": [(b"host", host.encode())]})  # a socket of this machine
    assert not is_local({"client": ("192.0.2.7", 1), "headers": [(b"host", host.encode())]})


def test_a_token_opens_what_its_scope_says(workspace: Workspace) -> None:
    workspace.token("sql-only", "sql")
    assert workspace.get(ENDPOINTS, "sql-only").status_code == 403
    assert workspace.get(ENDPOINTS, "sql-only").json()["error_code"] == "PERMISSION_DENIED"
    assert workspace.get("/api/2.0/preview/scim/v2/Me", "sql-only").status_code == 200
    headers = {"authorization": f"Bearer {workspace.token('sql-only')}"}
    assert workspace.request_from("192.0.2.7", "POST", OWN, json=QUESTION, headers=headers).status_code == 403
    workspace.token("serving-only", "model-serving")
    assert workspace.get(ENDPOINTS, "serving-only").status_code == 200


def test_guessing_is_answered_with_429_and_a_time_to_wait(workspace: Workspace) -> None:
    wrong = {"authorization": "Bearer dapi-wrong"}
    for _ in range(FAILURES):
        assert workspace.client.get(ENDPOINTS, headers=wrong).status_code == 401
    refused = workspace.client.get(ENDPOINTS, headers=wrong)
    assert refused.status_code == 429
    assert refused.json()["error_code"] == "REQUEST_LIMIT_EXCEEDED"
    assert 0 < int(refused.headers["retry-after"]) <= 61


def test_every_change_is_in_the_audit_table_and_no_look_is(workspace: Workspace) -> None:
    workspace.made("mine", 4)
    workspace.request("POST", ENDPOINTS, json={"name": "mine", "config": config("mine", 4)})
    workspace.request("PUT", f"{ENDPOINTS}/mine/config", "bob", json=config("mine", 5))
    workspace.request("DELETE", f"{ENDPOINTS}/mine", headers={"user-agent": "tests/1"})
    workspace.service.audit.drain()
    rows = workspace.service.audit._lake.read(AUDIT.name).to_pylist()
    told = [
        (row["action_name"], row["user_identity"]["email"], row["response"]["status_code"], dict(row["request_params"]))
        for row in sorted(rows, key=lambda row: row["event_time"])
    ]
    assert told == [
        ("createServingEndpoint", "admin", 200, {"name": "mine"}),
        ("createServingEndpoint", "admin", 409, {"name": "mine"}),
        ("updateServingEndpointConfig", "bob", 403, {"name": "mine"}),
        ("deleteServingEndpoint", "admin", 200, {"name": "mine"}),
    ]
    assert {row["service_name"] for row in rows} == {"serverlessModelServing"}
    assert all(row["source_ip_address"].startswith("ip-") for row in rows)
    assert sum(row["user_agent"] == "tests/1" for row in rows) == 1


class NoPages:
    """MLflow's user interface, which does not answer."""

    elsewhere = ""

    def url(self) -> str:
        raise Unavailable("there are no pages here")


def test_changes_by_mlflows_pages_are_in_the_audit_table_under_the_local_administrator(workspace: Workspace) -> None:
    cast(Any, workspace.service).mlflow_ui = NoPages()
    api = "/mlflow/ajax-api/2.0/mlflow"
    for method, path, body in (
        ("POST", "runs/search", {"experiment_ids": ["0"]}),
        ("GET", "runs/get?run_id=r1", None),
        ("POST", "../../../graphql", {"query": ""}),
        ("POST", "runs/delete", {"run_id": "r1", "other": "x"}),
        ("DELETE", "registered-models/alias", {"name": "m", "alias": "champion"}),
        ("PATCH", "logged-models/m-1/tags", {"tags": []}),
        ("POST", "prompts/make-new", ["no object"]),
    ):
        workspace.client.request(method, f"{api}/{path}", json=body)
    headers = {"authorization": f"Bearer {workspace.token('ann')}"}
    workspace.request_from("192.0.2.7", "POST", f"{api}/runs/restore", json={"run_id": "r2"}, headers=headers)
    workspace.service.audit.drain()
    rows = workspace.service.audit._lake.read(AUDIT.name).to_pylist()
    told = [
        (
            row["action_name"], row["user_identity"]["email"], row["response"]["status_code"],
            {key: value for key, value in row["request_params"] if key != "path"},
        )
        for row in sorted(rows, key=lambda row: row["event_time"])
    ]  # fmt: skip
    assert told == [
        ("deleteRun", "admin", 503, {"run_id": "r1"}),
        ("deleteRegisteredModelAlias", "admin", 503, {"name": "m", "alias": "champion"}),
        ("setLoggedModelTags", "admin", 503, {}),
        ("makeNew", "admin", 503, {}),
        ("restoreRun", "ann", 403, {"run_id": "r2"}),
    ]
    assert {row["service_name"] for row in rows} == {"mlflowExperiment"}


def test_where_this_machine_is_not_trusted_everybody_needs_a_token(tmp_path: Path) -> None:
    given = {"QUIKAPP_ML_HOME": str(tmp_path), "QUIKAPP_ML_TRUST_LOOPBACK": "false"}
    service = FakeService(Settings.from_environment(given))
    token, _ = create_token(service.state.tokens, "ann", ("quikapp",), timedelta(days=1))
    with running(service) as client:
        assert client.post(OWN, json=QUESTION).status_code == 401
        assert client.get("/mlflow/").status_code == client.get("/metrics").status_code == 401
        assert client.get("/health").status_code == 200
        headers = {"authorization": f"Bearer {token}"}
        assert client.request("POST", OWN, json=QUESTION, headers=headers).status_code == 200


def test_decisions_have_the_holder_of_the_token(workspace: Workspace) -> None:
    """Whatever user the question names; and what asks from this machine without a token is the machine itself."""
    workspace.made("mine", 4)
    body = {"dataframe_records": [RECORD]}
    assert workspace.request("POST", "/serving-endpoints/mine/invocations", json=body).status_code == 200
    holders: list[str] = []
    service = workspace.service.recommendations
    service.recommend = noting(service.recommend, holders)  # type: ignore[assignment,method-assign]
    assert workspace.client.post(OWN, json=QUESTION).status_code == 200
    headers = {"authorization": f"Bearer {workspace.token('ann')}"}
    assert workspace.request_from("192.0.2.7", "POST", OWN, json=QUESTION, headers=headers).status_code == 200
    invoked = [orjson.loads(frame.body)["asked_by"] for frame in workspace.setup.decisions.read(0)]
    assert (invoked, holders) == (["admin"], [LOCAL, "ann"])


def noting(answer: Callable[[Any], Any], holders: list[str]) -> Callable[[Any], Any]:
    """The same, and the holder that a ledger would write down."""

    def noted(question: Any) -> Any:
        spool = MemorySpool()
        ledger = DecisionLedger(spool, b"key")
        ledger.record(Decision(ledger.new_decision_id(), "rank", "u1", ModelRef("m", "1.0.0"), {}, {}, 1.0))
        holders.extend(orjson.loads(frame.body)["asked_by"] for frame in spool.read(0))
        return answer(question)

    return noted


def test_a_token_of_a_client_that_is_not_ours_is_never_shown(workspace: Workspace) -> None:
    text, _ = create_token(workspace.service.state.tokens, "ann", ("sql",), timedelta(days=1))
    answer = workspace.client.get(ENDPOINTS, headers={"authorization": f"Bearer {text}"})
    assert text not in answer.text
