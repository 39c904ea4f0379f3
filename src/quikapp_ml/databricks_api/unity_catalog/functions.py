"""Functions: `w.functions`. They are described, not run."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.requests import read_body, refuse_fields, text
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.databricks_api.unity_catalog.asking import PATH, asked, listed, query, read_change
from quikapp_ml.databricks_api.unity_catalog.bodies import told_function
from quikapp_ml.errors import InvalidInput

FUNCTIONS = f"{PATH}/functions"
_NEEDED = ("data_type", "full_data_type", "routine_body", "routine_definition")
_DETAILS = frozenset(
    {*_NEEDED, "input_params", "return_params", "parameter_style", "is_deterministic", "sql_data_access", "properties"}
) | {
    "is_null_call", "security_type", "specific_name", "external_language", "external_name", "routine_dependencies",
    "sql_path",
}  # fmt: skip

ROUTES = WorkspaceRoutes()


@ROUTES.add("GET", FUNCTIONS)
async def list_functions(request: Request) -> Response:
    """The functions of a schema that the caller may know of."""
    schema = f"{query(request, 'catalog_name')}.{query(request, 'schema_name')}"
    found = await asked(request, lambda unity, access: unity.functions.all(access, schema))
    return listed(request, "functions", found, told_function)


@ROUTES.add("POST", FUNCTIONS)
async def create_function(request: Request) -> Response:
    """Keep the description of a function."""
    given = (await read_body(request)).get("function_info")
    if not isinstance(given, dict):
        raise InvalidInput("the body needs function_info, an object")
    refuse_fields(given, _DETAILS | {"name", "catalog_name", "schema_name", "comment"}, {}, "function_info.")
    schema, name = f"{text(given, 'catalog_name')}.{text(given, 'schema_name')}", text(given, "name")
    comment, details = text(given, "comment", ""), _read_details(given)
    request.path_params["name"] = f"{schema}.{name}"  # for the audit log
    made = await asked(request, lambda unity, access: unity.functions.create(access, schema, name, comment, details))
    return DatabricksJson(told_function(made))


@ROUTES.add("GET", f"{FUNCTIONS}/{{name}}")
async def get_function(request: Request) -> Response:
    """One function."""
    name = request.path_params["name"]
    return DatabricksJson(told_function(await asked(request, lambda unity, access: unity.functions.get(access, name))))


@ROUTES.add("PATCH", f"{FUNCTIONS}/{{name}}")
async def update_function(request: Request) -> Response:
    """Give a function another owner."""
    name, change = request.path_params["name"], read_change(await read_body(request))
    changed = await asked(request, lambda unity, access: unity.functions.update(access, name, change))
    return DatabricksJson(told_function(changed))


@ROUTES.add("DELETE", f"{FUNCTIONS}/{{name}}")
async def delete_function(request: Request) -> Response:
    """Forget a function."""
    name = request.path_params["name"]
    await asked(request, lambda unity, access: unity.functions.drop(access, name))
    return DatabricksJson({})


def _read_details(given: Mapping[str, Any]) -> dict[str, Any]:
    for name in _NEEDED:
        text(given, name)
    return {name: given[name] for name in sorted(_DETAILS) if given.get(name) is not None}
