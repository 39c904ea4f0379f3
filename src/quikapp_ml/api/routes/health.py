"""The state of the service: `GET /health`, `/health/live`, `/health/ready`."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.api.answers import JsonAnswer
from quikapp_ml.api.deps import service_of
from quikapp_ml.api.schemas import HealthState, documented

router = APIRouter(tags=["health"])


@router.get("/health", **documented("health"))
async def health(request: Request) -> Response:
    """What works: 200 while answers come (`healthy`, or `degraded` when something is missing), 503 `unhealthy` else."""
    report = service_of(request).health.report()
    return JsonAnswer(report, 503 if report.status == "unhealthy" else 200)


@router.get("/health/live", **documented("live"))
async def live() -> Response:
    """The process is there. One that does not answer here should be started again."""
    return JsonAnswer(HealthState("live"))


@router.get("/health/ready", **documented("ready"))
async def ready(request: Request) -> Response:
    """Requests may be sent here: what was left behind is recovered, and models answer. Else 503."""
    if service_of(request).health.is_ready():
        return JsonAnswer(HealthState("ready"))
    return JsonAnswer(HealthState("not ready"), 503, {"retry-after": "1"})
