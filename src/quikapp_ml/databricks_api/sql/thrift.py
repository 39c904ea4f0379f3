"""Where `databricks-sql-connector` connects: `/sql/1.0/warehouses/…`, in the Thrift protocol."""

import asyncio
from importlib import import_module
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.requests import caller_of
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.databricks_api.sql.warehouses import WAREHOUSE_ID
from quikapp_ml.errors import FeatureDisabled, NotFound

PATH = "/sql/1.0/warehouses"
_MEDIA = "application/x-thrift"

ROUTES = WorkspaceRoutes()


@ROUTES.add("POST", f"{PATH}/{{id}}")
async def call_thrift(request: Request) -> Response:
    """One call of the protocol."""
    given = request.path_params["id"]
    if given != WAREHOUSE_ID:
        raise NotFound(f"SQL warehouse {given[:80]!r} does not exist; there is {WAREHOUSE_ID!r}")
    door, body = _door(request), await request.body()
    answer = await asyncio.get_running_loop().run_in_executor(door.pool, door.answer, body, caller_of(request))
    return Response(answer, media_type=_MEDIA)


def _door(request: Request) -> Any:
    """The door of this app, made by its first visitor."""
    state = request.app.state
    if not hasattr(state, "thrift_door"):
        try:
            module = import_module("quikapp_ml.databricks_api.sql.thrift_door")
        except ImportError as error:
            raise FeatureDisabled(
                f"the Thrift protocol is not installed here ({error.name}); pip install 'quikapp-ml[sql]', or use "
                "w.statement_execution, which needs nothing more"
            ) from None
        state.thrift_door = module.ThriftDoor(state.service.statements, state.service.unity)
    return state.thrift_door
