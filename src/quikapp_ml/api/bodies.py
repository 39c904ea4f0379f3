"""From the bytes of a request body to a checked question. Nothing is repaired; every refusal names its field."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError
from starlette.requests import Request

from quikapp_ml.api.allowed import allowed_at
from quikapp_ml.api.errors import Refused
from quikapp_ml.entities.events import problem_of, short
from quikapp_ml.entities.questions import Question
from quikapp_ml.errors import InvalidInput, Problem

MAX_DEPTH = 32
"""Levels of lists and objects in a body. Decisions keep their request, and JSON writers stop at some depth."""

MAX_FIELDS = 1_000
"""Fields of one object in a body."""

_JSON_ALLOWED = "one JSON object in UTF-8: no NaN, no Infinity, no lone surrogates"
_MAX_NAMED = 3

Q = TypeVar("Q", bound=Question)


async def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object. Raises Refused (400, 415) or InvalidInput."""
    _check_content_type(request)
    body = await request.body()
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _not_json(body, error) from None
    if not isinstance(given, dict):
        message = "the body must be a JSON object"
        raise InvalidInput(message, (Problem("", "not_an_object", message, short(given), "an object"),))
    check_shape(given)
    return given


async def read_question(request: Request, model: type[Q]) -> Q:
    """The body as a question. Raises InvalidInput with one problem a field."""
    given = await read_object(request)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise invalid(problems_of(error, model)) from None


def invalid(problems: tuple[Problem, ...]) -> InvalidInput:
    """The error that lists these problems; its message names the first ones."""
    named = "; ".join(f"{p.path or 'the body'}: {p.message}" for p in problems[:_MAX_NAMED])
    more = len(problems) - _MAX_NAMED
    return InvalidInput(named + (f"; and {more} more" if more > 0 else ""), problems)


def problems_of(error: ValidationError, model: type[Question]) -> tuple[Problem, ...]:
    """Pydantic's findings as problems with what each field allows."""
    return tuple(_problem(detail, model) for detail in error.errors(include_url=False))


def check_shape(given: Mapping[str, Any]) -> None:
    """Refuse what is nested too deep or has too many fields, before anything recurses into it or copies it."""
    if len(given) > MAX_FIELDS:
        raise _misshapen("", "too_many_fields", f"{len(given)} fields", f"at most {MAX_FIELDS} fields in an object")
    for name, value in given.items():
        _check_value(name, value)


def _check_value(name: str, value: object) -> None:
    level: list[Any] = [value] if isinstance(value, dict | list) else []
    depth = 1
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise _misshapen(name, "too_deep", f"more than {MAX_DEPTH} levels", f"at most {MAX_DEPTH} levels")
        level = [member for container in level for member in _members(name, container) if type(member) in (dict, list)]


def _members(name: str, container: dict[str, Any] | list[Any]) -> Iterable[Any]:
    if isinstance(container, list):
        return container
    if len(container) > MAX_FIELDS:
        given = f"an object with {len(container)} fields"
        raise _misshapen(name, "too_many_fields", given, f"at most {MAX_FIELDS} fields in an object")
    return container.values()


def _misshapen(path: str, code: str, given: str, allowed: str) -> InvalidInput:
    return invalid((Problem(path[:128], code, f"has {given}, may have {allowed}", given, allowed),))


def _check_content_type(request: Request) -> None:
    given = request.headers.get("content-type")
    # A browser always says what it sends for another page (`Origin`) and asks first when that is JSON. A request from a
    # web page without a content type would slip past that question.
    if given is None and "origin" not in request.headers:
        return
    kind = (given or "").partition(";")[0].strip().lower()
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        return
    message = f"content-type {short(given)} is not understood; send application/json"
    problem = Problem("", "content_type", message, short(given), "application/json")
    raise Refused(415, "unsupported_media_type", message, (problem,))


def _not_json(body: bytes, error: orjson.JSONDecodeError) -> Refused:
    message = f"the body is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    around = body[max(0, error.pos - 20) : error.pos + 20].decode(errors="backslashreplace")
    return Refused(
        400, "malformed_json", message, (Problem("", "malformed_json", message, short(around), _JSON_ALLOWED),)
    )


def _problem(detail: Any, model: type[Question]) -> Problem:
    found = problem_of(detail)
    context = detail.get("ctx", {})
    if detail["type"] == "repeated_id":
        field, index, name = context["field"], context["index"], context["name"]
        path, repeated = f"{field}.{index}.{name}", short(detail["input"][field][index][name])
        allowed = "an id that no other of the list has"
        return Problem(path, found.code, found.message.removeprefix(f"{path} "), repeated, allowed)
    given = found.given
    if detail["type"] in ("too_long", "too_short"):
        given = f"{context['actual_length']} items"
    elif detail["type"] in ("string_too_long", "string_too_short"):
        given = f"{len(detail['input'])} characters"
    return Problem(found.path, found.code, found.message, given, allowed_at(_schema(model), detail["loc"]))


@cache
def _schema(model: type[Question]) -> dict[str, Any]:
    return model.model_json_schema()
