"""Rollouts over HTTP: begun, watched, given up: `/api/ml/rollouts`. Only administrators change what answers."""

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.api.answers import JsonAnswer
from quikapp_ml.api.bodies import read_question
from quikapp_ml.api.deps import Service, service_of
from quikapp_ml.api.places import holder_of
from quikapp_ml.api.schemas import documented
from quikapp_ml.databricks_api.requests import CALLER
from quikapp_ml.entities.rollouts import Abort, RolloutSpec
from quikapp_ml.errors import PermissionDenied
from quikapp_ml.serving.rollouts import RolloutList, RolloutShown, shown

router = APIRouter(tags=["experiments"])

_ALL = "/api/ml/rollouts"
_ONE = "/api/ml/rollouts/{name}"


@router.get(_ALL, **documented("rollouts"))
async def list_rollouts(request: Request) -> Response:
    """All rollouts, by name, and where each stands."""
    records = await asyncio.to_thread(service_of(request).rollouts.all)
    return JsonAnswer(RolloutList([shown(record) for record in records]))


@router.post(_ALL, **documented("start_rollout"))
async def start_rollout(request: Request) -> Response:
    """Put a version at the gate. It goes on, or back, by itself."""
    _check_admin(request)
    spec = await read_question(request, RolloutSpec)
    return JsonAnswer(await asyncio.to_thread(_started, service_of(request), spec, holder_of(request)), 201)


@router.get(_ONE, **documented("rollout"))
async def show_rollout(request: Request, name: str) -> Response:
    """One rollout, and every step that it took."""
    return JsonAnswer(shown(await asyncio.to_thread(service_of(request).rollouts.get, name)))


@router.post(f"{_ONE}/abort", **documented("abort_rollout"))
async def abort_rollout(request: Request, name: str) -> Response:
    """Let everybody have the champion again, from the next question on."""
    _check_admin(request)
    abort = await read_question(request, Abort)
    return JsonAnswer(await asyncio.to_thread(_aborted, service_of(request), name, abort, holder_of(request)))


def _started(service: Service, spec: RolloutSpec, by: str) -> RolloutShown:
    return shown(service.rollout_guard.follow(service.rollouts.start(spec, by)))


def _aborted(service: Service, name: str, abort: Abort, by: str) -> RolloutShown:
    return shown(service.rollout_guard.follow(service.rollouts.abort(name, abort, by)))


def _check_admin(request: Request) -> None:
    caller = request.scope.get(CALLER)
    if caller is not None and not caller.is_admin:
        raise PermissionDenied("a rollout changes which version answers: only an administrator begins or ends one")
