"""What waits for a moderator, and what they decide: `GET /api/ml/review`, `POST /api/ml/review/{decision_id}`."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.api.answers import JsonAnswer
from quikapp_ml.api.bodies import read_question
from quikapp_ml.api.deps import service_of
from quikapp_ml.api.places import choice_of, holder_of, limit_of, read_id
from quikapp_ml.api.schemas import documented
from quikapp_ml.entities.reviews import ReviewResolution
from quikapp_ml.stores.state.moderation import ReviewFilter, ReviewStatus

router = APIRouter(tags=["moderation"])

_ALL = "all"


@dataclass(frozen=True)
class ReviewQuery:
    """Which messages are asked for, in which order."""

    workspace: str = ""
    channel_id: str = ""
    campaign_id: str = ""
    status: str = str(ReviewStatus.OPEN)
    order: str = "age"
    limit: str = "50"


@router.get("/api/ml/review", **documented("review"))
async def list_review(request: Request, asked: Annotated[ReviewQuery, Depends()]) -> Response:
    """What was flagged or held, or appealed against, with its evidence: by age, or the largest campaigns first."""
    status = choice_of("status", asked.status, (*map(str, ReviewStatus), _ALL))
    wanted = ReviewFilter(
        workspace=read_id("workspace", asked.workspace),
        channel=read_id("channel_id", asked.channel_id),
        campaign_id=read_id("campaign_id", asked.campaign_id),
        status=None if status == _ALL else ReviewStatus(status),
    )
    by_campaign = choice_of("order", asked.order, ("age", "campaign")) == "campaign"
    queue = service_of(request).moderation.queue
    return JsonAnswer(await asyncio.to_thread(queue.find, wanted, limit_of(asked.limit, 500), by_campaign=by_campaign))


@router.post("/api/ml/review/{decision_id}", **documented("resolve"))
async def resolve(request: Request, decision_id: str) -> Response:
    """Release a message or remove it; from then on, texts that are nearly the same are judged by it."""
    asked = await read_question(request, ReviewResolution)
    desk = service_of(request).feedback
    return JsonAnswer(await desk.resolve(decision_id, asked, holder_of(request), datetime.now(UTC)))
