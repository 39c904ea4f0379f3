"""Asking an endpoint: `POST /serving-endpoints/{name}/invocations`, and one of its served entities by name."""

from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.databricks_api.serving_endpoints import check_level
from quikapp_ml.serving.endpoints import EndpointHost
from quikapp_ml.serving.invocations import Invocation

SERVED_BY = "served-model-name"

ROUTES = WorkspaceRoutes()


@ROUTES.add("POST", "/serving-endpoints/{name}/invocations")
async def query_serving_endpoint(request: Request) -> Response:
    """Ask the endpoint; shares of traffic decide which entity answers, and the answer says which did."""
    return await _answer(request, "")


@ROUTES.add("POST", "/serving-endpoints/{name}/served-models/{entity}/invocations")
async def query_served_entity(request: Request) -> Response:
    """Ask one served entity, whatever its share."""
    return await _answer(request, request.path_params["entity"])


async def _answer(request: Request, entity: str) -> Response:
    host: EndpointHost = request.app.state.service.endpoints
    name = request.path_params["name"]
    check_level(host.known(name), request, "CAN_QUERY")
    invocation = Invocation.read(await request.body(), request.headers.get("content-type", ""))
    scored, served_by = await host.invoke(name, invocation, request.scope.get("request_id", ""), entity)
    return Response(scored.body, scored.status, {SERVED_BY: served_by}, scored.media_type)
