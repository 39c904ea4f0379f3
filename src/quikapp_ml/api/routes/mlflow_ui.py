"""`/mlflow`: the user interface of MLflow, passed on to the process that serves it."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

import httpx
import orjson
from fastapi import APIRouter, Request
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Match

from quikapp_ml.databricks_api.mlflow.routes import PATH as MLFLOW_API
from quikapp_ml.databricks_api.mlflow.routes import ROUTES
from quikapp_ml.databricks_api.requests import ACTION, CALLER
from quikapp_ml.errors import PermissionDenied, Unavailable
from quikapp_ml.serving.mlflow_ui import PREFIX, MlflowUi

router = APIRouter(include_in_schema=False)

_HOP_BY_HOP = frozenset({
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer", b"upgrade",
    b"transfer-encoding", b"host", b"content-length", b"authorization", b"origin", b"referer", b"accept-encoding",
})  # fmt: skip
_NOT_PASSED_BACK = frozenset({"connection", "keep-alive", "transfer-encoding", "content-encoding", "content-length"})
_READING = frozenset({"GET", "HEAD"})
_SECONDS = 60.0
_CLOSED = ("webhooks", "gateway", "upload-artifact", "mlflow-artifacts", "workspaces", "promptlab")
"""Parts of MLflow's server that ask other servers, or write files."""
_PAGES = f"{PREFIX}/static-files/"
_LOOKS = ("search", "get", "batch-get", "graphql", "list", "query")
"""What names of operations begin with that change nothing, though they are asked by POST."""
_TOLD = ("experiment_id", "run_id", "run_uuid", "model_id", "name", "new_name", "version", "alias", "key")
_PLACES = ("artifact_location", "artifactLocation")


@router.get(PREFIX)
async def slash(request: Request) -> Response:
    """Pages name what they need from below the prefix."""
    return RedirectResponse(f"{PREFIX}/{'?' if request.url.query else ''}{request.url.query}", 307)


@router.api_route(f"{PREFIX}/{{path:path}}", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
async def pass_on(request: Request) -> Response:
    """Ask the interface what was asked here. Pages of other origins may not change anything by a visitor's browser."""
    ui: MlflowUi = request.app.state.service.mlflow_ui
    if ui.elsewhere:
        return RedirectResponse(ui.elsewhere, 307)
    _name_change(request, await request.body())
    _check(request, await request.body())
    url = await run_in_threadpool(ui.url)
    client = httpx.AsyncClient(base_url=url, timeout=_SECONDS)
    try:
        asked = client.build_request(
            request.method, httpx.URL(path=request.url.path, query=request.url.query.encode()),
            headers=[each for each in request.headers.raw if each[0] not in _HOP_BY_HOP], content=await request.body(),
        )  # fmt: skip
        answer = await client.send(asked, stream=True)
    except httpx.HTTPError as error:
        await client.aclose()
        raise Unavailable(f"the interface of MLflow does not answer: {type(error).__name__}") from error
    return StreamingResponse(
        _body(answer), answer.status_code, _passed_back(answer), background=BackgroundTask(client.aclose)
    )


async def _body(answer: httpx.Response) -> AsyncIterator[bytes]:
    async for part in answer.aiter_bytes():
        yield part
    await answer.aclose()


def _passed_back(answer: httpx.Response) -> dict[str, Any]:
    return {name: value for name, value in answer.headers.items() if name.lower() not in _NOT_PASSED_BACK}


def _check(request: Request, body: bytes) -> None:
    """MLflow's server knows no grants, and reads and writes whatever files an experiment names as its own."""
    caller = request.scope.get(CALLER)
    if caller is not None and not caller.is_admin:
        raise PermissionDenied("from other machines the interface of MLflow is the administrator's: it knows no grants")
    if request.method not in _READING and _is_of_another_origin(request):
        raise PermissionDenied("a page of another origin may not change what MLflow keeps")
    path = unquote(request.url.path)  # as it is decoded there once more
    is_dotted = any(part in (".", "..") for part in path.split("/"))
    if is_dotted or (not path.startswith(_PAGES) and any(each in path for each in _CLOSED)):
        raise PermissionDenied("this part of MLflow is closed here: it asks other servers, or writes files")
    if path.rstrip("/").endswith("/experiments/create") and _names_a_place(body):
        raise PermissionDenied("artifact_location is not available here: this service keeps all artefacts itself")


def _name_change(request: Request, body: bytes) -> None:
    """Leave for the audit log what is done, named as the workspace's own route does it, and to what."""
    path = request.scope["path"].rstrip("/")
    last, tail = path.rpartition("/")[2], path.removeprefix(PREFIX).partition("/mlflow/")[2]
    scope = {"type": "http", "method": request.method, "path": f"{MLFLOW_API}/{tail}"}
    name = next((each.endpoint.__name__ for each in ROUTES if each.matches(scope)[0] is Match.FULL), "")
    is_look = name.startswith(_LOOKS) or (not name and last.startswith(_LOOKS))
    request.scope[ACTION] = "" if is_look else name or last.replace("-", "_") or "change"
    request.path_params["path"] = request.path_params.get("path", "")[:200]
    with suppress(orjson.JSONDecodeError):
        given = orjson.loads(body)
        named = given if isinstance(given, dict) else {}
        request.path_params.update({key: str(named[key])[:200] for key in _TOLD if key in named})


def _names_a_place(body: bytes) -> bool:
    """Whether an experiment would have its files elsewhere; also when that cannot be read."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        return True
    return not isinstance(given, dict) or any(given.get(name) for name in _PLACES)


def _is_of_another_origin(request: Request) -> bool:
    origin = request.headers.get("origin")
    return origin is not None and origin != f"{request.url.scheme}://{request.headers.get('host', '')}"
