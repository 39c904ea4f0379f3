"""What every route of Unity Catalog reads of a request, and how its lists are answered."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.requests import caller_of, page, refuse_fields, text
from quikapp_ml.errors import InvalidInput
from quikapp_ml.serving.catalog.access import CallerAccess
from quikapp_ml.serving.catalog.rules import Privilege, read_privilege
from quikapp_ml.serving.catalog.securables import Change
from quikapp_ml.serving.catalog.unity import UnityCatalog

PATH = "/api/2.1/unity-catalog"

T = TypeVar("T")
S = TypeVar("S")

CHANGED_ELSEWHERE = {
    "enable_predictive_optimization": "tables are looked after by the service's own jobs",
    "isolation_mode": "there is one workspace",
    "managed_encryption_settings": "encrypt the disk or the bucket",
    "custom_max_retention_hours": "what is dropped is gone at once",
}


class Service(Protocol):
    """What the routes need of the service behind them."""

    @property
    def unity(self) -> UnityCatalog: ...  # noqa: D102


async def asked(request: Request, do: Callable[[UnityCatalog, CallerAccess], T]) -> T:
    """Do something with Unity Catalog for the caller of a request, in a thread."""
    service: Service = request.app.state.service
    caller = caller_of(request)

    def done() -> T:
        return do(service.unity, service.unity.access(caller))

    return await run_in_threadpool(done)


def query(request: Request, name: str) -> str:
    """A parameter that must be in the query. Raises InvalidInput."""
    value = request.query_params.get(name, "")
    if not value:
        raise InvalidInput(f"the query needs {name}")
    return value


def is_asked(request: Request, name: str) -> bool:
    """Whether a parameter of the query is true."""
    return request.query_params.get(name, "").lower() == "true"


def listed(request: Request, name: str, items: Sequence[S], told: Callable[[S], Any]) -> Response:
    """The page of a list that is asked for."""
    found, token = page(request, items)
    return DatabricksJson({name: [told(each) for each in found], **({"next_page_token": token} if token else {})})


def read_change(given: Mapping[str, Any], *more: str) -> Change:
    """What an update says. Raises InvalidInput, FeatureDisabled."""
    refuse_fields(given, frozenset({"name", "full_name", "owner", "comment", *more}), CHANGED_ELSEWHERE, "")
    owner, comment, new_name = (
        text(given, field) if given.get(field) is not None else None for field in ("owner", "comment", "new_name")
    )
    return Change(owner, comment, properties(given) if given.get("properties") is not None else None, new_name)


def properties(given: Mapping[str, Any], name: str = "properties") -> dict[str, str]:
    """A field that must be an object of texts. Raises InvalidInput."""
    value = given.get(name) or {}
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise InvalidInput(f"{name} must be an object whose values are strings")
    return value


def speaks_sdk(request: Request) -> bool:
    """Whether Databricks' SDK asks: it knows `USE_CATALOG` and no `USE CATALOG`; other clients only the latter."""
    return "databricks-sdk" in request.headers.get("user-agent", "")


def privilege_text(request: Request, privilege: Privilege) -> str:
    """A privilege in the spelling of the client."""
    return privilege.value.replace(" ", "_") if speaks_sdk(request) else privilege.value


def privileges(given: Mapping[str, Any], name: str) -> list[Privilege]:
    """A field that is a list of privileges, in either spelling. Raises InvalidInput."""
    told = given.get(name) or []
    if not isinstance(told, list) or not all(isinstance(each, str) for each in told):
        raise InvalidInput(f"{name} must be a list of privileges")
    found = [(each, read_privilege(each)) for each in told]
    unknown = [each for each, privilege in found if privilege is None]
    if unknown:
        raise InvalidInput(f"privilege {unknown[0][:80]!r} is unknown; known are {', '.join(Privilege)}")
    return [privilege for _, privilege in found if privilege is not None]
