"""Every route that answers writes a row of `decisions`; of every other one it is said why it writes none."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from quikapp_ml.api.app import ROUTERS, create_app
from quikapp_ml.bootstrap import Service, open_service
from quikapp_ml.databricks_api import HOT_ROUTES
from quikapp_ml.databricks_api import ROUTES as WORKSPACE_ROUTES
from quikapp_ml.models import MODEL_CLASSES
from quikapp_ml.serving.built_in_endpoints import built_in_endpoints
from quikapp_ml.serving.local_token import TOKEN_FILE, local_user
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake.tables import DECISIONS
from support.server import Server

ITEMS = [{"item_id": "m1", "content": "hello"}]
ANSWERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "POST /api/ml/recommendations": ("recommendations", {"user_id": "u1"}),
    "POST /api/ml/rank": ("rank", {"user_id": "u1", "items": ITEMS}),
    "POST /api/ml/spam-check": ("spam-check", {"user_id": "u1", "content": "hello"}),
    "POST /api/ml/sentiment": ("sentiment", {"messages": [{"id": "m1", "content": "hello"}]}),
}
"""Route → kind of its decisions, and a question."""

INVOCATIONS = {
    "POST /serving-endpoints/{name}/invocations",
    "POST /serving-endpoints/{name}/served-models/{entity}/invocations",
}
RECORDS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "quikapp-recommendations": ("recommendations", {"user_id": "u1"}),
    "quikapp-content-ranker": ("rank", {"user_id": "u1", "items": ITEMS}),
    "quikapp-spam": ("spam-check", {"user_id": "u1", "content": "hello"}),
    "quikapp-sentiment": ("sentiment", {"content": "hello"}),
}
"""Endpoint that is there from the start → kind, and a record that is a question to the service."""

TAKES = "takes what happened, or what somebody says of an answer: it has rows of its own, and answers nothing"
TELLS = "tells what is there: features, rules, or decisions that were made; no model is asked"
MANAGES = "changes what answers, which the control state and the audit table know"
ADDS_UP = (
    "adds up how a model reads a channel's messages, and tells of no single one: what went in is in the table of "
    "messages, and a row of it would be a second copy of what many people wrote"
)
RECOUNTS = "counts what a policy would have done with checks that have rows"
WITHOUT: Mapping[str, str] = {
    "POST /api/ml/events": TAKES,
    "POST /api/ml/feedback": TAKES,
    "POST /api/ml/review/{decision_id}": TAKES,
    "GET /api/ml/review": TELLS,
    "GET /api/ml/decisions/{decision_id}": TELLS,
    "GET /api/ml/features": TELLS,
    "POST /api/ml/features/online": TELLS,
    "GET /api/ml/sentiment/channels/{channel_id}": ADDS_UP,
    "GET /api/ml/policies/spam": TELLS,
    "GET /api/ml/policies/spam/{channel_id}": TELLS,
    "GET /api/ml/policies/history": TELLS,
    "PUT /api/ml/policies/spam": MANAGES,
    "PUT /api/ml/policies/spam/{channel_id}": MANAGES,
    "POST /api/ml/policies/spam/dry-run": RECOUNTS,
    "POST /api/ml/policies/spam/{channel_id}/dry-run": RECOUNTS,
}
"""Route → why it writes none."""
WITHOUT_BELOW: Mapping[str, str] = {
    "/api/ml/experiments": MANAGES,
    "/api/ml/rollouts": MANAGES,
    "/health": TELLS,
    "/metrics": TELLS,
    "/mlflow": "MLflow's own page",
    "/delta-sharing/": TELLS,
    "/.well-known/": TELLS,
    "/sql/": TELLS,
    "/api/2.": MANAGES,
    "/api/data-quality/": MANAGES,
}
"""Beginning of a path → why nothing below it writes any."""


def routes() -> set[str]:
    """All that the app answers at, as `METHOD path`."""
    found: list[Any] = [*(route for router in ROUTERS for route in router.routes), *HOT_ROUTES, *WORKSPACE_ROUTES]
    return {f"{method} {one.path}" for one in found for method in one.methods or ()}


def test_every_route_is_known_to_write_a_row_or_why_not() -> None:
    found = routes()
    named = ANSWERS.keys() | INVOCATIONS | WITHOUT.keys()
    assert named <= found, "routes that are no more"
    others = {one for one in found - named if not one.split(" ")[1].startswith(tuple(WITHOUT_BELOW))}
    assert not others, "new routes: let each answer write a decision, or say here why it is none"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home: Path = tmp_path_factory.mktemp("decided")
    settings = {"QUIKAPP_ML_HOME": str(home), "MLFLOW_TRACKING_URI": "memory://", "QUIKAPP_ML_RUN_SCHEDULES": "false"}
    service = open_service(Settings.from_environment(settings))
    yield service
    service.close()


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx.Client]:
    with Server(create_app(service)).running() as port:
        token = (service.settings.home / TOKEN_FILE).read_text()
        headers = {"authorization": f"Bearer {token}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as client:
            yield client


def decided(service: Service, n_before: int) -> list[dict[str, Any]]:
    """The decisions that were written since."""
    service.spool.sync()
    bodies = [frame.body for frame in service.spool.read(n_before) if frame.table == DECISIONS.name]
    return [orjson.loads(line) for body in bodies for line in body.splitlines()]


@pytest.mark.parametrize("route", sorted(ANSWERS))
def test_an_answer_has_its_row(service: Service, client: httpx.Client, route: str) -> None:
    kind, question = ANSWERS[route]
    before = service.spool.last_sequence
    answer = client.post(route.split(" ")[1], json=question)
    assert answer.status_code == 200, answer.text
    (row,) = decided(service, before)
    assert (row["decision_id"], row["kind"], row["asked_by"]) == (answer.json()["decision_id"], kind, "local")


@pytest.mark.parametrize("n_messages", [1, 300])
def test_the_holder_of_the_token_is_known_in_threads_as_well(
    service: Service, client: httpx.Client, n_messages: int
) -> None:
    """Long lists are read in a thread of their own."""
    messages = [{"id": f"m{at}", "content": "hello"} for at in range(n_messages)]
    before = service.spool.last_sequence
    from_elsewhere = {"x-forwarded-for": "192.0.2.7"}
    answer = client.post("/api/ml/sentiment", json={"messages": messages}, headers=from_elsewhere)
    assert answer.status_code == 200, answer.text
    (row,) = decided(service, before)
    assert row["asked_by"] == local_user()


def test_all_built_in_endpoints_are_tried(service: Service) -> None:
    assert RECORDS.keys() == {one.name for one in built_in_endpoints(service)}


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_an_endpoint_that_asks_a_service_has_rows_of_its_kind(
    service: Service, client: httpx.Client, name: str
) -> None:
    kind, record = RECORDS[name]
    before = service.spool.last_sequence
    answer = client.post(f"/serving-endpoints/{name}/invocations", json={"dataframe_records": [record]})
    assert answer.status_code == 200, answer.text
    (row,) = decided(service, before)
    assert (row["kind"], row["endpoint"]) == (kind, name)
    assert row["asked_by"] == local_user(), "the owner of the token"


@pytest.mark.parametrize("path", ["invocations", "served-models/content-ranker/invocations"])
def test_a_model_alone_has_a_row_of_invocations(service: Service, client: httpx.Client, path: str) -> None:
    record = dict.fromkeys(MODEL_CLASSES["content-ranker"].inputs, 0.0)
    before = service.spool.last_sequence
    answer = client.post(f"/serving-endpoints/quikapp-content-ranker/{path}", json={"dataframe_records": [record]})
    assert answer.status_code == 200, answer.text
    (row,) = decided(service, before)
    assert (row["kind"], row["endpoint"]) == ("invocation", "quikapp-content-ranker")
