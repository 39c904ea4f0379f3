"""Commits of managed tables, for engines that ask the catalog for them: here all are in the table's own log."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.requests import read_body
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.databricks_api.unity_catalog.asking import PATH
from quikapp_ml.errors import FeatureDisabled

COMMITS = f"{PATH}/delta/preview/commits"
NONE_OUTSIDE_THE_LOG = -1

ROUTES = WorkspaceRoutes()


@ROUTES.add("GET", COMMITS)
async def get_commits(request: Request) -> Response:
    """No commit waits outside the log of its table."""
    await read_body(request)
    told: dict[str, Any] = {"commits": [], "latest_table_version": NONE_OUTSIDE_THE_LOG}
    return DatabricksJson(told)


@ROUTES.add("POST", COMMITS)
async def commit(request: Request) -> Response:
    """Refused, with the reason."""
    await read_body(request)
    raise FeatureDisabled("tables here are not coordinated by the catalog: commit to the log of the table")
