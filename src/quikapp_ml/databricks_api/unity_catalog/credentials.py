"""Temporary credentials for files: there is nobody here who makes them."""

from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.requests import read_body
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.databricks_api.unity_catalog.asking import PATH
from quikapp_ml.errors import FeatureDisabled

SDK_PATH = "/api/2.0/unity-catalog"
"""Databricks' SDK asks here."""

ROUTES = WorkspaceRoutes()

_REASON = (
    "this service makes no keys. Who works on its machine reads the files at storage_location; others read tables by "
    "SQL or Delta Sharing, and files of volumes by /api/2.0/fs/files/Volumes/…"
)


async def generate_temporary_credentials(request: Request) -> Response:
    """Refused, with the reason."""
    await read_body(request)
    raise FeatureDisabled(f"temporary credentials are not available here: {_REASON}")


for _prefix in (PATH, SDK_PATH):
    for _kind in ("table", "volume", "path", "model-version"):
        ROUTES.add("POST", f"{_prefix}/temporary-{_kind}-credentials")(generate_temporary_credentials)
