"""What became of an answer: `POST /api/ml/feedback`."""

from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.api.answers import JsonAnswer
from quikapp_ml.api.bodies import read_question
from quikapp_ml.api.deps import service_of
from quikapp_ml.api.schemas import FeedbackReceipt, documented
from quikapp_ml.entities.questions import Feedback

router = APIRouter(tags=["answers"])


@router.post("/api/ml/feedback", **documented("feedback"))
async def take_feedback(request: Request) -> Response:
    """Keep what became of an answer, by its `decision_id`; what is acknowledged is on the disk."""
    feedback = await read_question(request, Feedback)
    feedback_id = await service_of(request).feedback.accept(feedback, datetime.now(UTC))
    return JsonAnswer(FeedbackReceipt(feedback_id, feedback.decision_id), 202)
