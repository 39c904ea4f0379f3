"""Registered models of Unity Catalog: `w.registered_models`, `w.model_versions`; those that MLflow's clients have made.

MLflow is imported by the first request. Versions come by MLflow's own protocol, which carries their files.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.mlflow.door import stores_of
from quikapp_ml.databricks_api.requests import read_body, refuse_fields, text
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.databricks_api.unity_catalog.asking import PATH, asked, listed
from quikapp_ml.databricks_api.unity_catalog.bodies import METASTORE_ID, without_none
from quikapp_ml.errors import FeatureDisabled, InvalidInput
from quikapp_ml.serving.catalog.access import CallerAccess
from quikapp_ml.serving.catalog.rules import Kind, Privilege, Securable
from quikapp_ml.serving.catalog.securables import checked_name, full_name
from quikapp_ml.serving.catalog.unity import UnityCatalog
from quikapp_ml.stores.registry.late_import import import_late

MODELS = f"{PATH}/models"
MODEL = f"{MODELS}/{{full_name}}"
ALIAS = f"{MODEL}/aliases/{{alias}}"
VERSIONS = f"{MODEL}/versions"
VERSION = f"{VERSIONS}/{{version:int}}"
_PAGE = 1000

T = TypeVar("T")

ROUTES = WorkspaceRoutes()


@ROUTES.add("GET", MODELS)
async def list_registered_models(request: Request) -> Response:
    """The models of a schema, or of all schemas, that the caller may know of."""
    inside = [request.query_params[name] for name in ("catalog_name", "schema_name") if name in request.query_params]
    if len(inside) == 1:
        raise InvalidInput("catalog_name and schema_name go together")

    def found(_unity: UnityCatalog, access: CallerAccess) -> list[Any]:
        models = [each for each in _pages(request, "search_registered_models") if each.name.count(".") == 2]
        wanted = [each for each in models if not inside or each.name.split(".")[:2] == inside]
        return [each for each in wanted if access.sees(Securable(Kind.MODEL, each.name))]

    return listed(request, "registered_models", await asked(request, found), _told_model)


@ROUTES.add("POST", MODELS)
async def create_registered_model(request: Request) -> Response:
    """Make a model without versions."""
    given = await read_body(request)
    known = frozenset({"name", "catalog_name", "schema_name", "comment"})
    refuse_fields(given, known, {"storage_location": "files of versions are kept by the service"}, "")
    schema = full_name(Kind.SCHEMA, f"{text(given, 'catalog_name')}.{text(given, 'schema_name')}")
    model = Securable(Kind.MODEL, f"{schema.name}.{checked_name(Kind.MODEL, text(given, 'name'))}")
    request.path_params["full_name"] = model.name  # for the audit log
    comment = text(given, "comment", "")

    def made(unity: UnityCatalog, access: CallerAccess) -> Any:
        access.check(Privilege.CREATE_MODEL, schema)
        unity.securables.get(schema)
        created = _call(request, "create_registered_model", model.name, [], comment)
        record = unity.securables.new(model, access.who.name, comment)
        unity.securables.state.catalog.add(record, instead=True)
        return created

    return DatabricksJson(_told_model(await asked(request, made)))


@ROUTES.add("GET", MODEL)
async def get_registered_model(request: Request) -> Response:
    """One model."""
    return DatabricksJson(_told_model(await _with_model(request, _sees, partial(_call, request, _GET))))


@ROUTES.add("PATCH", MODEL)
async def update_registered_model(request: Request) -> Response:
    """Change what is said of a model."""
    given = await read_body(request)
    elsewhere = {"new_name": "aliases and endpoints name it", "owner": "owners of models are their makers"}
    refuse_fields(given, frozenset({"comment", "full_name", "name"}), elsewhere, "")
    comment = text(given, "comment", "")

    def changed(name: str) -> Any:
        return _call(request, "update_registered_model", name, comment)

    return DatabricksJson(_told_model(await _with_model(request, _manages, changed)))


@ROUTES.add("DELETE", MODEL)
async def delete_registered_model(request: Request) -> Response:
    """Take a model away, with its versions."""
    name = full_name(Kind.MODEL, request.path_params["full_name"]).name
    await _with_model(request, _manages, partial(_call_stores, request, "delete_model"))
    await asked(request, lambda unity, _access: unity.securables.state.catalog.remove(Kind.MODEL, name))
    return DatabricksJson({})


@ROUTES.add("PUT", ALIAS)
async def set_registered_model_alias(request: Request) -> Response:
    """Point an alias to a version."""
    given = await read_body(request)
    refuse_fields(given, frozenset({"version_num", "full_name", "alias"}), {}, "")
    alias, version = request.path_params["alias"], given.get("version_num")
    if type(version) is not int:
        raise InvalidInput("version_num must be a whole number")

    def pointed(name: str) -> Any:
        return _call(request, "set_registered_model_alias", name, alias, str(version))

    await _with_model(request, _manages, pointed)
    return DatabricksJson({"alias_name": alias, "version_num": version})


@ROUTES.add("DELETE", ALIAS)
async def delete_registered_model_alias(request: Request) -> Response:
    """Take an alias away."""
    alias = request.path_params["alias"]
    await _with_model(request, _manages, lambda name: _call(request, "delete_registered_model_alias", name, alias))
    return DatabricksJson({})


@ROUTES.add("GET", ALIAS)
async def get_model_version_by_alias(request: Request) -> Response:
    """The version that an alias points to."""
    alias = request.path_params["alias"]
    found = await _with_model(
        request, _sees, lambda name: _call(request, "get_model_version_by_alias", name, alias)
    )  # fmt: skip
    return DatabricksJson(_told_version(found))


@ROUTES.add("GET", VERSIONS)
async def list_model_versions(request: Request) -> Response:
    """The versions of a model."""

    def found(name: str) -> list[Any]:
        _call(request, _GET, name)
        return _pages(request, "search_model_versions", f"name='{name}'")

    return listed(request, "model_versions", await _with_model(request, _sees, found), _told_version)


@ROUTES.add("POST", f"{MODELS}/versions")
async def create_model_version(request: Request) -> Response:
    """Refused, with the reason."""
    await read_body(request)
    raise FeatureDisabled("versions come with their files, by MLflow: mlflow.register_model(…), registry databricks-uc")


@ROUTES.add("GET", VERSION)
async def get_model_version(request: Request) -> Response:
    """One version."""
    number = request.path_params["version"]
    found = await _with_model(request, _sees, lambda name: _call(request, "get_model_version", name, number))
    return DatabricksJson(_told_version(found))


@ROUTES.add("PATCH", VERSION)
async def update_model_version(request: Request) -> Response:
    """Change what is said of a version."""
    given = await read_body(request)
    refuse_fields(given, frozenset({"comment", "full_name", "version"}), {}, "")
    number, comment = request.path_params["version"], text(given, "comment", "")

    def changed(name: str) -> Any:
        return _call(request, "update_model_version", name, number, comment)

    return DatabricksJson(_told_version(await _with_model(request, _manages, changed)))


@ROUTES.add("DELETE", VERSION)
async def delete_model_version(request: Request) -> Response:
    """Take a version away."""
    number = request.path_params["version"]
    await _with_model(request, _manages, lambda name: _call_stores(request, "delete_version", name, str(number)))
    return DatabricksJson({})


_GET = "get_registered_model"


def _sees(access: CallerAccess, model: Securable) -> None:
    access.check_sees(model)


def _manages(access: CallerAccess, model: Securable) -> None:
    access.check_manages(model)


async def _with_model(request: Request, check: Callable[[CallerAccess, Securable], None], do: Callable[[str], T]) -> T:
    """Do something with the model that the path names, when the caller may."""
    model = full_name(Kind.MODEL, request.path_params["full_name"])

    def done(_unity: UnityCatalog, access: CallerAccess) -> T:
        check(access, model)
        return do(model.name)

    return await asked(request, done)


def _call(request: Request, operation: str, *arguments: Any, **named: Any) -> Any:
    """An operation of MLflow's registry, with its errors in our words."""
    return _in_our_words(getattr(stores_of(request).models, operation), *arguments, **named)


