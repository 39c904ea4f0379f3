"""SQL of the workspace: `/api/2.0/sql/…`."""

from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.databricks_api.sql import statements, thrift, warehouses

ROUTES = WorkspaceRoutes([*warehouses.ROUTES, *statements.ROUTES, *thrift.ROUTES])
