"""What an endpoint serves and writes must be granted to who makes it: models of Unity Catalog, inference tables."""

from starlette.requests import Request

from quikapp_ml.databricks_api.requests import caller_of
from quikapp_ml.serving.catalog.rules import Kind, Privilege, Securable
from quikapp_ml.serving.catalog.unity import UnityCatalog
from quikapp_ml.serving.endpoint_changes import WantedConfig


def check_config(request: Request, wanted: WantedConfig) -> None:
    """Raises PermissionDenied without EXECUTE on a model, or CREATE TABLE where requests are written down."""
    caller = caller_of(request)
    models = [each.model for each in wanted.entities if each.model.count(".") == 2]
    if caller.is_admin or not (models or wanted.auto_capture):
        return
    unity: UnityCatalog = request.app.state.service.unity
    access = unity.access(caller)
    for model in models:
        access.check(Privilege.EXECUTE, Securable(Kind.MODEL, model))
    if wanted.auto_capture is not None:
        schema = f"{wanted.auto_capture.catalog}.{wanted.auto_capture.schema}"
        access.check(Privilege.CREATE_TABLE, Securable(Kind.SCHEMA, schema))
