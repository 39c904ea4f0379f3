"""Every error in one shape, and the only table from error classes to HTTP statuses.

`{"error": {"code", "message", "details": [{"path", "code", "message", "given", "allowed"}]}, "request_id"}`
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Scope

from quikapp_ml.api.answers import JsonAnswer
from quikapp_ml.databricks_api.errors import answer_to, speaks_databricks
from quikapp_ml.databricks_api.errors import error_answer as databricks_error
from quikapp_ml.databricks_api.guard import Refusal
from quikapp_ml.errors import (
    Conflict,
    Damaged,
    FeatureDisabled,
    InvalidInput,
    JobFailed,
    NotFound,
    PermissionDenied,
    Problem,
    QuikAppMLError,
    Unavailable,
)

MAX_DETAILS = 20
"""Problems listed in one error; a message says how many more there are."""

STATUSES: dict[type[QuikAppMLError], int] = {
    InvalidInput: 422,
    NotFound: 404,
    Conflict: 409,
    PermissionDenied: 403,
    FeatureDisabled: 501,
    Unavailable: 503,
    Damaged: 503,
    JobFailed: 503,
    QuikAppMLError: 500,
}

_HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}

_INTERNAL = "the service failed; its log names this request id"
_ENDING = "the service is ending; send this request again"

Handler = Callable[[Request, Exception], Awaitable[Response]]

logger = logging.getLogger(__name__)


class Refused(Exception):
    """A request that HTTP itself refuses, before anybody looks at what it means."""

    def __init__(self, status: int, code: str, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.problems = problems


def status_of(error: type[QuikAppMLError]) -> int:
    """HTTP status of an error class: its own, or that of the nearest class above it."""
    return next(STATUSES[cls] for cls in error.__mro__ if cls in STATUSES)


def error_answer(
    request_id: str,
    status: int,
    code: str,
    message: str,
    problems: Sequence[Problem] = (),
    headers: Mapping[str, str] | None = None,
) -> JsonAnswer:
    """An error in the one shape."""
    details = [_detail(problem) for problem in problems[:MAX_DETAILS]]
    if len(problems) > MAX_DETAILS:
        message = f"{message} (the first {MAX_DETAILS} of {len(problems)} problems are listed)"
    content = {"error": {"code": code, "message": message, "details": details}, "request_id": request_id}
    return JsonAnswer(content, status, headers)


def request_id_of(request: Request) -> str:
    """The id that the middleware gave this request."""
    return str(request.scope.get("request_id", ""))


def _detail(problem: Problem) -> dict[str, Any]:
    detail = {"path": problem.path, "code": problem.code, "message": problem.message, "given": problem.given}
    if problem.allowed is not None:
        detail["allowed"] = problem.allowed
    return detail


async def _domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, QuikAppMLError)  # noqa: S101  what it is registered for
    status = status_of(type(error))
    if status == 500:
        raise error
    headers = {}
    if isinstance(error, Unavailable):
        headers["retry-after"] = str(error.retry_after_seconds)
    if status > 500:
        logger.warning("request %s: %s: %s", request_id_of(request), error.code, error)
    problems = error.problems if isinstance(error, InvalidInput) else ()
    return error_answer(request_id_of(request), status, error.code, str(error), problems, headers)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101  what it is registered for
    return error_answer(request_id_of(request), error.status, error.code, str(error), error.problems)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  what it is registered for
    code = _HTTP_CODES.get(error.status_code, "refused")
    message = str(error.detail)
    if error.status_code == 404:
        message = "there is nothing at this path; GET /docs lists what there is"
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        message = f"{request.method} is not for this path; allowed: {allowed}"
    return error_answer(request_id_of(request), error.status_code, code, message, headers=error.headers)


def _by_path(handler: Handler) -> Handler:
    """Let an error of the Databricks workspace have Databricks' shape."""

    async def handle(request: Request, error: Exception) -> Response:
        path = request.url.path
        if not speaks_databricks(path) or (isinstance(error, QuikAppMLError) and status_of(type(error)) == 500):
            return await handler(request, error)
        return answer_to(error, request.method, path, getattr(error, "status", 500))

    return handle


def internal_error(scope: Scope, request_id: str) -> Response:
    """The answer to a bug: it shows nothing but where to look."""
    if speaks_databricks(scope["path"]):
        return databricks_error(500, "INTERNAL_ERROR", f"{_INTERNAL} {request_id}")
    return error_answer(request_id, 500, "internal", _INTERNAL)


def ending(scope: Scope, request_id: str) -> Response:
    """The answer to a request that was under way for too long when the service was told to end."""
    headers = {"retry-after": "1", "connection": "close"}
    if speaks_databricks(scope["path"]):
        return databricks_error(503, "TEMPORARILY_UNAVAILABLE", _ENDING, headers)
    return error_answer(request_id, 503, "unavailable", _ENDING, headers=headers)


def not_admitted(scope: Scope, refusal: Refusal) -> Response:
    """The answer to somebody who is not let in, outside the Databricks workspace."""
    request_id = str(scope.get("request_id", ""))
    return error_answer(request_id, refusal.status, refusal.code.lower(), str(refusal), headers=refusal.headers)


EXCEPTION_HANDLERS = {
    QuikAppMLError: _by_path(_domain_error),
    Refused: _by_path(_refused),
    HTTPException: _by_path(_http_error),
}
QUIET = (ClientDisconnect,)
"""Nobody is there any more to be answered."""
