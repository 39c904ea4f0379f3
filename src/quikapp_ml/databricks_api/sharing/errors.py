"""Errors in the protocol's own shape: `{"errorCode", "message"}`."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.errors import FeatureDisabled, InvalidInput, NotFound, PermissionDenied, QuikAppMLError, Unavailable

logger = logging.getLogger(__name__)

_CODES: dict[type[QuikAppMLError], tuple[int, str]] = {
    InvalidInput: (400, "INVALID_PARAMETER_VALUE"),
    FeatureDisabled: (400, "FEATURE_DISABLED"),
    NotFound: (404, "RESOURCE_DOES_NOT_EXIST"),
    PermissionDenied: (403, "PERMISSION_DENIED"),
    Unavailable: (503, "TEMPORARILY_UNAVAILABLE"),
    QuikAppMLError: (500, "INTERNAL_ERROR"),
}


class Refused(Exception):
    """A request that is answered with this status and code."""

    def __init__(self, status: int, code: str, message: str, retry_after_seconds: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = {"retry-after": str(retry_after_seconds)} if retry_after_seconds else {}


class SharingRoute(APIRoute):
    """A route whose errors have the protocol's shape."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler with its errors told."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except Refused as error:
                return _answer(error.status, error.code, str(error), **error.headers)
            except (RequestValidationError, ValidationError) as error:
                found = error.errors()[0]
                where = ".".join(str(part) for part in found["loc"])
                return _answer(400, "INVALID_PARAMETER_VALUE", f"{where}: {found['msg']}")
            except QuikAppMLError as error:
                return _told(error)

        return handle


def _told(error: QuikAppMLError) -> Response:
    status, code = next(_CODES[cls] for cls in type(error).__mro__ if cls in _CODES)
    if status < 500:
        return _answer(status, code, str(error))
    logger.warning("sharing: %s: %s", error.code, error)  # it may name folders, which are nobody's business outside
    retry = {"retry-after": str(error.retry_after_seconds)} if isinstance(error, Unavailable) else {}
    return _answer(status, code, "the service cannot answer this now", **retry)


def _answer(status: int, code: str, message: str, **headers: str) -> Response:
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    body = orjson.dumps({"errorCode": code, "message": message})
    return Response(body, status, headers, media_type="application/json")
