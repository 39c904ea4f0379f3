"""Feature values of many entities, and the catalogue: `POST /api/ml/features/online`, `GET /api/ml/features`."""

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.api.answers import JsonAnswer
from quikapp_ml.api.bodies import read_question
from quikapp_ml.api.deps import service_of
from quikapp_ml.api.feature_schemas import OnlineFeaturesQuestion
from quikapp_ml.api.schemas import documented

router = APIRouter(tags=["answers"])


@router.post("/api/ml/features/online", **documented("online_features"))
async def online_features(request: Request) -> Response:
    """Values of up to 1,000 entities: of a `view`, counted with each event, or of a published feature `table`."""
    question = await read_question(request, OnlineFeaturesQuestion)
    service = service_of(request).online_features
    if question.view is not None:  # in memory, which only this thread changes
        return JsonAnswer(service.of_view(question.view, question.keys, question.features))
    return JsonAnswer(await asyncio.to_thread(service.of_table, question.table or "", question.keys, question.features))


@router.get("/api/ml/features", **documented("features"))
async def features(request: Request) -> Response:
    """Every feature: what it is, of whom, of which events, how new, and which model versions learnt from it."""
    return JsonAnswer(await asyncio.to_thread(service_of(request).online_features.catalogue))
