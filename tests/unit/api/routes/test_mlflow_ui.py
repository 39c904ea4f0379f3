"""What is not passed on to MLflow's server, which knows no grants and trusts whoever asks it."""

import asyncio
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import pytest
from starlette.requests import Request
from starlette.types import Message

from quikapp_ml.api.routes import mlflow_ui
from quikapp_ml.databricks_api.requests import CALLER
from quikapp_ml.errors import PermissionDenied, Unavailable
from quikapp_ml.serving.access import Caller

CREATE = "/mlflow/ajax-api/2.0/mlflow/experiments/create"
SEARCH = "/mlflow/ajax-api/2.0/mlflow/runs/search"


class NotReady:
    """An interface that would be asked."""

    elsewhere = ""

    def url(self) -> str:
        raise Unavailable("it would be asked")


def ask(
    path: str, method: str = "POST", body: bytes = b"{}", origin: str | None = None, caller: Caller | None = None
) -> None:
    """Ask as the server would have it: the path decoded once."""
    headers = [(b"host", b"localhost:5008"), *([(b"origin", origin.encode())] if origin else [])]
    app = SimpleNamespace(state=SimpleNamespace(service=SimpleNamespace(mlflow_ui=NotReady())))
    scope: dict[str, Any] = {
        "type": "http", "method": method, "scheme": "http", "path": unquote(path), "query_string": b"",
        "headers": headers, "app": app, **({CALLER: caller} if caller else {}),
    }  # fmt: skip

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    asyncio.run(mlflow_ui.pass_on(Request(scope, receive)))


def test_from_other_machines_only_the_administrator_looks() -> None:
    ann, root = Caller("ann", ("quikapp",), is_admin=False), Caller("root", ("quikapp",), is_admin=True)
    with pytest.raises(PermissionDenied, match="administrator"):
        ask("/mlflow/", "GET", caller=ann)
    for caller in (None, root):
        with pytest.raises(Unavailable, match="it would be asked"):
            ask("/mlflow/", "GET", caller=caller)


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "x", "artifact_location": "file:///etc"}',
        b'{"name": "x", "artifactLocation": "file:///etc"}',
        b'{"name": "x", "\\u0061rtifact_location": "file:///etc"}',
        '{"name": "x", "artifact_location": "file:///etc"}'.encode("utf-16"),
        b"[]",
    ],
)
def test_no_experiment_names_a_place_for_its_files(body: bytes) -> None:
    for path in (CREATE, CREATE.replace("create", "%63reate"), CREATE.replace("create", "%2563reate"), f"{CREATE}/"):
        with pytest.raises(PermissionDenied, match="artifact_location"):
            ask(path, body=body)
    with pytest.raises(Unavailable):
        ask(CREATE, body=b'{"name": "x", "artifact_location": ""}')


@pytest.mark.parametrize(
    "path",
    [
        "api/2.0/mlflow/webhooks",
        "ajax-api/2.0/mlflow/gateway-proxy",
        "ajax-api/2.0/mlflow/%2575pload-artifact",
        "ajax-api/2.0/mlflow/experiments/create/%2e",
        "static-files/../api/2.0/mlflow/experiments/x/../create",
    ],
)
def test_what_asks_other_servers_or_writes_files_is_closed(path: str) -> None:
    with pytest.raises(PermissionDenied, match="closed"):
        ask(f"/mlflow/{path}")


def test_pages_are_passed_on_whatever_their_names() -> None:
    with pytest.raises(Unavailable):
        ask("/mlflow/static-files/gateway.js", "GET")


def test_a_page_of_another_origin_changes_nothing() -> None:
    for origin in ("http://evil.example", "null", "http://localhost:3000"):
        with pytest.raises(PermissionDenied, match="origin"):
            ask(SEARCH, origin=origin)
    with pytest.raises(Unavailable):
        ask(SEARCH, origin="http://localhost:5008")
