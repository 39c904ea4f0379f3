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
from quikapp_ml.databricks_api.requests import CALLER
from quikapp_ml.serving.access import Caller
from quikapp_ml.serving.catalog.rules import Kind, Privilege, Securable
from quikapp_ml.serving.online_features import TABLES_OF_VIEWS

router = APIRouter(tags=["answers"])


@router.post("/api/ml/features/online", **documented("online_features"))
async def online_features(request: Request) -> Response:
    """Values of up to 1,000 entities: of a `view`, counted with each event, or of a published feature `table`."""
    question = await read_question(request, OnlineFeaturesQuestion)
    service = service_of(request).online_features
    if CALLER in request.scope:  # who works on this machine is trusted with it
        await asyncio.to_thread(_check_granted, request, question.table or f"{TABLES_OF_VIEWS}{question.view}")
    if question.view is not None:  # in memory, which only this thread changes
        return JsonAnswer(service.of_view(question.view, question.keys, question.features))
    return JsonAnswer(await asyncio.to_thread(service.of_table, question.table or "", question.keys, question.features))


@router.get("/api/ml/features", **documented("features"))
async def features(request: Request) -> Response:
    """Every feature: what it is, of whom, of which events, how new, and which model versions learnt from it."""
    return JsonAnswer(await asyncio.to_thread(service_of(request).online_features.catalogue))


def _check_granted(request: Request, table: str) -> None:
    """Raises PermissionDenied when the holder of the token may not SELECT from the table."""
    caller: Caller = request.scope[CALLER]
    if not caller.is_admin:
        service_of(request).unity.access(caller).check(Privilege.SELECT, Securable(Kind.TABLE, table))
