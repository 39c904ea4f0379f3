"""The protocols of the Databricks workspace, spoken by this service on its own port; one file a protocol."""

from quikapp_ml.databricks_api import invocations, serving_endpoints, tokens, workspace
from quikapp_ml.databricks_api.jobs import routes as jobs
from quikapp_ml.databricks_api.mlflow import routes as mlflow
from quikapp_ml.databricks_api.monitors import ROUTES as MONITORS
from quikapp_ml.databricks_api.routing import WorkspaceRoute
from quikapp_ml.databricks_api.sharing import management_routes as sharing
from quikapp_ml.databricks_api.sql import ROUTES as SQL
from quikapp_ml.databricks_api.unity_catalog import ROUTES as UNITY_CATALOG

HOT_ROUTES: tuple[WorkspaceRoute, ...] = (*invocations.ROUTES,)
"""What is asked thousands of times a second: it must not wait for other routes to be tried."""

ROUTES: tuple[WorkspaceRoute, ...] = (
    *workspace.ROUTES,
    *tokens.ROUTES,
    *serving_endpoints.ROUTES,
    *sharing.ROUTES,
    *UNITY_CATALOG,
    *SQL,
    *mlflow.ROUTES,
    *jobs.ROUTES,
    *MONITORS,
)
