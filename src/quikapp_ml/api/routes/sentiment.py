"""How do these messages sound: `POST /api/ml/sentiment`."""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.api.answers import JsonAnswer
from quikapp_ml.api.bodies import read_question
from quikapp_ml.api.deps import service_of
from quikapp_ml.api.schemas import documented
from quikapp_ml.api.telemetry import note_degraded
from quikapp_ml.entities.questions import SentimentQuestion

INLINE_MESSAGES = 100
INLINE_CHARACTERS = 20_000
"""Longer lists, and longer texts, are read in a thread of their own, so that nobody else waits for them."""

router = APIRouter(tags=["answers"])


@router.post("/api/ml/sentiment", **documented("sentiment"))
async def read_sentiment(request: Request) -> Response:
    """Read the sentiment of up to 1,000 messages.

    One that cannot be read is named in `errors`; the others are answered.
    """
    question = await read_question(request, SentimentQuestion)
    reader = service_of(request).sentiment
    if _is_long(question):
        answer = await run_in_threadpool(reader.read, question)
    else:
        answer = reader.read(question)
    note_degraded(request, answer.degraded)
    return JsonAnswer(answer)


def _is_long(question: SentimentQuestion) -> bool:
    n_messages = len(question.messages)
    return n_messages > INLINE_MESSAGES or sum(len(each.content) for each in question.messages) > INLINE_CHARACTERS
