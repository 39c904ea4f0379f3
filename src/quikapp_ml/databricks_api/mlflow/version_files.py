"""Files of registered versions, as clients of the workspace registry ask for them: by name, number and path."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.files import below
from quikapp_ml.databricks_api.mlflow.door import stores_of, version_folder
from quikapp_ml.databricks_api.mlflow.grants import check_files
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.errors import NotFound

PATH = "/api/2.0/mlflow/model-versions"
FILE_PATH = f"{PATH}/files"

ROUTES = WorkspaceRoutes()


@ROUTES.add("GET", f"{PATH}/list-artifacts")
async def list_model_version_artifacts(request: Request) -> Response:
    """What is in a folder of a version."""
    folder, path = await _asked(request, request.query_params.get("path", ""))
    found = sorted(path.iterdir()) if path.is_dir() else [path]
    return DatabricksJson({"files": [_entry(folder, each) for each in found]})


@ROUTES.add("GET", f"{PATH}/get-signed-download-uri")
async def get_model_version_signed_download_uri(request: Request) -> Response:
    """Where a file of a version is fetched; with the caller's own token, which it gets back as a header to send."""
    given = request.query_params
    folder, path = await _asked(request, given.get("path", ""))
    if not path.is_file():
        raise NotFound(f"{given.get('path', '')[:200]!r} is no file of this version")
    parts = (given["name"], given["version"], path.relative_to(folder).as_posix())
    base = str(request.base_url).rstrip("/")
    query = "&".join(
        f"{key}={quote(value, safe='')}" for key, value in zip(("name", "version", "path"), parts, strict=True)
    )
    token = {"name": "Authorization", "value": request.headers["authorization"]}
    return DatabricksJson({"signed_uri": f"{base}{FILE_PATH}?{query}", "headers": [token]})


@ROUTES.add("GET", FILE_PATH)
async def get_model_version_file(request: Request) -> Response:
    """The bytes of a file of a version, or a range of them."""
    _, path = await _asked(request, request.query_params.get("path", ""))
    if not path.is_file():
        raise NotFound("this is no file of the version")
    return FileResponse(path, media_type="application/octet-stream")


async def _asked(request: Request, rest: str) -> tuple[Path, Path]:
    given = request.query_params
    if given.get("name", "").count(".") == 2:
        await run_in_threadpool(lambda: check_files(request, given["name"], writes=False))
    stores: Any = await run_in_threadpool(stores_of, request)
    folder = await run_in_threadpool(version_folder, stores, given.get("name", ""), given.get("version", ""))
    path = below(folder, rest)
    if not path.exists():
        raise NotFound(f"{rest[:200]!r} does not exist in this version")
    return folder, path


def _entry(folder: Path, path: Path) -> dict[str, object]:
    size = {} if path.is_dir() else {"file_size": path.stat().st_size}
    return {"path": path.relative_to(folder).as_posix(), "is_dir": path.is_dir(), **size}
