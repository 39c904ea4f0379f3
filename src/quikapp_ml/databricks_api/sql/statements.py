"""Statement Execution: `w.statement_execution`, and the links that large answers are fetched by."""

import asyncio
import csv
import hashlib
import hmac
import io
import secrets
import time
from typing import Protocol

import orjson
import pyarrow as pa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.requests import caller_of, read_body
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.databricks_api.sql.bodies import STATEMENTS, read_asked, told, told_chunk
from quikapp_ml.errors import InvalidInput, PermissionDenied
from quikapp_ml.serving.access import Caller
from quikapp_ml.serving.sql.execution import ENDED, Execution, StatementHost
from quikapp_ml.serving.sql.results import texts

RESULTS = "/sql/results"
"""Whoever has a link may fetch what it names, until it ends: clients send it no token."""

_KEY = secrets.token_bytes(32)
"""Links end with the process, as answers do."""

_SHORTEST_SLEEP, _LONGEST_SLEEP = 0.002, 0.05
_READER = Caller("holder of a link", (), is_admin=True)
_MEDIA = {
    "JSON_ARRAY": "application/json",
    "ARROW_STREAM": "application/vnd.apache.arrow.stream",
    "CSV": "text/csv; charset=utf-8",
}

ROUTES = WorkspaceRoutes()


class Service(Protocol):
    """What the routes need of the service behind them."""

    @property
    def statements(self) -> StatementHost: ...  # noqa: D102


@ROUTES.add("POST", STATEMENTS)
async def execute_statement(request: Request) -> Response:
    """Begin a statement, and wait for it as long as its caller wants to."""
    asked = read_asked(await read_body(request), caller_of(request))
    host = _host(request)
    execution = await run_in_threadpool(host.submit, asked.execution)
    await _wait(execution, asked.wait_seconds)
    if asked.cancels and execution.state not in ENDED:
        await run_in_threadpool(host.cancel, execution)
    return await _answer(request, execution)


@ROUTES.add("GET", f"{STATEMENTS}/{{statement_id}}")
async def get_statement(request: Request) -> Response:
    """How a statement stands, with its first rows when it has ended."""
    return await _answer(request, _execution(request))


@ROUTES.add("POST", f"{STATEMENTS}/{{statement_id}}/cancel")
async def cancel_execution(request: Request) -> Response:
    """End a statement."""
    await read_body(request)
    await run_in_threadpool(_host(request).cancel, _execution(request))
    return DatabricksJson({})


@ROUTES.add("GET", f"{STATEMENTS}/{{statement_id}}/result/chunks/{{index:int}}")
async def get_statement_result_chunk(request: Request) -> Response:
    """Some of the rows, or the link to them."""
    execution, index = _execution(request), request.path_params["index"]
    return DatabricksJson(await run_in_threadpool(told_chunk, execution, index, _Links(request)))


@ROUTES.add("GET", f"{RESULTS}/{{statement_id}}/{{index:int}}")
async def fetch_result(request: Request) -> Response:
    """The rows of a chunk, for whoever has the link."""
    statement_id, index = request.path_params["statement_id"], request.path_params["index"]
    ends, given = (request.query_params.get(name, "") for name in ("expires", "signature"))
    if not hmac.compare_digest(given.encode(), _signature(statement_id, index, ends).encode()):
        raise PermissionDenied("this link is none that the service has made")
    if int(ends) < time.time():
        raise PermissionDenied("this link has ended; ask for the chunk again")
    execution = _host(request).get(statement_id, _READER)
    content = await run_in_threadpool(_content, execution.chunk(index), execution.form)
    return Response(content, media_type=_MEDIA[execution.form])


class _Links:
    """Links to chunks, on the host that the caller knows the service by."""

    def __init__(self, request: Request) -> None:
        self._base = str(request.base_url).rstrip("/")

    def __call__(self, execution: Execution, index: int, ends: int) -> str:
        """The URL of a chunk."""
        signature = _signature(execution.statement_id, index, str(ends))
        return f"{self._base}{RESULTS}/{execution.statement_id}/{index}?expires={ends}&signature={signature}"


def _signature(statement_id: str, index: int, ends: str) -> str:
    return hmac.new(_KEY, f"{statement_id}\n{index}\n{ends}".encode(), hashlib.sha256).hexdigest()


def _content(rows: pa.Table, form: str) -> bytes:
    if form == "ARROW_STREAM":
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
        content: bytes = sink.getvalue().to_pybytes()
        return content
    if form == "JSON_ARRAY":
        return orjson.dumps(texts(rows))
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([rows.column_names, *texts(rows)])
    return out.getvalue().encode()


async def _wait(execution: Execution, seconds: int) -> None:
    """Without a thread that stands still: hundreds may wait."""
    until, pause = time.monotonic() + seconds, _SHORTEST_SLEEP
    while not execution.done.is_set() and time.monotonic() < until:
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_SLEEP)


async def _answer(request: Request, execution: Execution) -> Response:
    return DatabricksJson(await run_in_threadpool(told, execution, _Links(request)))


def _execution(request: Request) -> Execution:
    statement_id = request.path_params["statement_id"]
    if len(statement_id) > 64:
        raise InvalidInput("this is no id of a statement")
    return _host(request).get(statement_id, caller_of(request))


def _host(request: Request) -> StatementHost:
    service: Service = request.app.state.service
    return service.statements
