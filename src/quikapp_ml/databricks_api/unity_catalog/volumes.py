"""Volumes: `w.volumes`, and their files by `w.files` below `/Volumes/…`."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.files import FileTree
from quikapp_ml.databricks_api.requests import caller_of, read_body, refuse_fields, text
from quikapp_ml.databricks_api.unity_catalog.asking import PATH, Service, asked, listed, query, read_change
from quikapp_ml.databricks_api.unity_catalog.bodies import told_volume
from quikapp_ml.errors import InvalidInput
from quikapp_ml.serving.catalog.volumes import EXTERNAL, MANAGED

VOLUMES = f"{PATH}/volumes"
FILES = "/Volumes/{catalog}/{schema}/{volume}"


def _folder(request: Request, writes: bool) -> Path:
    service: Service = request.app.state.service
    name = ".".join(request.path_params[part] for part in ("catalog", "schema", "volume"))
    return service.unity.volumes.folder(service.unity.access(caller_of(request)), name, writes=writes)


def _uploads(_request: Request, path: Path) -> Path:
    return path.parent


ROUTES = FileTree(_folder, _uploads).routes((FILES,))


@ROUTES.add("GET", VOLUMES)
async def list_volumes(request: Request) -> Response:
    """The volumes of a schema that the caller may know of."""
    schema = f"{query(request, 'catalog_name')}.{query(request, 'schema_name')}"
    found = await asked(request, lambda unity, access: unity.volumes.all(access, schema))
    return listed(request, "volumes", found, told_volume)


@ROUTES.add("POST", VOLUMES)
async def create_volume(request: Request) -> Response:
    """Make a volume."""
    given = await read_body(request)
    known = frozenset({"name", "catalog_name", "schema_name", "volume_type", "storage_location", "comment"})
    refuse_fields(given, known, {}, "")
    schema, name = f"{text(given, 'catalog_name')}.{text(given, 'schema_name')}", text(given, "name")
    kind, location = text(given, "volume_type", MANAGED), text(given, "storage_location", "")
    if kind not in (MANAGED, EXTERNAL) or (kind == EXTERNAL) != bool(location):
        raise InvalidInput(f"volume_type must be {MANAGED}, or {EXTERNAL} with a storage_location")
    comment = text(given, "comment", "")
    request.path_params["name"] = f"{schema}.{name}"  # for the audit log
    made = await asked(request, lambda unity, access: unity.volumes.create(access, schema, name, comment, location))
    return DatabricksJson(told_volume(made))


@ROUTES.add("GET", f"{VOLUMES}/{{name}}")
async def get_volume(request: Request) -> Response:
    """One volume."""
    name = request.path_params["name"]
    return DatabricksJson(told_volume(await asked(request, lambda unity, access: unity.volumes.get(access, name))))


@ROUTES.add("PATCH", f"{VOLUMES}/{{name}}")
async def update_volume(request: Request) -> Response:
    """Change what is said of a volume, or its name."""
    name, change = request.path_params["name"], read_change(await read_body(request), "new_name")
    changed = await asked(request, lambda unity, access: unity.volumes.update(access, name, change))
    return DatabricksJson(told_volume(changed))


@ROUTES.add("DELETE", f"{VOLUMES}/{{name}}")
async def delete_volume(request: Request) -> Response:
    """Drop a volume; the files of an external one stay."""
    name = request.path_params["name"]
    await asked(request, lambda unity, access: unity.volumes.drop(access, name))
    return DatabricksJson({})
