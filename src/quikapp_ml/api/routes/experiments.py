"""Experiments over HTTP: drawn up, started, stopped, decided: `/api/ml/experiments`."""

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.api.answers import JsonAnswer
from quikapp_ml.api.bodies import read_question
from quikapp_ml.api.deps import Service, service_of
from quikapp_ml.api.places import holder_of
from quikapp_ml.api.schemas import documented
from quikapp_ml.entities.experiments import ExperimentDecision, ExperimentSpec
from quikapp_ml.experiments.results import ExperimentResults
from quikapp_ml.serving.experiments import ExperimentHistory, ExperimentList, shown, spec_of
from quikapp_ml.stores.state.experiments import ExperimentRecord

router = APIRouter(tags=["experiments"])

_ALL = "/api/ml/experiments"
_ONE = "/api/ml/experiments/{name}"


@router.get(_ALL, **documented("experiments"))
async def list_experiments(request: Request) -> Response:
    """All experiments, by name, and where each stands."""
    records = await asyncio.to_thread(service_of(request).experiment_desk.all)
    return JsonAnswer(ExperimentList([shown(record) for record in records]))


@router.post(_ALL, **documented("create_experiment"))
async def create_experiment(request: Request) -> Response:
    """Draw an experiment up. Nobody is let in before it is started."""
    spec = await read_question(request, ExperimentSpec)
    desk = service_of(request).experiment_desk
    return JsonAnswer(shown(await asyncio.to_thread(desk.create, spec, holder_of(request))), 201)


@router.get(_ONE, **documented("experiment"))
async def show_experiment(request: Request, name: str) -> Response:
    """One experiment."""
    return JsonAnswer(shown(await asyncio.to_thread(service_of(request).experiment_desk.get, name)))


@router.put(_ONE, **documented("change_experiment"))
async def change_experiment(request: Request, name: str) -> Response:
    """Let another text hold: of a draft all of it, of a running one only what moves nobody: see docs/experiments.md."""
    spec = await read_question(request, ExperimentSpec)
    return await _steered(request, service_of(request).experiment_desk.change, name, spec)


@router.post(f"{_ONE}/start", **documented("start_experiment"))
async def start_experiment(request: Request, name: str) -> Response:
    """Let units in. Refused while another running experiment wants the same units, or a model is not there."""
    return await _steered(request, service_of(request).experiment_desk.start, name)


@router.post(f"{_ONE}/stop", **documented("stop_experiment"))
async def stop_experiment(request: Request, name: str) -> Response:
    """Answer everybody as without it, from the next question on."""
    return await _steered(request, service_of(request).experiment_desk.stop, name)


@router.post(f"{_ONE}/decide", **documented("decide_experiment"))
async def decide_experiment(request: Request, name: str) -> Response:
    """Note which variant goes on, and why. It moves no alias."""
    decision = await read_question(request, ExperimentDecision)
    return await _steered(request, service_of(request).experiment_desk.decide, name, decision)


@router.get(f"{_ONE}/history", **documented("experiment_history"))
async def experiment_history(request: Request, name: str) -> Response:
    """Who changed it when, from what to what, the oldest first."""
    changes = await asyncio.to_thread(service_of(request).experiment_desk.history, name)
    return JsonAnswer(ExperimentHistory(name, changes))


@router.get(f"{_ONE}/results", **documented("experiment_results"))
async def experiment_results(request: Request, name: str) -> Response:
    """What it has shown so far, by intervals that hold however often one looks; each result in a sentence."""
    return JsonAnswer(await asyncio.to_thread(_results, service_of(request), name))


def _results(service: Service, name: str) -> ExperimentResults:
    return service.experiment_reader.results(spec_of(service.experiment_desk.get(name)))


async def _steered(request: Request, step: Callable[..., ExperimentRecord], *given: Any) -> Response:
    """Take a step, and let it hold for the next question already."""
    record = await asyncio.to_thread(step, *given, holder_of(request))
    await asyncio.to_thread(service_of(request).experiments.follow)
    return JsonAnswer(shown(record))
