"""What an endpoint serves and writes must be granted to who makes it: models of Unity Catalog, inference tables.

Models with plain names are anybody's to register, and their code runs in the service: administrators alone serve them.
"""

from starlette.requests import Request

from quikapp_ml.databricks_api.requests import caller_of
from quikapp_ml.errors import PermissionDenied
from quikapp_ml.models import MODEL_CLASSES
from quikapp_ml.serving.catalog.rules import Kind, Privilege, Securable
from quikapp_ml.serving.catalog.unity import UnityCatalog
from quikapp_ml.serving.endpoint_changes import WantedConfig


def check_config(request: Request, wanted: WantedConfig) -> None:
    """Raises PermissionDenied without EXECUTE on a model, or CREATE TABLE where requests are written down."""
    caller = caller_of(request)
    if caller.is_admin:
        return
    models = [each.model for each in wanted.entities if each.model not in MODEL_CLASSES]
    plain = [model for model in models if model.count(".") != 2]
    if plain:
        raise PermissionDenied(
            f"model {plain[0][:200]!r} is of the workspace registry, and its code would run in the service: only an "
            "administrator serves it; register it in Unity Catalog, where EXECUTE can be granted"
        )
    if not (models or wanted.auto_capture):
        return
    unity: UnityCatalog = request.app.state.service.unity
    access = unity.access(caller)
    for model in models:
        access.check(Privilege.EXECUTE, Securable(Kind.MODEL, model))
    if wanted.auto_capture is not None:
        schema = f"{wanted.auto_capture.catalog}.{wanted.auto_capture.schema}"
        access.check(Privilege.CREATE_TABLE, Securable(Kind.SCHEMA, schema))
