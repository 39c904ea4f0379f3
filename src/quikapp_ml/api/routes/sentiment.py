"""How do these messages sound: `POST /api/ml/sentiment`, and channels, by day: `GET …/channels/{channel_id}`."""

import asyncio
from concurrent.futures import CancelledError
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.api.answers import JsonAnswer
from quikapp_ml.api.bodies import read_question
from quikapp_ml.api.deps import service_of
from quikapp_ml.api.schemas import documented
from quikapp_ml.api.telemetry import note_degraded
from quikapp_ml.entities.questions import SentimentQuestion
from quikapp_ml.serving.batcher import Caller
from quikapp_ml.serving.channel_mood import MAX_DAYS

CLIENT_LEFT = 499
"""Status in the numbers of requests whose client did not wait; nobody reads the answer."""

router = APIRouter(tags=["answers"])


@router.post("/api/ml/sentiment", **documented("sentiment"))
async def read_sentiment(request: Request) -> Response:
    """Read the sentiment of up to 1,000 messages.

    One that cannot be read is named in `errors`; the others are answered.
    """
    question = await read_question(request, SentimentQuestion)
    service = service_of(request)
    caller = Caller()
    reading = asyncio.ensure_future(run_in_threadpool(service.sentiment.read, question, caller))
    leaving = asyncio.ensure_future(_leaves(request))
    try:
        await asyncio.wait((reading, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            service.batcher.leave(caller)
        answer = await reading
    except CancelledError:
        return Response(status_code=CLIENT_LEFT)
    finally:
        leaving.cancel()
    note_degraded(request, answer.degraded)
    return JsonAnswer(answer)


@router.get("/api/ml/sentiment/channels/{channel_id}", **documented("channel_mood"))
async def channel_mood(
    request: Request, channel_id: str, user_id: str, days: Annotated[int, Query(ge=1, le=MAX_DAYS)] = 7
) -> Response:
    """How a channel sounded on its last whole days, for somebody who may look into it; never of fewer than 5 people."""
    mood = await run_in_threadpool(service_of(request).channel_moods.of, channel_id, user_id, days)
    note_degraded(request, mood.degraded)
    return JsonAnswer(mood)


async def _leaves(request: Request) -> None:
    """Ends when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
