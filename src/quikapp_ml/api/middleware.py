"""What surrounds every request, as plain ASGI: a name and numbers, and a guard on its body."""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quikapp_ml.api.errors import QUIET, Refused, ending, internal_error
from quikapp_ml.api.telemetry import OTHER_ROUTE, Telemetry
from quikapp_ml.errors import Problem

BODY_SECONDS = 30.0
"""Time a client has to send its body."""

FILES_PATH = "/api/2.0/fs/files/"
FILE_LIMITS = (5 * 1024**3, 3600.0)
"""Bytes and seconds of one uploaded file, which goes to the disk as it comes; 5 GiB are the Files API's own limit."""

DISCARDED_BODIES = 8
"""How many times the largest body is read and thrown away, so that a refused client reads its answer in peace."""

CLIENT_CLOSED = 499
"""Status in the numbers for clients that went away."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

logger = logging.getLogger(__name__)


class RequestEnvelope:
    """Gives every request an id, counts and times it, and turns a bug into a 500 that shows nothing.

    A client's own `X-Request-Id` is kept when it is up to 128 letters, digits or `._:-`.
    """

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = _method(scope)
        if method == "HEAD":
            # The server leaves the body of the answer out; `method_asked` is for answers that are long.
            scope = {**scope, "method": "GET", "method_asked": method}
        scope["request_id"] = _request_id(scope)
        named = _NamedSend(send, scope["request_id"])
        started = time.perf_counter()
        try:
            await self._answer(scope, receive, named)
        finally:
            seconds = time.perf_counter() - started
            self._telemetry.answered(method, _route(scope), named.status, seconds)
            logger.debug(
                "%s %s %d %.1f ms %s", method, _route(scope), named.status, seconds * 1000, named.request_id
            )  # fmt: skip

    async def _answer(self, scope: Scope, receive: Receive, send: "_NamedSend") -> None:
        try:
            await self._app(scope, receive, send)
        except QUIET:
            return
        except asyncio.CancelledError:  # the server ends and waits no longer
            if send.status != CLIENT_CLOSED:
                raise
            await ending(scope, send.request_id)(scope, receive, send)
        except Exception:
            logger.exception("request %s: %s %s failed", send.request_id, scope["method"], _route(scope))
            if send.status != CLIENT_CLOSED:
                raise  # the answer has begun; only the connection can say that it is not whole
            await internal_error(scope, send.request_id)(scope, receive, send)


class _NamedSend:
    """Puts the request id on the answer and remembers its status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self.request_id = request_id
        self.status = CLIENT_CLOSED

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self.request_id
            headers["x-content-type-options"] = "nosniff"
        await self._send(message)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given = value.decode("latin-1")
            return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
    return secrets.token_hex(16)


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", OTHER_ROUTE)


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"


class BodyGuard:
    """Refuses a body that is too large (413) or comes too slowly (408), whatever route reads it."""

    def __init__(self, app: ASGIApp, body_seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        max_bytes = scope["app"].state.service.settings.max_body_bytes
        limits = FILE_LIMITS if scope.get("path", "").startswith(FILES_PATH) else (max_bytes, self._body_seconds)
        guarded = _GuardedBody(Headers(scope=scope), receive, send, *limits)
        await self._app(scope, guarded.receive, guarded.send)


class _GuardedBody:
    def __init__(self, headers: Headers, receive: Receive, send: Send, max_bytes: int, seconds: float) -> None:
        self._headers = headers
        self._receive = receive
        self._send = send
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._n_bytes = 0
        self._ended = "content-length" not in headers and "transfer-encoding" not in headers

    async def receive(self) -> Message:
        """The next part of the body. Raises Refused."""
        if self._ended:
            return await self._receive()
        declared = self._headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > self._max_bytes:
            raise self._too_large(f"{declared} bytes")
        message = await self._next_part()
        if self._n_bytes > self._max_bytes:
            raise self._too_large(f"more than {self._max_bytes} bytes")
        return message

    async def send(self, message: Message) -> None:
        """Answer, when the client has sent all it wanted: a connection closed on it would take the answer away."""
        if message["type"] == "http.response.start" and not self._ended:
            headers = MutableHeaders(scope=message)
            if headers.get("connection") != "close" and not await self._discard():
                headers["connection"] = "close"
        await self._send(message)

    async def _next_part(self) -> Message:
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            text = f"the body did not arrive within {self._seconds:g} seconds"
            problem = Problem("", "body_too_slow", text, f"{self._n_bytes} bytes", f"all of it in {self._seconds:g} s")
            raise Refused(408, "body_too_slow", text, (problem,)) from None
        self._n_bytes += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        return message

    async def _discard(self) -> bool:
        """Read the rest and forget it; False when it is too much, too slow or waits for `100 Continue`."""
        if self._n_bytes == 0 and self._headers.get("expect", "").lower() == "100-continue":
            return False
        try:
            while not self._ended and self._n_bytes <= DISCARDED_BODIES * self._max_bytes:
                await self._next_part()
        except Refused:
            return False
        return self._ended

    def _too_large(self, given: str) -> Refused:
        allowed = f"at most {self._max_bytes} bytes"
        text = f"the body is too large: {given}; {allowed} are allowed"
        return Refused(413, "body_too_large", text, (Problem("", "body_too_large", text, given, allowed),))


class HotRoutes:
    """Answers the routes that are asked most, without what FastAPI does around a handler.

    Errors of theirs are told by `handlers`, as everywhere. All other requests, and other methods, go on to the app.
    """

    def __init__(
        self, app: ASGIApp, routes: Sequence[Route], handlers: Mapping[type[Exception], Callable[..., Any]]
    ) -> None:
        self._app = app
        self._routes = routes
        no_statuses: dict[int, Any] = {}
        self._handlers = (handlers, no_statuses)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            for route in self._routes:
                match, found = route.matches(scope)
                if match is Match.FULL:
                    scope.update(found)
                    scope["starlette.exception_handlers"] = self._handlers
                    await route.handle(scope, receive, send)
                    return
        await self._app(scope, receive, send)


class PlainStart:
    """Says in one sentence why the service does not start, where a traceback would say it in fifty lines."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or the life of the application."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_plain(message: Message) -> None:
            reason = getattr(scope["app"].state, "start_error", "")
            if message["type"] == "lifespan.startup.failed" and reason:
                message = {**message, "message": f"The service does not start: {reason}"}
            await send(message)

        await self._app(scope, receive, send_plain)
