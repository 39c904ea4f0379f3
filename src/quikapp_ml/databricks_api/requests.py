"""What every Databricks route reads of a request: who calls, the JSON body, the page that is asked for."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import orjson
from starlette.requests import Request

from quikapp_ml.errors import FeatureDisabled, InvalidInput
from quikapp_ml.serving.access import Caller

CALLER = "quikapp_ml.caller"
"""Where the guard leaves the caller in the scope of a request."""

ACTION = "quikapp_ml.action"
"""Where a route that does several things leaves what it does in the scope, for the audit log; empty for a look."""

MAX_PAGE = 1_000

T = TypeVar("T")


def caller_of(request: Request) -> Caller:
    """Who holds the token of this request; the guard has let nobody else in."""
    caller: Caller = request.scope[CALLER]
    return caller


async def read_body(request: Request) -> dict[str, Any]:
    """The body as a JSON object; an empty one is an empty object. Raises InvalidInput."""
    body = await request.body()
    if not body:
        return {}
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"the body is not valid JSON: {error}") from None
    if not isinstance(given, dict):
        raise InvalidInput("the body must be a JSON object")
    return given


def refuse_fields(given: Mapping[str, Any], known: frozenset[str], disabled: Mapping[str, str], where: str) -> None:
    """Refuse fields that mean nothing here (InvalidInput) or cannot be done here (FeatureDisabled, with the reason).

    A field that is null, false or empty asks for nothing.
    """
    for name, value in given.items():
        if name in known or value in (None, False, "", [], {}):
            continue
        if name in disabled:
            raise FeatureDisabled(f"{where}{name} is not available here: {disabled[name]}")
        raise InvalidInput(f"{where}{name} is not a field of this request; known are {', '.join(sorted(known))}")


def text(given: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A field that must be a text. Raises InvalidInput."""
    value = given.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be a string, given: {'nothing' if value is None else repr(value)[:80]}")
    return value


def objects(given: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A field that must be a list of objects; without it, none. Raises InvalidInput."""
    values = given.get(name) or []
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise InvalidInput(f"{name} must be a list of objects")
    return values


def page(request: Request, items: Sequence[T], size: str = "max_results") -> tuple[Sequence[T], str]:
    """The page of the items that is asked for, and the token of the next one (empty at the end). Raises InvalidInput.

    A size of 0, or none, lets the server choose.
    """
    wanted = request.query_params.get(size, "0")
    if not wanted.isdecimal():
        raise InvalidInput(f"{size} must be a whole number, given: {wanted[:80]!r}")
    n = min(int(wanted) or MAX_PAGE, MAX_PAGE)
    start = _start_of(request.query_params.get("page_token", ""))
    more = start + n < len(items)
    return items[start : start + n], _token_of(start + n) if more else ""


def _token_of(start: int) -> str:
    return base64.urlsafe_b64encode(f"at:{start}".encode()).decode()


def _start_of(token: str) -> int:
    if not token:
        return 0
    try:
        kind, _, start = base64.urlsafe_b64decode(token).decode("ascii").partition(":")
    except (binascii.Error, ValueError):
        kind, start = "", ""
    if kind != "at" or not start.isdecimal():
        raise InvalidInput("page_token is none that this service gave")
    return int(start)
