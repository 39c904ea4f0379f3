"""Artefacts of runs, logged models and registered versions, by the workspace's Files API.

No path leaves the folder of the run or model that it names: neither by `..`, nor by a link.
"""

from pathlib import Path
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.mlflow.door import folder_of, stores_of
from quikapp_ml.databricks_api.requests import page
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from quikapp_ml.stores.files import sync_path

ROUTES = WorkspaceRoutes()

TRACKING = "/WorkspaceInternal/Mlflow/Artifacts/{experiment}/{kind}/{item}"
VERSION = "/Models/{catalog}/{schema}/{model}/{version}"
FILES = "/api/2.0/fs/files"
DIRECTORIES = "/api/2.0/fs/directories"


@ROUTES.add("PUT", f"{FILES}{TRACKING}/{{rest:path}}")
@ROUTES.add("PUT", f"{FILES}{VERSION}/{{rest:path}}")
async def files_put(request: Request) -> Response:
    """Keep a file: whole, or not at all."""
    path = await run_in_threadpool(_path, request, writes=True)
    if request.query_params.get("overwrite", "true").lower() == "false" and path.exists():
        raise AlreadyExists(f"{_asked(request)} exists already")
    unfinished = stores_of(request).root / ".uploads" / uuid4().hex
    unfinished.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with unfinished.open("xb") as out:
            async for part in request.stream():
                await run_in_threadpool(out.write, part)
        await run_in_threadpool(_settle, unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return Response(status_code=204)


@ROUTES.add("POST", f"{FILES}{TRACKING}/{{rest:path}}")
@ROUTES.add("POST", f"{FILES}{VERSION}/{{rest:path}}")
async def files_initiate_upload(request: Request) -> Response:
    """Asked for large files; there are no signed part URLs here, and a client without them sends one whole file."""
    await run_in_threadpool(_path, request, writes=True)
    return DatabricksJson({"multipart_upload": {"session_token": uuid4().hex}})


@ROUTES.add("GET", f"{FILES}{TRACKING}/{{rest:path}}")
@ROUTES.add("GET", f"{FILES}{VERSION}/{{rest:path}}")
async def files_get(request: Request) -> Response:
    """The bytes of a file, or a range of them; asked by HEAD, its size and age."""
    path = await run_in_threadpool(_path, request)
    if not path.is_file():
        raise NotFound(f"{_asked(request)} does not exist or is no file")
    return FileResponse(path, media_type="application/octet-stream")


@ROUTES.add("DELETE", f"{FILES}{TRACKING}/{{rest:path}}")
@ROUTES.add("DELETE", f"{FILES}{VERSION}/{{rest:path}}")
async def files_delete(request: Request) -> Response:
    """Remove a file."""
    path = await run_in_threadpool(_path, request, writes=True)
    if not path.is_file():
        raise NotFound(f"{_asked(request)} does not exist or is no file")
    path.unlink()
    return Response(status_code=204)


@ROUTES.add("PUT", f"{DIRECTORIES}{TRACKING}/{{rest:path}}")
@ROUTES.add("PUT", f"{DIRECTORIES}{VERSION}/{{rest:path}}")
async def directories_put(request: Request) -> Response:
    """Make a folder, and those above it."""
    path = await run_in_threadpool(_path, request, writes=True)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise Conflict(f"{_asked(request)} is a file, or is below one") from None
    return Response(status_code=204)


@ROUTES.add("GET", f"{DIRECTORIES}{TRACKING}")
@ROUTES.add("GET", f"{DIRECTORIES}{VERSION}")
@ROUTES.add("GET", f"{DIRECTORIES}{TRACKING}/{{rest:path}}")
@ROUTES.add("GET", f"{DIRECTORIES}{VERSION}/{{rest:path}}")
async def directories_get(request: Request) -> Response:
    """What is in a folder; asked by HEAD, whether it is there."""
    path = await run_in_threadpool(_path, request)
    if not path.is_dir():
        raise NotFound(f"{_asked(request)} does not exist or is no folder")
    if request.method == "HEAD":
        return Response(status_code=200)
    found, token = page(request, sorted(path.iterdir()), "page_size")
    contents = [_entry(_asked(request), each) for each in found]
    return DatabricksJson({"contents": contents, **({"next_page_token": token} if token else {})})


def below(folder: Path, rest: str) -> Path:
    """The path below a folder. Raises InvalidInput when it leads out of it, in whatever way."""
    parts = [part for part in rest.split("/") if part]
    path = folder.joinpath(*parts)
    if ".." in parts or "\0" in rest or not path.resolve().is_relative_to(folder.resolve()):
        raise InvalidInput(f"{rest[:200]!r} leads out of the folder of its run or model")
    return path


def _path(request: Request, *, writes: bool = False) -> Path:
    rest = request.path_params.get("rest", "")
    return below(folder_of(request, writes=writes), rest)


def _settle(unfinished: Path, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sync_path(unfinished)
        unfinished.replace(path)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise Conflict(f"{path.name} is a folder, or is below a file") from None
    sync_path(path.parent)


def _asked(request: Request) -> str:
    return request.url.path.removeprefix(FILES).removeprefix(DIRECTORIES).rstrip("/")


def _entry(folder: str, path: Path) -> dict[str, object]:
    stat = path.stat()
    entry: dict[str, object] = {"path": f"{folder}/{path.name}", "name": path.name, "is_directory": path.is_dir()}
    if not path.is_dir():
        entry |= {"file_size": stat.st_size, "last_modified": int(stat.st_mtime * 1000)}
    return entry
