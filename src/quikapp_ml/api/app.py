"""The HTTP door: the app, its life, its routes."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from fastapi_offline import FastAPIOffline
from starlette.middleware import Middleware

from quikapp_ml import __version__
from quikapp_ml.api.deps import Service
from quikapp_ml.api.errors import EXCEPTION_HANDLERS, not_admitted
from quikapp_ml.api.middleware import BodyGuard, HotRoutes, PlainStart, RequestEnvelope
from quikapp_ml.api.routes import (
    decisions,
    events,
    experiments,
    features,
    feedback,
    health,
    metrics,
    mlflow_ui,
    policies,
    rank,
    recommendations,
    review,
    rollouts,
    sentiment,
    spam,
)
from quikapp_ml.api.schemas import component_schemas
from quikapp_ml.api.telemetry import Telemetry
from quikapp_ml.databricks_api import HOT_ROUTES
from quikapp_ml.databricks_api import ROUTES as WORKSPACE_ROUTES
from quikapp_ml.databricks_api.guard import AccessGuard
from quikapp_ml.databricks_api.routing import WorkspaceRoute
from quikapp_ml.databricks_api.sharing import routes as sharing
from quikapp_ml.errors import QuikAppMLError

DESCRIPTION = """The intelligence of a team chat: send **events**, ask for **answers**.

Every answer has a `decision_id`; send what became of it to `/api/ml/feedback`. Every error has the same shape and says
which field is wrong, what was given and what is allowed."""

ROUTERS = (
    events.router,
    recommendations.router,
    rank.router,
    spam.router,
    sentiment.router,
    features.router,
    feedback.router,
    decisions.router,
    policies.router,
    review.router,
    experiments.router,
    rollouts.router,
    health.router,
    metrics.router,
    sharing.router,
    mlflow_ui.router,
)

TAGS = [
    {"name": "events", "description": "What happens in the chat."},
    {"name": "answers", "description": "What the service makes of it."},
    {"name": "moderation", "description": "What is done with spam, and by whom."},
    {"name": "experiments", "description": "Models, policies and parameters tried against each other."},
    {"name": "health", "description": "How the service is."},
]


_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""Of FastAPI's own: the numbers are in /metrics, and looking for others costs each answer."""


def create_app(service: Service) -> FastAPI:
    """The app around a service that is open; it is started and closed with the app."""
    return build_app(lambda: service)


def build_app(open_service: Callable[[], Service]) -> FastAPI:
    """The app around a service that is opened when the app starts and closed when it ends."""
    telemetry = Telemetry()

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        with _reason_kept(app):
            service = open_service()
        app.state.service = service
        try:
            with _reason_kept(app):
                service.start()
            telemetry.watch(service)
            yield
        finally:
            service.close()

    app = FastAPIOffline(
        title="QuikApp ML Service",
        version=__version__,
        description=DESCRIPTION,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=life,
        middleware=[
            Middleware(PlainStart),
            Middleware(BodyGuard),
            Middleware(RequestEnvelope, telemetry=telemetry),
            Middleware(AccessGuard, refuse=not_admitted),
            Middleware(HotRoutes, routes=[*HOT_ROUTES, *_plain_answers()], handlers=EXCEPTION_HANDLERS),
        ],
        exception_handlers=EXCEPTION_HANDLERS,
        telemetry=_NO_TELEMETRY,
    )
    app.state.telemetry = telemetry
    for router in ROUTERS:
        app.include_router(router)
    app.router.routes.extend(WORKSPACE_ROUTES)
    app.openapi = partial(_openapi, app)  # type: ignore[method-assign]
    return app


def _plain_answers() -> list[WorkspaceRoute]:
    """The routes that are asked most, once more without what FastAPI does around a handler; its own stay for /docs."""
    routers = (events.router, spam.router, recommendations.router, rank.router, sentiment.router)
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    return [
        WorkspaceRoute(route.path, route.endpoint, methods=["POST"])
        for route in routes
        if route.methods == {"POST"} and "{" not in route.path
    ]


@contextmanager
def _reason_kept(app: FastAPI) -> Iterator[None]:
    try:
        yield
    except QuikAppMLError as error:
        app.state.start_error = str(error)
        raise


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=TAGS
        )
        document.setdefault("components", {}).setdefault("schemas", {}).update(component_schemas())
        app.openapi_schema = document
    return app.openapi_schema
