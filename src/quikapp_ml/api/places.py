"""What stands in a URL, checked like the fields of a body; and who sends a request."""

from collections.abc import Sequence

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request

from quikapp_ml.api.bodies import invalid
from quikapp_ml.databricks_api.requests import CALLER
from quikapp_ml.entities.events import Id, short
from quikapp_ml.errors import Problem
from quikapp_ml.serving.access import LOCAL

_ID = TypeAdapter(Id)


def holder_of(request: Request) -> str:
    """The owner of the request's token."""
    caller = request.scope.get(CALLER)
    return LOCAL if caller is None else str(caller.name)


def read_id(name: str, given: str) -> str:
    """An id, or nothing. Raises InvalidInput."""
    if given:
        try:
            _ID.validate_python(given)
        except ValidationError as error:
            detail = error.errors()[0]
            raise invalid((Problem(name, detail["type"], detail["msg"], short(given), "an id"),)) from None
    return given


def limit_of(given: str, most: int) -> int:
    """How many are asked for. Raises InvalidInput."""
    if given.isascii() and given.isdigit() and 1 <= int(given) <= most:
        return int(given)
    allowed = f"an integer of 1 to {most}"
    raise invalid((Problem("limit", "out_of_range", f"must be {allowed}", short(given), allowed),))


def choice_of(name: str, given: str, known: Sequence[str]) -> str:
    """One of the words known. Raises InvalidInput."""
    if given in known:
        return given
    allowed = f"one of {', '.join(known)}"
    raise invalid((Problem(name, "unknown", f"must be {allowed}", short(given), allowed),))
