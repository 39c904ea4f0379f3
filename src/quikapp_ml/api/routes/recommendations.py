"""What should this person look at: `POST /api/ml/recommendations`."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.api.answers import JsonAnswer
from quikapp_ml.api.bodies import read_question
from quikapp_ml.api.deps import service_of
from quikapp_ml.api.schemas import documented
from quikapp_ml.api.telemetry import note_degraded
from quikapp_ml.entities.questions import RecommendationQuestion

router = APIRouter(tags=["answers"])


@router.post("/api/ml/recommendations", **documented("recommendations"))
async def recommend(request: Request) -> Response:
    """Recommend channels, people and messages to somebody, each with its reasons.

    People the service has never seen get an answer too. `explain` adds what each feature contributed to the score.
    """
    question = await read_question(request, RecommendationQuestion)
    answer = service_of(request).recommendations.recommend(question)
    note_degraded(request, answer.degraded)
    return JsonAnswer(answer)
