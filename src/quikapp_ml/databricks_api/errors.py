"""Errors as Databricks says them, and the only table from our error classes to its codes.

`{"error_code", "message", "details"?}`; the official clients look at `error_code` first and at the status then.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response

from quikapp_ml.errors import (
    AlreadyExists,
    Conflict,
    Damaged,
    FeatureDisabled,
    InvalidInput,
    JobFailed,
    NotFound,
    PermissionDenied,
    QuikAppMLError,
    Unavailable,
)

PREFIXES = ("/api/2.", "/api/data-quality/", "/serving-endpoints", "/sql/")
"""Paths of the Databricks workspace: they need a token, and their errors have Databricks' shape."""

CODES: Mapping[type[QuikAppMLError], tuple[int, str]] = {
    InvalidInput: (400, "INVALID_PARAMETER_VALUE"),
    NotFound: (404, "RESOURCE_DOES_NOT_EXIST"),
    AlreadyExists: (409, "RESOURCE_ALREADY_EXISTS"),
    Conflict: (409, "RESOURCE_CONFLICT"),
    PermissionDenied: (403, "PERMISSION_DENIED"),
    FeatureDisabled: (501, "FEATURE_DISABLED"),
    Unavailable: (503, "TEMPORARILY_UNAVAILABLE"),
    Damaged: (500, "DATA_LOSS"),
    JobFailed: (500, "INTERNAL_ERROR"),
    QuikAppMLError: (500, "INTERNAL_ERROR"),
}

HTTP_CODES: Mapping[int, str] = {
    400: "MALFORMED_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "ENDPOINT_NOT_FOUND",
    405: "ENDPOINT_NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    413: "MAX_BLOCK_SIZE_EXCEEDED",
    415: "BAD_REQUEST",
    429: "REQUEST_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
}
"""Codes of what HTTP itself refuses."""

_NO_ROUTE = "No API found for '{method} {path}': this service does not implement it"


class DatabricksJson(Response):
    """A value as JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Write the value."""
        return orjson.dumps(content)


def speaks_databricks(path: str) -> bool:
    """Whether a path belongs to the Databricks workspace."""
    return path.startswith(PREFIXES)


def code_of(error: type[QuikAppMLError]) -> tuple[int, str]:
    """HTTP status and Databricks code of an error class: its own, or those of the nearest class above it."""
    return next(CODES[cls] for cls in error.__mro__ if cls in CODES)


def error_answer(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> DatabricksJson:
    """An error in Databricks' shape."""
    return DatabricksJson({"error_code": code, "message": message}, status, headers)


def answer_to(error: Exception, method: str, path: str, status: int) -> DatabricksJson:
    """The answer to whatever was raised; `status` is for errors that are neither ours nor Starlette's."""
    if isinstance(error, QuikAppMLError):
        status, code = code_of(type(error))
        headers = {"retry-after": str(error.retry_after_seconds)} if isinstance(error, Unavailable) else None
        return error_answer(status, code, str(error), headers)
    message = str(error)
    if isinstance(error, HTTPException):
        status = 404 if error.status_code == 405 else error.status_code
        message = _NO_ROUTE.format(method=method, path=path[:200]) if status == 404 else str(error.detail)
    return error_answer(status, HTTP_CODES.get(status, "BAD_REQUEST"), message)
