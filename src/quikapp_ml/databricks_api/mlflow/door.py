"""Opens MLflow by the first request of it: the import takes seconds, and the start of the service must not wait."""

from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, cast

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.requests import caller_of, read_body
from quikapp_ml.databricks_api.routing import Handler
from quikapp_ml.errors import FeatureDisabled, NotFound
from quikapp_ml.serving.access import Caller
from quikapp_ml.stores.registry.late_import import import_late

PACKAGE = "quikapp_ml.databricks_api.mlflow"
_OPENING = Lock()


def stores_of(request: Request) -> Any:
    """The stores of the service behind this request; opened once, and again when opening failed."""
    state = request.app.state
    with _OPENING:
        if getattr(state, "mlflow_stores", None) is None:
            settings = state.service.settings
            if settings.mlflow_uri.startswith("memory:"):
                raise FeatureDisabled("this service keeps its models in memory: it has no MLflow store to show")
            opened = import_late(f"{PACKAGE}.stores").Stores(settings.mlflow_uri, settings.home / "mlartifacts")
            state.mlflow_stores = opened
    return state.mlflow_stores


def operation(module: str, name: str) -> Handler:
    """A handler that has the function of that name, of a module that imports MLflow, answer from query and body."""

    async def handle(request: Request) -> Response:
        given: dict[str, Any] = {**await read_body(request), **request.path_params}
        query = {key: request.query_params.getlist(key) for key in request.query_params}
        caller = caller_of(request)
        text = await run_in_threadpool(_answer, request, (module, name), (given, query, caller))
        return Response(text, media_type="application/json")

    handle.__name__ = name
    return handle


def _answer(request: Request, where: tuple[str, str], asked: tuple[Any, Any, Caller]) -> bytes:
    stores = stores_of(request)
    module, name = where
    operations = import_late(f"{PACKAGE}.operations")
    return orjson.dumps(operations.answer(import_late(f"{PACKAGE}.{module}").OPERATIONS[name], stores, *asked))


def folder_of(request: Request, *, writes: bool) -> Path:
    """The folder of the run, logged model or registered version that a path of the Files API names."""
    given = request.path_params
    stores = stores_of(request)
    operations = import_late(f"{PACKAGE}.operations")
    if "version" in given:
        name = ".".join(given[part] for part in ("catalog", "schema", "model"))
        return version_folder(stores, name, given["version"], writes=writes)
    find, check = {
        "Runs": (stores.run_files, "check_run_id"), "LoggedModels": (stores.logged_model_folder, "check_model_id"),
    }.get(given["kind"], (None, ""))  # fmt: skip
    if find is None:
        raise NotFound(f"there is no folder {given['kind'][:80]!r} in an experiment: Runs and LoggedModels are")
    if writes:
        owns = getattr(import_late(f"{PACKAGE}.owners"), check)
        operations.in_our_words(partial(owns, stores, given["item"], caller_of(request)))
    return cast(Path, operations.in_our_words(partial(find, given["experiment"], given["item"], writes=writes)))


def version_folder(stores: Any, name: str, version: str, *, writes: bool = False) -> Path:
    """The folder of a registered version."""
    operations = import_late(f"{PACKAGE}.operations")
    operations.check_version(version)
    return cast(Path, operations.in_our_words(partial(stores.version_folder, name, version, writes=writes)))
