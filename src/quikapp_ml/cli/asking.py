"""How commands ask the service that runs on this home."""

from collections.abc import Mapping
from typing import Any

import httpx

from quikapp_ml.errors import Conflict, InvalidInput, JobFailed, NotFound, PermissionDenied, QuikAppMLError, Unavailable
from quikapp_ml.serving.local_token import read_local_token
from quikapp_ml.settings import Settings
from quikapp_ml.stores.home import Home

TIMEOUT_SECONDS = 30.0
_ERRORS: Mapping[int, type[QuikAppMLError]] = {
    400: InvalidInput, 403: PermissionDenied, 404: NotFound, 409: Conflict, 422: InvalidInput, 503: Unavailable,
}  # fmt: skip


def ask(method: str, path: str, params: Mapping[str, str | int] | None = None, body: Any = None) -> Any:
    """The JSON of an answer. Raises NotFound when no service runs, and what the service refuses as it names it."""
    settings = Settings.from_environment()
    running = Home(settings.home).running()
    if running is None or not running.url:
        raise NotFound(f"no service runs on the home {settings.home}; start one with: quikapp-ml serve")
    given = {name: value for name, value in (params or {}).items() if value != ""}
    headers = {"authorization": f"Bearer {read_local_token(settings.home)}"}
    try:
        answer = httpx.request(
            method, f"{running.url}{path}", params=given, json=body, headers=headers, timeout=TIMEOUT_SECONDS
        )
    except httpx.HTTPError as error:
        raise Unavailable(f"the service at {running.url} does not answer: {error}") from error
    if answer.is_success:
        return answer.json()
    raise _ERRORS.get(answer.status_code, JobFailed)(refusal(answer))


def refusal(answer: httpx.Response) -> str:
    """What the service says of a request that it refuses, with what each wrong field allows."""
    try:
        error = answer.json()["error"]
        details = [
            f"{detail['path']}: allowed is {detail['allowed']}" for detail in error["details"] if "allowed" in detail
        ]
        return "; ".join([str(error["message"]), *details])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}: {answer.text[:200]}"