def _call_stores(request: Request, operation: str, *arguments: Any) -> Any:
    """An operation that is about files, too."""
    return _in_our_words(getattr(stores_of(request), operation), *arguments)


def _in_our_words(do: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    in_our_words = import_late("quikapp_ml.databricks_api.mlflow.operations").in_our_words
    return in_our_words(partial(do, *arguments, **named))


def _pages(request: Request, search: str, filter_string: str | None = None) -> list[Any]:
    found: list[Any] = []
    token: str | None = None
    while True:
        page = _call(request, search, filter_string=filter_string, max_results=_PAGE, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _told_model(model: Any) -> dict[str, Any]:
    aliases = [{"alias_name": name, "version_num": int(number)} for name, number in sorted(model.aliases.items())]
    return without_none(
        {
            **_placed(model.name, "name"),
            "full_name": model.name,
            "comment": model.description or None,
            "metastore_id": METASTORE_ID,
            "created_at": model.creation_timestamp,
            "updated_at": model.last_updated_timestamp,
            "aliases": aliases or None,
        }
    )


def _told_version(version: Any) -> dict[str, Any]:
    aliases = [{"alias_name": name, "version_num": int(version.version)} for name in sorted(version.aliases)]
    return without_none(
        {
            **_placed(version.name, "model_name"),
            "version": int(version.version),
            "comment": version.description or None,
            "metastore_id": METASTORE_ID,
            "created_at": version.creation_timestamp,
            "updated_at": version.last_updated_timestamp,
            "run_id": version.run_id or None,
            "status": version.status,
            "aliases": aliases or None,
        }
    )


def _placed(name: str, field: str) -> dict[str, str]:
    parts = name.split(".", 2)
    return dict(zip(("catalog_name", "schema_name", field), parts, strict=True))
