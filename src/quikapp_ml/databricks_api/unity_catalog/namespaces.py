"""Catalogs and schemas: `w.catalogs`, `w.schemas`. Handlers are named as Databricks' audit log names what they do."""

from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.requests import read_body, refuse_fields, text
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.databricks_api.unity_catalog.asking import PATH, asked, is_asked, listed, properties, query, read_change
from quikapp_ml.databricks_api.unity_catalog.bodies import told_catalog, told_schema
from quikapp_ml.serving.catalog.rules import Kind

CATALOGS = f"{PATH}/catalogs"
SCHEMAS = f"{PATH}/schemas"
_ELSEWHERE = {
    "connection_name": "there are no connections to other databases",
    "options": "there are no connections to other databases",
    "provider_name": "tables of others are read by the Delta Sharing protocol",
    "share_name": "tables of others are read by the Delta Sharing protocol",
    "storage_root": "managed tables are in the lake of the service",
}

ROUTES = WorkspaceRoutes()


@ROUTES.add("GET", CATALOGS)
async def list_catalogs(request: Request) -> Response:
    """All catalogs that the caller may know of."""
    found = await asked(request, lambda unity, access: unity.namespaces.catalogs(access))
    return listed(request, "catalogs", found, told_catalog)


@ROUTES.add("POST", CATALOGS)
async def create_catalog(request: Request) -> Response:
    """Make a catalog."""
    given = await read_body(request)
    refuse_fields(given, frozenset({"name", "comment", "properties"}), _ELSEWHERE, "")
    name = request.path_params["name"] = text(given, "name")  # for the audit log
    comment, told = text(given, "comment", ""), properties(given)
    made = await asked(request, lambda unity, access: unity.namespaces.create_catalog(access, name, comment, told))
    return DatabricksJson(told_catalog(made))


@ROUTES.add("GET", f"{CATALOGS}/{{name}}")
async def get_catalog(request: Request) -> Response:
    """One catalog."""
    name = request.path_params["name"]
    return DatabricksJson(
        told_catalog(await asked(request, lambda unity, access: unity.namespaces.get(access, Kind.CATALOG, name)))
    )


@ROUTES.add("PATCH", f"{CATALOGS}/{{name}}")
async def update_catalog(request: Request) -> Response:
    """Change what is said of a catalog, or its name."""
    name, change = request.path_params["name"], read_change(await read_body(request), "new_name", "properties")
    changed = await asked(
        request, lambda unity, access: unity.namespaces.update(access, Kind.CATALOG, name, change)
    )  # fmt: skip
    return DatabricksJson(told_catalog(changed))


@ROUTES.add("DELETE", f"{CATALOGS}/{{name}}")
async def delete_catalog(request: Request) -> Response:
    """Drop a catalog; one that is not empty by force only."""
    name, force = request.path_params["name"], is_asked(request, "force")
    await asked(request, lambda unity, access: unity.namespaces.drop(access, Kind.CATALOG, name, force=force))
    return DatabricksJson({})


@ROUTES.add("GET", SCHEMAS)
async def list_schemas(request: Request) -> Response:
    """The schemas of a catalog that the caller may know of."""
    catalog = query(request, "catalog_name")
    found = await asked(request, lambda unity, access: unity.namespaces.schemas(access, catalog))
    return listed(request, "schemas", found, told_schema)


@ROUTES.add("POST", SCHEMAS)
async def create_schema(request: Request) -> Response:
    """Make a schema."""
    given = await read_body(request)
    refuse_fields(given, frozenset({"name", "catalog_name", "comment", "properties"}), _ELSEWHERE, "")
    catalog, name, comment = text(given, "catalog_name"), text(given, "name"), text(given, "comment", "")
    request.path_params["full_name"] = f"{catalog}.{name}"  # for the audit log
    told = properties(given)
    made = await asked(
        request, lambda unity, access: unity.namespaces.create_schema(access, catalog, name, comment, told)
    )  # fmt: skip
    return DatabricksJson(told_schema(made))


@ROUTES.add("GET", f"{SCHEMAS}/{{full_name}}")
async def get_schema(request: Request) -> Response:
    """One schema."""
    name = request.path_params["full_name"]
    found = await asked(request, lambda unity, access: unity.namespaces.get(access, Kind.SCHEMA, name))
    return DatabricksJson(told_schema(found))


@ROUTES.add("PATCH", f"{SCHEMAS}/{{full_name}}")
async def update_schema(request: Request) -> Response:
    """Change what is said of a schema, or its name."""
    name, change = request.path_params["full_name"], read_change(await read_body(request), "new_name", "properties")
    changed = await asked(request, lambda unity, access: unity.namespaces.update(access, Kind.SCHEMA, name, change))
    return DatabricksJson(told_schema(changed))


@ROUTES.add("DELETE", f"{SCHEMAS}/{{full_name}}")
async def delete_schema(request: Request) -> Response:
    """Drop a schema; one that is not empty by force only."""
    name, force = request.path_params["full_name"], is_asked(request, "force")
    await asked(request, lambda unity, access: unity.namespaces.drop(access, Kind.SCHEMA, name, force=force))
    return DatabricksJson({})
