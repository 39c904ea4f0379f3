"""Temporary credentials for files: there is nobody here who makes them."""

from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.requests import read_body
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.databricks_api.unity_catalog.asking import PATH
from quikapp_ml.errors import FeatureDisabled

ROUTES = WorkspaceRoutes()

_REASON = (
    "this service makes no keys. Who works on its machine reads the files at storage_location; others read tables by "
    "SQL or Delta Sharing, and files of volumes by /api/2.0/fs/files/Volumes/…"
)


@ROUTES.add("POST", f"{PATH}/temporary-table-credentials")
@ROUTES.add("POST", f"{PATH}/temporary-volume-credentials")
@ROUTES.add("POST", f"{PATH}/temporary-path-credentials")
@ROUTES.add("POST", f"{PATH}/temporary-model-version-credentials")
async def generate_temporary_credentials(request: Request) -> Response:
    """Refused, with the reason."""
    await read_body(request)
    raise FeatureDisabled(f"temporary credentials are not available here: {_REASON}")
