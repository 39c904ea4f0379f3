"""Groups and service principals, a small part of SCIM: `w.groups`, `w.service_principals`.

Users are those who hold tokens; their id is their name. Administrators change, everybody may look.

References: RFC 7644
"""

import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.requests import caller_of, objects, read_body, text
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.errors import FeatureDisabled, InvalidInput, NotFound, PermissionDenied
from quikapp_ml.serving.catalog.access import GROUP, SERVICE_PRINCIPAL
from quikapp_ml.serving.catalog.rules import EVERYBODY
from quikapp_ml.stores.state.catalog import Principal, Principals

SCIM = "/api/2.0/preview/scim/v2"
GROUPS = f"{SCIM}/Groups"
SERVICES = f"{SCIM}/ServicePrincipals"
_RESERVED = frozenset({*EVERYBODY, "admins"})
_FILTER = re.compile(r"(\w+)\s+eq\s+(?:\"([^\"]*)\"|'([^']*)'|(\S+))", re.IGNORECASE)
_MEMBER_PATH = re.compile(r"members\[\s*value\s+eq\s+[\"']([^\"']+)[\"']\s*\]", re.IGNORECASE)

ROUTES = WorkspaceRoutes()


@ROUTES.add("GET", GROUPS)
async def list_groups(request: Request) -> Response:
    """All groups, or those of a display name."""
    principals = _principals(request)
    ids = await run_in_threadpool(_ids, principals)
    return _listed(request, [_told_group(each, ids) for each in await run_in_threadpool(principals.all, GROUP)])


@ROUTES.add("POST", GROUPS)
async def create_group(request: Request) -> Response:
    """Make a group."""
    given = await read_body(request)
    principals = _changing(request)
    name = request.path_params["name"] = _name(text(given, "displayName"))  # for the audit log

    def made() -> dict[str, Any]:
        members = _members(principals, objects(given, "members"))
        group = Principal(GROUP, str(uuid.uuid4()), name, name, members)
        principals.add(group)
        return _told_group(group, _ids(principals))

    return DatabricksJson(await run_in_threadpool(made))


@ROUTES.add("GET", f"{GROUPS}/{{id}}")
async def get_group(request: Request) -> Response:
    """One group."""
    principals = _principals(request)
    return DatabricksJson(
        await run_in_threadpool(lambda: _told_group(_found(principals, GROUP, request), _ids(principals)))
    )


@ROUTES.add("PUT", f"{GROUPS}/{{id}}")
async def update_group(request: Request) -> Response:
    """Say anew who is in a group."""
    given = await read_body(request)

    def changed(principals: Principals, group: Principal) -> Principal:
        return replace(group, members=_members(principals, objects(given, "members")))

    await _change_group(request, changed)
    return DatabricksJson({})


@ROUTES.add("PATCH", f"{GROUPS}/{{id}}")
async def patch_group(request: Request) -> Response:
    """Add members to a group, or take them out."""
    operations = objects(await read_body(request), "Operations")

    def changed(principals: Principals, group: Principal) -> Principal:
        for each in operations:
            group = _patched(principals, group, each)
        return group

    await _change_group(request, changed)
    return DatabricksJson({})


@ROUTES.add("DELETE", f"{GROUPS}/{{id}}")
async def delete_group(request: Request) -> Response:
    """Take a group away; grants to it reach nobody from then on."""
    await run_in_threadpool(_changing(request).remove, GROUP, request.path_params["id"])
    return DatabricksJson({})


@ROUTES.add("GET", SERVICES)
async def list_service_principals(request: Request) -> Response:
    """All service principals, or those of a display name or application id."""
    found = await run_in_threadpool(_principals(request).all, SERVICE_PRINCIPAL)
    return _listed(request, [_told_service(each) for each in found])


@ROUTES.add("POST", SERVICES)
async def create_service_principal(request: Request) -> Response:
    """Make a service principal; its application id is what grants name, and who its tokens belong to."""
    given = await read_body(request)
    application = text(given, "applicationId", str(uuid.uuid4()))
    made = Principal(SERVICE_PRINCIPAL, str(uuid.uuid4()), _name(application), text(given, "displayName", application))
    request.path_params["name"] = made.name  # for the audit log
    await run_in_threadpool(_changing(request).add, made)
    return DatabricksJson(_told_service(made))


@ROUTES.add("GET", f"{SERVICES}/{{id}}")
async def get_service_principal(request: Request) -> Response:
    """One service principal."""
    found = await run_in_threadpool(_found, _principals(request), SERVICE_PRINCIPAL, request)
    return DatabricksJson(_told_service(found))


