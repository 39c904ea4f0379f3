"""Operational numbers: `GET /metrics`."""

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from quikapp_ml.api.schemas import documented
from quikapp_ml.api.telemetry import CONTENT_TYPE, telemetry_of

router = APIRouter(tags=["health"])


@router.get("/metrics", response_class=PlainTextResponse, **documented("metrics"))
async def metrics(request: Request) -> Response:
    """Requests, events, decisions, models and queues in Prometheus' text form."""
    # In a thread: the online store is asked how new its tables are, and may not answer.
    return Response(await asyncio.to_thread(telemetry_of(request).text), media_type=CONTENT_TYPE)
