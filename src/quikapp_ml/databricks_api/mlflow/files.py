"""Artefacts of runs, logged models and registered versions, by the workspace's Files API."""

from pathlib import Path
from threading import Lock

from starlette.requests import Request

from quikapp_ml.databricks_api.files import FileTree
from quikapp_ml.databricks_api.mlflow.door import folder_of, stores_of
from quikapp_ml.databricks_api.mlflow.grants import check_files

TRACKING = "/WorkspaceInternal/Mlflow/Artifacts/{experiment}/{kind}/{item}"
VERSION = "/Models/{catalog}/{schema}/{model}/{version}"


def _folder(request: Request, writes: bool) -> Path:
    given = request.path_params
    if "version" in given:
        check_files(request, ".".join(given[part] for part in ("catalog", "schema", "model")), writes=writes)
    return folder_of(request, writes=writes)


def _uploads(request: Request, _path: Path) -> Path:
    root: Path = stores_of(request).root
    return root / ".uploads"


def _changing(request: Request) -> Lock:
    changing: Lock = stores_of(request).changing
    return changing


ROUTES = FileTree(_folder, _uploads, _changing).routes((TRACKING, VERSION))
