"""The Delta Sharing protocol, below `/delta-sharing`.

References: https://github.com/delta-io/delta-sharing/blob/main/PROTOCOL.md
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Protocol, TypeVar

import orjson
from fastapi import APIRouter, Depends, Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from quikapp_ml.databricks_api.sharing.door import SharingDoor
from quikapp_ml.databricks_api.sharing.errors import Refused, SharingRoute
from quikapp_ml.databricks_api.sharing.file_urls import SIGNATURE, FileUrls
from quikapp_ml.databricks_api.sharing.paging import page_of
from quikapp_ml.databricks_api.sharing.reading import ChangesQuestion, SharedTableReader, SnapshotQuestion, Told
from quikapp_ml.databricks_api.sharing.wire import CAPABILITIES, Capabilities
from quikapp_ml.stores.home import Home
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.state.base import ControlState
from quikapp_ml.stores.state.shares import Recipient, Share, SharedTable

PREFIX = "/delta-sharing"
TABLE = "/shares/{share}/schemas/{schema}/tables/{table}"
VERSION = "Delta-Table-Version"
FILE_CHUNK_BYTES = 1024**2

T = TypeVar("T")

_ACTIVATION_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Your profile</title>
<style>body{font:1rem/1.5 system-ui;max-width:34rem;margin:4rem auto}button{font:inherit;padding:.5rem 1rem}</style>
<h1>Data is shared with you</h1>
<p>The profile holds your token. It can be downloaded once: keep it like a password.</p>
<form method="post"><button>Download the profile</button></form></html>"""
_ACTIVATION_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "referrer-policy": "no-referrer",
}

router = APIRouter(prefix=PREFIX, route_class=SharingRoute, include_in_schema=False)


class Service(Protocol):
    """What `bootstrap.Service` is to these routes."""

    @property
    def home(self) -> Home: ...  # noqa: D102
    @property
    def state(self) -> ControlState: ...  # noqa: D102
    @property
    def lake(self) -> Lake: ...  # noqa: D102


def door_of(request: Request) -> SharingDoor:
    """The door of the service behind this request, made by the first one."""
    found: SharingDoor | None = getattr(request.app.state, "sharing_door", None)
    if found is None:
        service: Service = request.app.state.service
        urls = FileUrls(service.home.secret(), time.time)
        found = SharingDoor(service.state.shares, service.state.recipients, service.lake, urls, time.time)
        request.app.state.sharing_door = found
    return found


Door = Annotated[SharingDoor, Depends(door_of)]


def address_of(request: Request) -> str:
    """Where a request comes from; what a proxy says of that is not believed."""
    return request.client.host if request.client else ""


def caller(door: Door, request: Request, authorization: Annotated[str, Header()] = "") -> Recipient:
    """The recipient who asks."""
    return door.admit(authorization, address_of(request))


Caller = Annotated[Recipient, Depends(caller)]


class Page:
    """The page of a list that is asked for."""

    def __init__(
        self,
        max_results: Annotated[int | None, Query(alias="maxResults", ge=0)] = None,
        page_token: Annotated[str | None, Query(alias="pageToken")] = None,
    ) -> None:
        self._max_results = max_results
        self._token = page_token

    def of(self, items: Sequence[T], key: Callable[[T], str], told: Callable[[T], Mapping[str, str]]) -> Response:
        """The page of these items, as JSON on one line."""
        found, token = page_of(items, key, self._max_results, self._token)
        body: dict[str, Any] = {"items": [told(item) for item in found]}
        if token:
            body["nextPageToken"] = token
        return _json(body)


Paged = Annotated[Page, Depends()]


@router.get("/shares")
def list_shares(door: Door, recipient: Caller, page: Paged) -> Response:
    """Shares that were granted to the caller."""
    return page.of(door.shares(recipient), lambda share: share.name, _told_share)


@router.get("/shares/{share}")
def get_share(door: Door, recipient: Caller, share: str) -> Response:
    """One share."""
    return _json({"share": _told_share(door.share(recipient, share))})


@router.get("/shares/{share}/schemas")
def list_schemas(door: Door, recipient: Caller, share: str, page: Paged) -> Response:
    """Schemas of a share."""
    found = door.share(recipient, share)
    schemas = sorted({table.schema for table in found.tables})
    return page.of(schemas, lambda schema: schema, lambda schema: {"name": schema, "share": found.name})


@router.get("/shares/{share}/schemas/{schema}/tables")
def list_tables(door: Door, recipient: Caller, share: str, schema: str, page: Paged) -> Response:
    """Tables of a schema."""
    found = door.share(recipient, share)
    return page.of(door.tables(recipient, share, schema), _sort_key, lambda table: _told_table(found, table))


