"""Artefacts of runs, logged models and registered versions, by the workspace's Files API."""

from pathlib import Path

from starlette.requests import Request

from quikapp_ml.databricks_api.files import FileTree
from quikapp_ml.databricks_api.mlflow.door import folder_of, stores_of

TRACKING = "/WorkspaceInternal/Mlflow/Artifacts/{experiment}/{kind}/{item}"
VERSION = "/Models/{catalog}/{schema}/{model}/{version}"


def _folder(request: Request, writes: bool) -> Path:
    return folder_of(request, writes=writes)


def _uploads(request: Request, _path: Path) -> Path:
    root: Path = stores_of(request).root
    return root / ".uploads"


ROUTES = FileTree(_folder, _uploads).routes((TRACKING, VERSION))
