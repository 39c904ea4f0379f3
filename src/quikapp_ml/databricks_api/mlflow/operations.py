"""One operation of MLflow: a message of its protocol in, one out, and what went wrong in the words of our errors."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import orjson
from google.protobuf.json_format import ParseError  # type: ignore[import-untyped]
from mlflow.exceptions import MlflowException
from mlflow.protos import databricks_pb2
from mlflow.utils.proto_json_utils import message_to_json, parse_dict

from quikapp_ml.databricks_api.mlflow import owners
from quikapp_ml.databricks_api.mlflow.stores import Stores
from quikapp_ml.errors import AlreadyExists, Conflict, InvalidInput, NotFound, QuikAppMLError, Unavailable
from quikapp_ml.serving.access import Caller

T = TypeVar("T")
Do = Callable[[Stores, Any], Any]
Query = Mapping[str, list[str]]

_ERRORS: Mapping[str, type[QuikAppMLError]] = {
    "RESOURCE_DOES_NOT_EXIST": NotFound,
    "NOT_FOUND": NotFound,
    "INVALID_PARAMETER_VALUE": InvalidInput,
    "BAD_REQUEST": InvalidInput,
    "INVALID_STATE": InvalidInput,
    "RESOURCE_ALREADY_EXISTS": AlreadyExists,
    "RESOURCE_CONFLICT": Conflict,
    "TEMPORARILY_UNAVAILABLE": Unavailable,
}


_UNKNOWN_PAGE = "page_token is none that this service gave"


@dataclass(frozen=True)
class Operation:
    """What is asked, as a message of MLflow's protocol, and what is done about it; `then` changes the JSON answer."""

    message: Any
    do: Do
    then: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: body
    check: owners.Check = owners.anybody
    """Whether the caller may."""
    is_owned: bool = False
    """Something is made that belongs to its maker."""


def answer(
    operation: Operation, stores: Stores, given: Mapping[str, Any], query: Query, caller: Caller
) -> dict[str, Any]:
    """Do an operation for a caller. Raises errors of ours."""
    asked = read_message(operation.message, given, query)
    if operation.is_owned:
        owners.sign(asked, caller)
    else:
        owners.check_tags(asked)
    in_our_words(partial(operation.check, stores, asked, caller))
    try:
        done = in_our_words(partial(operation.do, stores, asked))
    except (ValueError, TypeError, KeyError, AttributeError):
        if not getattr(asked, "page_token", ""):
            raise
        raise InvalidInput(_UNKNOWN_PAGE) from None
    return operation.then(orjson.loads(message_to_json(done)))


def in_our_words(call: Callable[[], T]) -> T:
    """Call, and say what MLflow says in the words of our errors."""
    try:
        return call()
    except MlflowException as error:
        raise _ERRORS.get(error.error_code, QuikAppMLError)(str(error)) from error


def read_message(kind: Any, given: Mapping[str, Any], query: Query) -> Any:
    """The message in the body and the query of a request. Raises InvalidInput."""
    message = kind()
    fields = kind.DESCRIPTOR.fields_by_name
    asked = {key: _from_text(fields[key], values) for key, values in query.items() if key in fields}
    try:
        parse_dict({**asked, **given}, message)
    except (ParseError, AttributeError, TypeError, ValueError) as error:
        raise InvalidInput(f"this is no {kind.DESCRIPTOR.name}: {str(error)[:300]}") from None
    for name, field in fields.items():
        needed = field.GetOptions().Extensions[databricks_pb2.validate_required]
        if needed and not (len(getattr(message, name)) if field.is_repeated else message.HasField(name)):
            raise InvalidInput(f"{name} is missing from {kind.DESCRIPTOR.name}")
    if "page_token" in fields and not _is_base64(message.page_token):  # MLflow would break on it
        raise InvalidInput(_UNKNOWN_PAGE)
    if fields.get("version") is not None and isinstance(message.version, str):
        check_version(message.version)
    return message


def check_version(text: str) -> None:
    """Raises InvalidInput for what is no number of a version; MLflow's database would break on a long one."""
    if text and not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InvalidInput(f"a version of a model is a whole number such as 3; given was {text[:80]!r}")


def _is_base64(token: str) -> bool:
    try:
        base64.b64decode(token)
    except ValueError:
        return False
    return True


def optional(message: Any, name: str) -> Any:
    """A field of a message; None where it was not given."""
    return getattr(message, name) if message.HasField(name) else None


def search_arguments(asked: Any) -> dict[str, Any]:
    """What all searches of MLflow's stores are asked with: filter, order and page."""
    return {
        "filter_string": asked.filter or None,
        "max_results": asked.max_results,
        "order_by": list(asked.order_by),
        "page_token": asked.page_token or None,
    }


def entities_in(body: Mapping[str, Any], plural: str, singular: str) -> list[dict[str, Any]]:
    """The entities of an answer, be it a page of them or one."""
    return [*body.get(plural, []), *([body[singular]] if singular in body else [])]


def page_into(items: Any, target: Any, response: Any) -> Any:
    """Put a page of entities into a response, with the token of the next one."""
    target.extend([each.to_proto() for each in items])
    if items.token:
        response.next_page_token = items.token
    return response


def _from_text(field: Any, values: list[str]) -> Any:
    if field.is_repeated:
        return values
    return values[-1].lower() == "true" if field.type == field.TYPE_BOOL else values[-1]
