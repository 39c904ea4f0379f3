"""Unity Catalog's REST API: `/api/2.1/unity-catalog/…`."""

from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.databricks_api.unity_catalog import (
    commits,
    credentials,
    functions,
    metastore,
    models,
    namespaces,
    permissions,
    principals,
    tables,
    volumes,
)

ROUTES = WorkspaceRoutes(
    [
        *metastore.ROUTES,
        *namespaces.ROUTES,
        *tables.ROUTES,
        *volumes.ROUTES,
        *functions.ROUTES,
        *models.ROUTES,
        *permissions.ROUTES,
        *commits.ROUTES,
        *credentials.ROUTES,
        *principals.ROUTES,
    ]
)