@ROUTES.add("DELETE", f"{SERVICES}/{{id}}")
async def delete_service_principal(request: Request) -> Response:
    """Take a service principal away; its tokens are revoked by `quikapp-ml tokens`."""
    await run_in_threadpool(_changing(request).remove, SERVICE_PRINCIPAL, request.path_params["id"])
    return DatabricksJson({})


async def _change_group(request: Request, change: Callable[[Principals, Principal], Principal]) -> None:
    principals = _changing(request)

    def changed() -> None:
        principals.replace(change(principals, _found(principals, GROUP, request)))

    await run_in_threadpool(changed)


def _patched(principals: Principals, group: Principal, operation: Mapping[str, Any]) -> Principal:
    action, path, value = text(operation, "op").lower(), text(operation, "path", ""), operation.get("value")
    one = _MEMBER_PATH.fullmatch(path)
    if isinstance(value, Mapping):
        value = value.get("members")
    if one is None and path not in ("", "members"):
        raise FeatureDisabled(f"only members of a group can be changed, not {path[:80]!r}")
    told = [{"value": one[1]}] if one else [each for each in value or () if isinstance(each, Mapping)]
    named = set(_members(principals, told))
    if action == "remove":
        left = set(group.members) - named if told else set()
        return replace(group, members=tuple(sorted(left)))
    if action not in ("add", "replace"):
        raise InvalidInput(f"op {action[:40]!r} is unknown; use add, remove or replace")
    kept = set(group.members) if action == "add" else set()
    return replace(group, members=tuple(sorted(kept | named)))


def _members(principals: Principals, told: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Names behind the ids of members; an id that is none is the name of a user."""
    names = {each.principal_id: each.name for kind in (GROUP, SERVICE_PRINCIPAL) for each in principals.all(kind)}
    given = [_name(text(each, "value")) for each in told]
    return tuple(sorted({names.get(each, each) for each in given}))


def _ids(principals: Principals) -> dict[str, str]:
    return {each.name: each.principal_id for kind in (SERVICE_PRINCIPAL, GROUP) for each in principals.all(kind)}


def _told_group(group: Principal, ids: Mapping[str, str]) -> dict[str, Any]:
    members = [{"display": name, "value": ids.get(name, name)} for name in group.members]
    return {
        "id": group.principal_id,
        "displayName": group.name,
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        **({"members": members} if members else {}),
    }


def _told_service(service: Principal) -> dict[str, Any]:
    return {
        "id": service.principal_id,
        "applicationId": service.name,
        "displayName": service.display_name,
        "active": True,
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServicePrincipal"],
    }


def _listed(request: Request, told: Sequence[Mapping[str, Any]]) -> Response:
    wanted = request.query_params.get("filter", "")
    if wanted:
        match = _FILTER.fullmatch(wanted.strip())
        if match is None:
            raise InvalidInput(f'filter {wanted[:100]!r} must be such as: displayName eq "analysts"')
        value = next(group for group in match.groups()[1:] if group is not None)
        told = [each for each in told if str(each.get(match[1], "")) == value]
    start, count = (_number(request, name) for name in ("startIndex", "count"))
    first = max(start or 1, 1)
    page = told[first - 1 :][: len(told) if count is None else count]
    return DatabricksJson(
        {
            "totalResults": len(told),
            "startIndex": first,
            "itemsPerPage": len(page),
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "Resources": list(page),
        }
    )


def _number(request: Request, name: str) -> int | None:
    given = request.query_params.get(name)
    if given is None:
        return None
    if not given.isdecimal() or len(given) > 9:
        raise InvalidInput(f"{name} must be a whole number, given: {given[:80]!r}")
    return int(given)


def _name(given: str) -> str:
    if not 1 <= len(given) <= 255 or not given.isprintable():
        raise InvalidInput("a name must be 1 to 255 printable characters")
    if given in _RESERVED:
        raise InvalidInput(f"{given!r} is there from the start, and is nobody's to change")
    return given


def _found(principals: Principals, kind: str, request: Request) -> Principal:
    wanted = request.path_params["id"]
    for each in principals.all(kind):
        if each.principal_id == wanted:
            return each
    raise NotFound(f"there is no {kind.replace('_', ' ')} {wanted[:80]!r}")


def _principals(request: Request) -> Principals:
    principals: Principals = request.app.state.service.state.principals
    return principals


def _changing(request: Request) -> Principals:
    caller = caller_of(request)
    if not caller.is_admin:
        raise PermissionDenied(f"{caller.name} is no administrator, and may not change principals")
    return _principals(request)
