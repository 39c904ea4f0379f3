"""Grants: `w.grants`."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.requests import objects, page, read_body, refuse_fields, text
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.databricks_api.unity_catalog.asking import PATH, asked, privilege_text, privileges
from quikapp_ml.databricks_api.unity_catalog.bodies import without_none
from quikapp_ml.errors import InvalidInput
from quikapp_ml.serving.catalog.access import CallerAccess
from quikapp_ml.serving.catalog.grants import Assignments, GrantChange
from quikapp_ml.serving.catalog.rules import Kind, Privilege, Securable
from quikapp_ml.serving.catalog.securables import full_name
from quikapp_ml.serving.catalog.unity import UnityCatalog

PERMISSIONS = f"{PATH}/permissions/{{securable_type}}/{{full_name}}"
EFFECTIVE = f"{PATH}/effective-permissions/{{securable_type}}/{{full_name}}"
_KINDS = {kind.value: kind for kind in Kind} | {"model": Kind.MODEL}

ROUTES = WorkspaceRoutes()


@ROUTES.add("GET", PERMISSIONS)
async def get_permissions(request: Request) -> Response:
    """What was granted on a securable itself."""
    found = await asked(
        request, lambda unity, access: unity.grants.direct(access, _securable(unity, request), _principal(request))
    )  # fmt: skip
    return _told_direct(request, found)


@ROUTES.add("PATCH", PERMISSIONS)
async def update_permissions(request: Request) -> Response:
    """Grant and revoke, all at once."""
    given = await read_body(request)
    refuse_fields(given, frozenset({"changes", "full_name", "securable_type", "omit_permissions_in_response"}), {}, "")
    changes = [_read_change(each) for each in objects(given, "changes")]

    def changed(unity: UnityCatalog, access: CallerAccess) -> None:
        unity.grants.change(access, _securable(unity, request), changes)

    await asked(request, changed)
    if given.get("omit_permissions_in_response") is True:
        return DatabricksJson({})
    return _told_direct(
        request, await asked(request, lambda unity, access: unity.grants.direct(access, _securable(unity, request)))
    )


@ROUTES.add("GET", EFFECTIVE)
async def get_effective_permissions(request: Request) -> Response:
    """What holds on a securable, with what it is inherited from."""

    def found(unity: UnityCatalog, access: CallerAccess) -> tuple[Securable, Assignments]:
        on = _securable(unity, request)
        return on, unity.grants.effective(access, on, _principal(request))

    on, assignments = await asked(request, found)
    told = [
        {"principal": who, "privileges": [_told_effective(request, on, *each) for each in sorted(held.items())]}
        for who, held in assignments.items()
    ]
    return _paged(request, told)


def _told_direct(request: Request, found: Assignments) -> Response:
    told = [
        {"principal": who, "privileges": [privilege_text(request, each) for each in sorted(held)]}
        for who, held in found.items()
    ]
    return _paged(request, told)


def _told_effective(request: Request, on: Securable, privilege: Privilege, where: Securable) -> dict[str, Any]:
    inherited = where != on
    return without_none(
        {
            "privilege": privilege_text(request, privilege),
            "inherited_from_type": where.kind.value.upper() if inherited else None,
            "inherited_from_name": where.name if inherited else None,
        }
    )


def _paged(request: Request, told: list[dict[str, Any]]) -> Response:
    found, token = page(request, told)
    return DatabricksJson({"privilege_assignments": list(found), **({"next_page_token": token} if token else {})})


def _securable(unity: UnityCatalog, request: Request) -> Securable:
    """What the path names. Databricks calls registered models functions here."""
    given = request.path_params["securable_type"].lower()
    if given not in _KINDS:
        raise InvalidInput(f"securable_type {given[:80]!r} is unknown; known are {', '.join(_KINDS)}")
    securable = full_name(_KINDS[given], request.path_params["full_name"])
    if securable.kind is Kind.FUNCTION and unity.securables.find(securable) is None:
        model = Securable(Kind.MODEL, securable.name)
        return model if unity.grants.exists(model) else securable
    return securable


def _principal(request: Request) -> str:
    return request.query_params.get("principal", "")


def _read_change(told: Mapping[str, Any]) -> GrantChange:
    refuse_fields(told, frozenset({"principal", "add", "remove"}), {}, "changes.")
    return GrantChange(text(told, "principal"), privileges(told, "add"), privileges(told, "remove"))
