"""Tables: `w.tables`. Handlers are named as Databricks' audit log names what they do."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.requests import objects, read_body, refuse_fields, text
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.databricks_api.unity_catalog.asking import PATH, asked, is_asked, listed, properties, query, read_change
from quikapp_ml.databricks_api.unity_catalog.bodies import told_summary, told_table
from quikapp_ml.errors import FeatureDisabled, InvalidInput, NotFound
from quikapp_ml.serving.catalog.access import CallerAccess
from quikapp_ml.serving.catalog.columns import in_order, read_column
from quikapp_ml.serving.catalog.rules import Kind
from quikapp_ml.serving.catalog.securables import full_name
from quikapp_ml.serving.catalog.tables import EXTERNAL, MANAGED, NewTable, TableInfo
from quikapp_ml.serving.catalog.unity import UnityCatalog

TABLES = f"{PATH}/tables"
_FIELDS = frozenset(
    {"name", "catalog_name", "schema_name", "table_type", "data_source_format", "columns", "storage_location"}
) | {"comment", "properties"}
_ELSEWHERE = {
    "view_definition": "views are made by SQL: CREATE VIEW",
    "storage_credential_name": "keys of object stores are in the environment of the service",
    "row_filter": "a table is granted whole",
}

ROUTES = WorkspaceRoutes()


@ROUTES.add("GET", TABLES)
async def list_tables(request: Request) -> Response:
    """The tables of a schema that the caller may know of."""
    schema = f"{query(request, 'catalog_name')}.{query(request, 'schema_name')}"
    found = await asked(request, lambda unity, access: _described(unity, unity.tables.names(access, schema)))
    columns, told = not is_asked(request, "omit_columns"), not is_asked(request, "omit_properties")
    return listed(request, "tables", found, lambda info: told_table(info, columns=columns, properties=told))


@ROUTES.add("GET", f"{PATH}/table-summaries")
async def list_table_summaries(request: Request) -> Response:
    """The tables of a catalog whose schema and name match SQL patterns."""
    catalog = query(request, "catalog_name")
    schemas, names = (_pattern(request, name) for name in ("schema_name_pattern", "table_name_pattern"))

    def found(unity: UnityCatalog, access: CallerAccess) -> list[TableInfo]:
        inside = [each.name for each in unity.namespaces.schemas(access, catalog)]
        wanted = [name for name in inside if fnmatchcase(name.partition(".")[2], schemas)]
        tables = [table for schema in wanted for table in unity.tables.names(access, schema)]
        return _described(unity, [table for table in tables if fnmatchcase(table.rpartition(".")[2], names)])

    return listed(request, "tables", await asked(request, found), told_summary)


@ROUTES.add("POST", TABLES)
async def create_table(request: Request) -> Response:
    """Make a Delta table, with its first commit; with a storage_location, take or make one there."""
    given = await read_body(request)
    new = _read_new(given)
    request.path_params["full_name"] = f"{new.schema}.{new.name}"  # for the audit log
    return DatabricksJson(told_table(await asked(request, lambda unity, access: unity.tables.create(access, new))))


@ROUTES.add("POST", f"{PATH}/staging-tables")
async def create_staging_table(request: Request) -> Response:
    """Tell where the files of a managed table go that is to be made next."""
    given = await read_body(request)
    refuse_fields(given, frozenset({"name", "catalog_name", "schema_name"}), {}, "")
    schema, name = f"{text(given, 'catalog_name')}.{text(given, 'schema_name')}", text(given, "name")
    request.path_params["full_name"] = f"{schema}.{name}"  # for the audit log
    table, location = await asked(request, lambda unity, access: unity.tables.stage(access, schema, name))
    catalog, inside, short = table.name.split(".")
    told = {"name": short, "catalog_name": catalog, "schema_name": inside, "staging_location": location}
    return DatabricksJson({"id": str(uuid5(NAMESPACE_URL, location)), **told})


@ROUTES.add("GET", f"{TABLES}/{{full_name}}")
async def get_table(request: Request) -> Response:
    """One table."""
    name = request.path_params["full_name"]
    return DatabricksJson(told_table(await asked(request, lambda unity, access: unity.tables.get(access, name))))


@ROUTES.add("GET", f"{TABLES}/{{full_name}}/exists")
async def table_exists(request: Request) -> Response:
    """Whether there is such a table."""
    name = full_name(Kind.TABLE, request.path_params["full_name"])

    def exists(unity: UnityCatalog, access: CallerAccess) -> bool:
        access.check_sees(name)
        return unity.tables.exists(name.name)

    return DatabricksJson({"table_exists": await asked(request, exists)})


@ROUTES.add("PATCH", f"{TABLES}/{{full_name}}")
async def update_table(request: Request) -> Response:
    """Change what is said of a table."""
    name, change = request.path_params["full_name"], read_change(await read_body(request), "new_name", "properties")
    changed = await asked(request, lambda unity, access: unity.tables.update(access, name, change))
    return DatabricksJson(told_table(changed))


@ROUTES.add("DELETE", f"{TABLES}/{{full_name}}")
async def delete_table(request: Request) -> Response:
    """Drop a table; the files of an external one stay."""
    name = request.path_params["full_name"]
    await asked(request, lambda unity, access: unity.tables.drop(access, name))
    return DatabricksJson({})


def _described(unity: UnityCatalog, names: list[str]) -> list[TableInfo]:
    """Those that are still there: one may be dropped between its listing and its reading."""
    found = []
    for name in names:
        try:
            found.append(unity.tables.described(name))
        except NotFound:
            continue
    return found


def _read_new(given: Mapping[str, Any]) -> NewTable:
    refuse_fields(given, _FIELDS, _ELSEWHERE, "")
    kind, form = text(given, "table_type", MANAGED), text(given, "data_source_format", "DELTA")
    if form != "DELTA":
        raise FeatureDisabled(f"tables here are Delta tables; data_source_format {form[:40]!r} is not")
    if kind not in (MANAGED, EXTERNAL):
        raise FeatureDisabled(f"table_type must be {MANAGED} or {EXTERNAL}, given: {kind[:40]!r}")
    location = text(given, "storage_location", "")
    if kind == EXTERNAL and not location:
        raise InvalidInput("an external table needs a storage_location")
    told = in_order(objects(given, "columns"))
    partition = sorted((each for each in told if type(each.get("partition_index")) is int), key=_partition_index)
    is_external = kind == EXTERNAL
    return NewTable(
        f"{text(given, 'catalog_name')}.{text(given, 'schema_name')}",
        text(given, "name"),
        [read_column(each) for each in told],
        [str(each["name"]) for each in partition],
        text(given, "comment", ""),
        properties(given),
        location if is_external else "",
        staged="" if is_external else location,
    )


def _partition_index(told: Mapping[str, Any]) -> int:
    return int(told["partition_index"])


def _pattern(request: Request, name: str) -> str:
    given = request.query_params.get(name, "") or "%"
    plain = "".join(f"[{each}]" if each in "*?[" else each for each in given.lower())
    return plain.replace("%", "*").replace("_", "?")