@router.get("/shares/{share}/all-tables")
def list_all_tables(door: Door, recipient: Caller, share: str, page: Paged) -> Response:
    """Tables of all schemas of a share."""
    found = door.share(recipient, share)
    return page.of(found.tables, _sort_key, lambda table: _told_table(found, table))


def reader(request: Request, door: Door, recipient: Caller, share: str, schema: str, table: str) -> SharedTableReader:
    """What answers about the table of this path."""
    base = f"{request.url.scheme}://{request.url.netloc}{PREFIX}/files"
    return door.reader(recipient, share, schema, table, base)


Reader = Annotated[SharedTableReader, Depends(reader)]


def capabilities(header: Annotated[str, Header(alias=CAPABILITIES)] = "") -> Capabilities:
    """What the reader understands."""
    return Capabilities.from_header(header)


Understood = Annotated[Capabilities, Depends(capabilities)]


@router.api_route(TABLE, methods=["GET", "HEAD"])
def get_version_as_of_old(table_reader: Reader) -> Response:
    """The newest version, as old readers ask for it: with HEAD."""
    return Response(headers={VERSION: str(table_reader.version())})


@router.get(f"{TABLE}/version")
def get_version(
    table_reader: Reader, starting_timestamp: Annotated[str | None, Query(alias="startingTimestamp")] = None
) -> Response:
    """The newest version, or the earliest since a time."""
    return Response(headers={VERSION: str(table_reader.version(starting_timestamp))})


@router.get(f"{TABLE}/metadata")
def get_metadata(table_reader: Reader, understood: Understood) -> Response:
    """Columns and partitions."""
    return _lines(table_reader.metadata(understood))


@router.post(f"{TABLE}/query")
async def query(request: Request, table_reader: Reader, understood: Understood) -> Response:
    """The files of a version, or those added and removed since one."""
    question = SnapshotQuestion.model_validate(_json_object(await request.body()))
    since = question.starting_version is not None or question.ending_version is not None
    answer = table_reader.files_since if since else table_reader.snapshot
    return _lines(await run_in_threadpool(answer, question, understood))


@router.get(f"{TABLE}/changes")
def get_changes(request: Request, table_reader: Reader, understood: Understood) -> Response:
    """Rows inserted, updated and deleted."""
    question = ChangesQuestion.model_validate(dict(request.query_params))
    return _lines(table_reader.changes(question, understood))


class SharedFile(FileResponse):
    """A file as it is, whole or in ranges."""

    chunk_size = FILE_CHUNK_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, or only say how long it is."""
        await super().__call__({**scope, "method": scope.get("method_asked", scope["method"])}, receive, send)


@router.api_route("/files/{name}.parquet", methods=["GET", "HEAD"])
def get_file(
    door: Door, name: str, expires: str = "", signature: Annotated[str, Query(alias=SIGNATURE)] = ""
) -> SharedFile:
    """A file, to whoever has its URL."""
    return SharedFile(door.file(name, expires, signature), media_type="application/vnd.apache.parquet")


@router.get("/activation/{code}")
def show_activation(code: str) -> Response:
    """A page with a button: programs that look at links before people do must not use the code up."""
    del code
    return Response(_ACTIVATION_PAGE, media_type="text/html; charset=utf-8", headers=_ACTIVATION_HEADERS)


@router.post("/activation/{code}")
def activate(door: Door, request: Request, code: str) -> Response:
    """The profile that waits for this code; it is given once."""
    issued = door.activate(code, address_of(request))
    told = {"content-disposition": f'attachment; filename="{issued.recipient.name}.share"', "cache-control": "no-store"}
    return Response(issued.profile(str(request.base_url)), media_type="application/json", headers=told)


@router.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def get_nothing(path: str) -> Response:
    """What the protocol has and this service has not, or what neither has."""
    raise Refused(404, "ENDPOINT_NOT_FOUND", f"there is nothing at {PREFIX}/{path[:255]} for this method")


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        given = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise Refused(400, "MALFORMED_REQUEST", f"the body is not JSON: {error.msg}") from None
    if not isinstance(given, dict):
        raise Refused(400, "MALFORMED_REQUEST", "the body must be a JSON object")
    return given


def _json(body: Mapping[str, Any]) -> Response:
    return Response(orjson.dumps(body), media_type="application/json; charset=utf-8")


def _lines(told: Told) -> Response:
    headers = {VERSION: str(told.version), CAPABILITIES: f"responseformat={told.form}"}
    return Response(told.lines, headers=headers, media_type="application/x-ndjson; charset=utf-8")


def _told_share(share: Share) -> dict[str, str]:
    return {"name": share.name, "id": share.share_id}


def _told_table(share: Share, table: SharedTable) -> dict[str, str]:
    named = {"name": table.name, "schema": table.schema, "share": share.name}
    return {**named, "shareId": share.share_id, "id": table.table_id}


def _sort_key(table: SharedTable) -> str:
    return f"{table.schema}\0{table.name}"
