"""Unity Catalog's grants on registered models with names of three parts, whichever registry they are asked of.

To read one needs `EXECUTE`, to make one `CREATE MODEL` on its schema; who owns or manages it changes it. What a caller
may not know of is left out of searches. Models with plain names are
everybody's to read who has a token of the scope; their makers change them.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.mlflow.own_models import SET_ALIAS, check_may_change, is_own, record_move
from quikapp_ml.databricks_api.requests import caller_of, read_body
from quikapp_ml.databricks_api.routing import Handler
from quikapp_ml.serving.catalog.access import CallerAccess
from quikapp_ml.serving.catalog.rules import Kind, Privilege, Securable
from quikapp_ml.serving.catalog.unity import UnityCatalog

_SEARCHES: Mapping[str, str] = {
    "search_registered_models": "registered_models",
    "search_model_versions": "model_versions",
}
_READS = frozenset(
    {
        "get_registered_model",
        "get_model_version",
        "get_model_version_by_alias",
        "get_model_version_download_uri",
        "get_latest_versions",
    }
)
_CREATE, _DELETE, _RENAME = "create_registered_model", "delete_registered_model", "rename_registered_model"


def guarded(operation: str, handler: Handler) -> Handler:
    """The handler of an operation of a registry, for callers who may ask it."""

    async def handle(request: Request) -> Response:
        unity, access = await run_in_threadpool(_access, request)
        given = await read_body(request)
        name = given.get("name") or request.query_params.get("name") or ""
        new_name = given.get("new_name") or request.query_params.get("new_name") or ""
        own = next((each for each in (name, new_name) if is_own(each)), None)
        if own is not None and operation not in _READS and operation not in _SEARCHES:
            check_may_change(access, own)
            if operation == SET_ALIAS:
                await run_in_threadpool(record_move, request, access.who.name, given)
        if not access.who.is_admin:
            await run_in_threadpool(_check_names, access, operation, name, new_name)
        response = await handler(request)
        if operation in _SEARCHES:
            return _without_unseen(response, _SEARCHES[operation], access)
        await run_in_threadpool(_record, unity, access, operation, (name, new_name))
        return response

    handle.__name__ = handler.__name__
    return handle


def check_files(request: Request, name: str, *, writes: bool) -> None:
    """Raises PermissionDenied when the caller may not read, or not write, the files of a model's versions."""
    if not caller_of(request).is_admin:
        _, access = _access(request)
        model = Securable(Kind.MODEL, name)
        if writes:
            access.check_manages(model)
        else:
            access.check(Privilege.EXECUTE, model)


def _access(request: Request) -> tuple[UnityCatalog, CallerAccess]:
    unity: UnityCatalog = request.app.state.service.unity
    return unity, unity.access(caller_of(request))


def _is_of_unity(name: Any) -> bool:
    return isinstance(name, str) and name.count(".") == 2


def _check(access: CallerAccess, operation: str, model: Securable) -> None:
    if operation == _CREATE:
        access.check(Privilege.CREATE_MODEL, Securable(Kind.SCHEMA, model.name.rpartition(".")[0]))
    elif operation in _READS:
        access.check(Privilege.EXECUTE, model)
    elif operation not in _SEARCHES:
        access.check_manages(model)


def _check_names(access: CallerAccess, operation: str, name: Any, new_name: Any) -> None:
    """A model that is renamed is made anew under the other name."""
    if _is_of_unity(name):
        _check(access, operation, Securable(Kind.MODEL, name))
    if operation == _RENAME and _is_of_unity(new_name):
        _check(access, _CREATE, Securable(Kind.MODEL, new_name))


def _record(unity: UnityCatalog, access: CallerAccess, operation: str, names: tuple[Any, Any]) -> None:
    """Who makes a model, or gives it its name, owns it; of one that is gone no grants are left."""
    catalog, (name, new_name) = unity.securables.state.catalog, names
    gone = name if operation in (_DELETE, _RENAME) else ""
    made = {_CREATE: name, _RENAME: new_name}.get(operation, "")
    if _is_of_unity(gone):
        catalog.remove(Kind.MODEL, gone)
    if _is_of_unity(made):
        catalog.add(unity.securables.new(Securable(Kind.MODEL, made), access.who.name), instead=True)


def _without_unseen(response: Response, items: str, access: CallerAccess) -> Response:
    told = orjson.loads(response.body)
    if items in told:
        told[items] = [each for each in told[items] if _is_seen(each, access)]
    return Response(orjson.dumps(told), media_type="application/json")


def _is_seen(told: Mapping[str, Any], access: CallerAccess) -> bool:
    name = told.get("name", "")
    return not _is_of_unity(name) or access.sees(Securable(Kind.MODEL, name))
