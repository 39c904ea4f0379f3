"""Is this text spam or abuse: `POST /api/ml/spam-check`."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.api.answers import JsonAnswer
from quikapp_ml.api.bodies import read_question
from quikapp_ml.api.deps import service_of
from quikapp_ml.api.schemas import documented
from quikapp_ml.api.telemetry import note_degraded
from quikapp_ml.entities.questions import SpamQuestion

router = APIRouter(tags=["answers"])


@router.post("/api/ml/spam-check", **documented("spam-check"))
async def check_spam(request: Request) -> Response:
    """Check a text by a person for spam and abuse; the answer names the evidence and its place in the text.

    `bias` plus the weights of all evidence is `logit`, whose logistic is `spam_probability`. An IP address in
    `metadata` is never stored as it came. With `dry_run` the check does not count against its author.
    """
    question = await read_question(request, SpamQuestion)
    answer = service_of(request).spam.check(question)
    note_degraded(request, answer.degraded)
    return JsonAnswer(answer)
