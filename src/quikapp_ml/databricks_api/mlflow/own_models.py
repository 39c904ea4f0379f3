"""The service's own models, which answer under `/api/ml`.

Administrators alone change them. The moves of the aliases that let a version answer are recorded, as the gate's are.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from quikapp_ml.errors import PermissionDenied
from quikapp_ml.models import MODEL_CLASSES
from quikapp_ml.serving.catalog.access import CallerAccess
from quikapp_ml.stores.registry.base import CHALLENGER, CHAMPION
from quikapp_ml.training.alias_moves import Move, move_alias

SET_ALIAS = "set_registered_model_alias"
WHY = "by a client of MLflow, past the gate"


def is_own(name: Any) -> bool:
    """Whether the service answers by the model of this name."""
    return isinstance(name, str) and name in MODEL_CLASSES


def check_may_change(access: CallerAccess, name: str) -> None:
    """Raises PermissionDenied when the caller may not change a model of the service."""
    if not access.who.is_admin:
        raise PermissionDenied(f"the service answers by {name}: only an administrator changes it")


def record_move(request: Request, who: str, given: Mapping[str, Any]) -> None:
    """Record, and make, a move of an alias that lets a version answer; what does not exist the registry refuses."""
    name, alias, version = (str(given.get(each, "")) for each in ("name", "alias", "version"))
    service = request.app.state.service
    found = {str(each.number): each for each in service.registry.versions(name)}
    if alias not in (CHAMPION, CHALLENGER) or version not in found:
        return
    holder = service.registry.by_alias(name, alias)
    move = Move(
        datetime.now(UTC), who, name, alias, holder.number if holder else None, found[version].number, WHY,
        {"metrics": dict(found[version].metrics), "table_versions": dict(found[version].table_versions)},
    )  # fmt: skip
    move_alias(service.registry, service.lake, move)
