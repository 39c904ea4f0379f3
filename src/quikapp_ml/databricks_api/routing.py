"""Routes of the Databricks workspace: plain ones of Starlette, for they have no OpenAPI document of ours."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

Handler = Callable[[Request], Awaitable[Response]]


class WorkspaceRoute(Route):
    """A route that tells the counters its template, as FastAPI's do."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match a request, and leave the route in its scope."""
        match, child = super().matches(scope)
        return match, {**child, "route": self} if match is not Match.NONE else child


class WorkspaceRoutes(list[WorkspaceRoute]):
    """A list of routes that handlers are added to by decorators."""

    def add(self, method: str, path: str) -> Callable[[Handler], Handler]:
        """Let the decorated handler answer this method and path."""

        def added(handler: Handler) -> Handler:
            self.append(WorkspaceRoute(path, handler, methods=[method]))
            return handler

        return added
