"""Why was that answered: `GET /api/ml/decisions/{decision_id}`."""

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.api.answers import JsonAnswer
from quikapp_ml.api.deps import service_of
from quikapp_ml.api.schemas import documented
from quikapp_ml.serving.ledger_view import explained

router = APIRouter(tags=["answers"])


@router.get("/api/ml/decisions/{decision_id}", **documented("decision"))
async def explain_decision(request: Request, decision_id: str, user_id: str | None = None) -> Response:
    """What a decision was made from: question, features, candidates with their scores, model, policy, answer.

    With `user_id`, only what that person may see of a decision of their own: no weights of signals, no candidates.
    """
    row = await asyncio.to_thread(service_of(request).decisions.find, decision_id)
    return JsonAnswer(explained(row, user_id))
