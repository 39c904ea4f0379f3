"""SQL warehouses: `w.warehouses`. There is one, the engine of this service; it starts with the first statement."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.requests import read_body
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.errors import FeatureDisabled, NotFound

WAREHOUSE_ID = "quikapp"
PATH = "/api/2.0/sql/warehouses"

ROUTES = WorkspaceRoutes()


@ROUTES.add("GET", PATH)
async def list_warehouses(request: Request) -> Response:
    """The one that there is."""
    return DatabricksJson({"warehouses": [_told(request)]})


@ROUTES.add("GET", f"{PATH}/{{id}}")
async def get_warehouse(request: Request) -> Response:
    """The one that there is."""
    _check(request)
    return DatabricksJson(_told(request))


@ROUTES.add("POST", f"{PATH}/{{id}}/start")
async def start_warehouse(request: Request) -> Response:
    """It runs."""
    await read_body(request)
    _check(request)
    return DatabricksJson({})


@ROUTES.add("POST", PATH)
@ROUTES.add("POST", f"{PATH}/{{id}}/stop")
@ROUTES.add("POST", f"{PATH}/{{id}}/edit")
@ROUTES.add("DELETE", f"{PATH}/{{id}}")
async def change_warehouse(request: Request) -> Response:
    """Refused, with the reason."""
    await read_body(request)
    raise FeatureDisabled(f"the one warehouse here, {WAREHOUSE_ID!r}, is the engine of the service, and ends with it")


def _check(request: Request) -> None:
    given = request.path_params["id"]
    if given != WAREHOUSE_ID:
        raise NotFound(f"SQL warehouse {given[:80]!r} does not exist; there is {WAREHOUSE_ID!r}")


def _told(request: Request) -> dict[str, Any]:
    url = request.base_url
    port = url.port or (443 if url.scheme == "https" else 80)
    return {
        "id": WAREHOUSE_ID,
        "name": "QuikApp",
        "state": "RUNNING",
        "cluster_size": "2X-Small",
        "min_num_clusters": 1,
        "max_num_clusters": 1,
        "num_clusters": 1,
        "auto_stop_mins": 0,
        "enable_serverless_compute": False,
        "warehouse_type": "PRO",
        "odbc_params": {
            "hostname": str(url.hostname),
            "path": f"/sql/1.0/warehouses/{WAREHOUSE_ID}",
            "port": port,
            "protocol": url.scheme,
        },
    }
