"""The metastore, of which there is one: `w.metastores.current`, `w.metastores.summary`."""

from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.databricks_api.unity_catalog.asking import PATH, asked
from quikapp_ml.databricks_api.unity_catalog.bodies import METASTORE_ID, milliseconds
from quikapp_ml.databricks_api.workspace import WORKSPACE_ID
from quikapp_ml.stores.lake.tables import CATALOG

ROUTES = WorkspaceRoutes()


@ROUTES.add("GET", f"{PATH}/current-metastore-assignment")
async def get_current_metastore_assignment(request: Request) -> Response:  # noqa: ARG001 every handler has it
    """Which metastore and catalog one is in."""
    return DatabricksJson(
        {"metastore_id": METASTORE_ID, "workspace_id": int(WORKSPACE_ID), "default_catalog_name": CATALOG}
    )


@ROUTES.add("GET", f"{PATH}/metastore_summary")
async def get_metastore_summary(request: Request) -> Response:
    """What the metastore is."""
    catalog = await asked(request, lambda unity, _access: unity.securables.own_catalog())
    return DatabricksJson(
        {
            "metastore_id": METASTORE_ID,
            "name": CATALOG,
            "owner": catalog.owner,
            "created_at": milliseconds(catalog.created_at),
            "created_by": catalog.created_by,
            "privilege_model_version": "1.0",
            "external_access_enabled": False,
        }
    )
