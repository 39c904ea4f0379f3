"""What every client asks first: where it is, and who it is."""

from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.requests import caller_of
from quikapp_ml.databricks_api.routing import WorkspaceRoutes

WORKSPACE_ID = "1"
"""There is one workspace here."""

ROUTES = WorkspaceRoutes()


@ROUTES.add("GET", "/.well-known/databricks-config")
async def workspace_config(request: Request) -> Response:
    """Asked by every new client, without a token; MLflow makes one for each of its calls."""
    base = str(request.base_url).rstrip("/")
    return DatabricksJson({"oidc_endpoint": f"{base}/oidc", "workspace_id": WORKSPACE_ID, "cloud": "AWS"})


@ROUTES.add("GET", "/api/2.0/preview/scim/v2/Me")
async def current_user(request: Request) -> Response:
    """Who holds the token."""
    caller = caller_of(request)
    groups = ["users", "admins"] if caller.is_admin else ["users"]
    return DatabricksJson(
        {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": caller.name,
            "userName": caller.name,
            "displayName": caller.name,
            "active": True,
            "emails": [{"primary": True, "type": "work", "value": caller.name}],
            "groups": [{"display": name, "value": name} for name in groups],
        }
    )
