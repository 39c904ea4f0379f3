"""In which order should this person see these items: `POST /api/ml/rank`."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.api.answers import JsonAnswer
from quikapp_ml.api.bodies import read_question
from quikapp_ml.api.deps import service_of
from quikapp_ml.api.schemas import documented
from quikapp_ml.api.telemetry import note_degraded
from quikapp_ml.entities.questions import RankQuestion

router = APIRouter(tags=["answers"])


@router.post("/api/ml/rank", **documented("rank"))
async def rank(request: Request) -> Response:
    """Put up to 1,000 items in the order in which this person should see them; with a query: as search results."""
    question = await read_question(request, RankQuestion)
    answer = service_of(request).ranking.rank(question)
    note_degraded(request, answer.degraded)
    return JsonAnswer(answer)
