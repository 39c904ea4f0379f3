"""Events in: `POST /api/ml/events`."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.api.answers import JsonAnswer
from quikapp_ml.api.bodies import invalid, read_object
from quikapp_ml.api.deps import service_of
from quikapp_ml.api.schemas import MAX_EVENTS, documented
from quikapp_ml.api.telemetry import telemetry_of
from quikapp_ml.entities.events import short
from quikapp_ml.errors import Problem

router = APIRouter(tags=["events"])

_ALLOWED = f"a list of 1 to {MAX_EVENTS} events"


@router.post("/api/ml/events", **documented("events"))
async def take_events(request: Request) -> Response:
    """Take up to 1,000 events; what is acknowledged is on the disk.

    Each event is checked by itself: the good ones are taken, the others are named in `rejected` with index and reason.
    An event id that was taken before counts as a duplicate, so a retry is harmless.
    """
    events = _events_of(await read_object(request))
    receipt = await service_of(request).intake.accept(events, datetime.now(UTC))
    telemetry_of(request).took(receipt)
    return JsonAnswer(receipt, 202)


def _events_of(given: dict[str, Any]) -> list[object]:
    problems = [
        Problem(name[:128], "extra_forbidden", "Extra inputs are not permitted", short(value), "the field events")
        for name, value in given.items()
        if name != "events"
    ]
    events = given.get("events")
    if "events" not in given:
        problems.append(Problem("events", "missing", "Field required", None, _ALLOWED))
    elif not isinstance(events, list):
        problems.append(Problem("events", "list_type", "Input should be a valid list", short(events), _ALLOWED))
    elif not 1 <= len(events) <= MAX_EVENTS:
        code = "too_long" if events else "too_short"
        message = f"List should have 1 to {MAX_EVENTS} items, not {len(events)}"
        problems.append(Problem("events", code, message, f"{len(events)} items", _ALLOWED))
    if problems or not isinstance(events, list):
        raise invalid(tuple(problems))
    return events
