"""The shares and recipients API: `/api/2.1/unity-catalog/shares…`, `/api/2.1/unity-catalog/recipients…`.

They are for administrators; others ask for what recipients see, by the protocol itself. Handlers are named as
Databricks' audit log names what they do.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.errors import DatabricksJson, error_answer
from quikapp_ml.databricks_api.requests import caller_of, page, read_body, refuse_fields, text
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.databricks_api.sharing.errors import Refused
from quikapp_ml.databricks_api.sharing.management import DEFAULT_LIFE, IssuedToken, Sharing
from quikapp_ml.databricks_api.sharing.management_bodies import (
    RECIPIENT_DISABLED,
    SHARE_DISABLED,
    read_grants,
    read_share_change,
    told_grants,
    told_recipient,
    told_share,
)
from quikapp_ml.databricks_api.sharing.routes import PREFIX, Service, address_of, door_of
from quikapp_ml.errors import FeatureDisabled, InvalidInput, PermissionDenied
from quikapp_ml.stores.state.base import ControlState
from quikapp_ml.stores.state.shares import Recipient, Share

CATALOG = "/api/2.1/unity-catalog"
SHARES = f"{CATALOG}/shares"
RECIPIENTS = f"{CATALOG}/recipients"
PUBLIC = f"{CATALOG}/public"
"""Whoever has an activation code may fetch a token: no other is needed."""

ROUTES = WorkspaceRoutes()


# --- shares


@ROUTES.add("GET", SHARES)
async def list_shares(request: Request) -> Response:
    """All shares, without their tables."""
    state = _state(request)
    found, token = page(request, await run_in_threadpool(state.shares.all))
    shares = [_told_without_tables(share) for share in found]
    return DatabricksJson({"shares": shares, **({"next_page_token": token} if token else {})})


@ROUTES.add("POST", SHARES)
async def create_share(request: Request) -> Response:
    """Make an empty share."""
    sharing, given = _sharing(request), await read_body(request)
    refuse_fields(given, frozenset({"name", "comment"}), SHARE_DISABLED, "")
    name = request.path_params["name"] = text(given, "name")  # for the audit log
    made = await run_in_threadpool(sharing.create_share, name, caller_of(request).name, text(given, "comment", ""))
    return DatabricksJson(told_share(made, {}))


@ROUTES.add("GET", f"{SHARES}/{{name}}")
async def get_share(request: Request) -> Response:
    """One share, with its tables when they are asked for."""
    share = await _share(request)
    if request.query_params.get("include_shared_data", "").lower() != "true":
        return DatabricksJson(_told_without_tables(share))
    return await _described(request, share)


@ROUTES.add("PATCH", f"{SHARES}/{{name}}")
async def update_share(request: Request) -> Response:
    """Change what is said about a share, and its tables; all of it or nothing."""
    sharing, state, given = _sharing(request), _state(request), await read_body(request)
    share = await _share(request)

    def changed() -> Share:
        change = read_share_change(given, share, sharing, caller_of(request).name)
        return state.shares.change(share.name, change)

    return await _described(request, await run_in_threadpool(changed))


@ROUTES.add("DELETE", f"{SHARES}/{{name}}")
async def delete_share(request: Request) -> Response:
    """Take a share away; its tables stay."""
    await run_in_threadpool(_state(request).shares.remove, request.path_params["name"].lower())
    return DatabricksJson({})


@ROUTES.add("GET", f"{SHARES}/{{name}}/permissions")
async def get_share_permissions(request: Request) -> Response:
    """Who may read a share."""
    share = await _share(request)
    found, token = page(request, share.recipients)
    more = {"next_page_token": token} if token else {}
    return DatabricksJson({"privilege_assignments": told_grants(tuple(found)), **more})


@ROUTES.add("PATCH", f"{SHARES}/{{name}}/permissions")
async def update_share_permissions(request: Request) -> Response:
    """Let recipients read a share, or no longer."""
    state, given = _state(request), await read_body(request)
    granted, revoked = read_grants(given)
    name = request.path_params["name"].lower()
    share = await run_in_threadpool(state.shares.change_grants, name, granted, revoked)
    is_short = given.get("omit_permissions_list") is True
    return DatabricksJson({} if is_short else {"privilege_assignments": told_grants(share.recipients)})


# --- recipients


@ROUTES.add("GET", RECIPIENTS)
async def list_recipients(request: Request) -> Response:
    """All recipients."""
    found, token = page(request, await run_in_threadpool(_state(request).recipients.all))
    more = {"next_page_token": token} if token else {}
    return DatabricksJson({"recipients": [told_recipient(each) for each in found], **more})


@ROUTES.add("POST", RECIPIENTS)
async def create_recipient(request: Request) -> Response:
    """Make a recipient, and a URL where its profile can be fetched once; this answer alone tells it."""
    sharing, given = _sharing(request), await read_body(request)
    known = frozenset({"name", "comment", "owner", "authentication_type", "expiration_time", "id"})
    refuse_fields(given, known, RECIPIENT_DISABLED, "")
    if text(given, "authentication_type", "TOKEN") != "TOKEN":
        raise FeatureDisabled("recipients are let in by token: authentication_type must be TOKEN")
    name = request.path_params["name"] = text(given, "name")  # for the audit log
    owner, comment = text(given, "owner", caller_of(request).name), text(given, "comment", "")
    ends = _expiration(given)
    life = DEFAULT_LIFE if ends is None else ends - datetime.now(UTC)

    def made() -> IssuedToken:
        return sharing.create_recipient(name, owner, life, comment, by_code=True)

    return _told_with_url(request, await run_in_threadpool(made))


@ROUTES.add("GET", f"{RECIPIENTS}/{{name}}")
async def get_recipient(request: Request) -> Response:
    """One recipient."""
    return DatabricksJson(told_recipient(await _recipient(request)))


@ROUTES.add("PATCH", f"{RECIPIENTS}/{{name}}")
async def update_recipient(request: Request) -> Response:
    """Change what is said about a recipient, or let its tokens end sooner."""
    state, given = _state(request), await read_body(request)
    refuse_fields(given, frozenset({"name", "comment", "owner", "expiration_time", "id"}), RECIPIENT_DISABLED, "")
    recipient = await _recipient(request)
    owner, comment = text(given, "owner", recipient.owner), text(given, "comment", recipient.comment)
    ends = _expiration(given)
    if ends is not None:
        await run_in_threadpool(state.recipients.expire_tokens, recipient.name, ends)
    return DatabricksJson(
        told_recipient(await run_in_threadpool(state.recipients.describe, recipient.name, owner, comment))
    )


@ROUTES.add("DELETE", f"{RECIPIENTS}/{{name}}")
async def delete_recipient(request: Request) -> Response:
    """Take a recipient away, with its tokens and grants."""
    await run_in_threadpool(_state(request).recipients.remove, request.path_params["name"].lower())
    return DatabricksJson({})


@ROUTES.add("POST", f"{RECIPIENTS}/{{name}}/rotate-token")
async def rotate_recipient_token(request: Request) -> Response:
    """Make a new token, to be fetched once; the old ones end after the seconds given."""
    sharing, given = _sharing(request), await read_body(request)
    refuse_fields(given, frozenset({"name", "existing_token_expire_in_seconds"}), {}, "")
    seconds = given.get("existing_token_expire_in_seconds")
    if type(seconds) is not int:
        raise InvalidInput("existing_token_expire_in_seconds must be a whole number, 0 or more")
    name = request.path_params["name"]
    issued = await run_in_threadpool(lambda: sharing.rotate(name, DEFAULT_LIFE, seconds, by_code=True))
    return _told_with_url(request, issued)


@ROUTES.add("GET", f"{RECIPIENTS}/{{name}}/share-permissions")
async def get_recipient_share_permissions(request: Request) -> Response:
    """Which shares a recipient may read."""
    recipient = await _recipient(request)
    found, token = page(request, recipient.shares)
    told = [{"share_name": name, "privilege_assignments": told_grants((recipient.name,))} for name in found]
    return DatabricksJson({"permissions_out": told, **({"next_page_token": token} if token else {})})


# --- fetching a token


@ROUTES.add("GET", f"{PUBLIC}/data_sharing_activation/{{code:path}}")
async def retrieve_recipient_token(request: Request) -> Response:
    """The profile that waits for this code, or URL; it is given once."""
    code = request.path_params.pop("code").rpartition("/")[2]
    try:
        issued = await run_in_threadpool(door_of(request).activate, code, address_of(request))
    except Refused as error:
        return error_answer(error.status, error.code, str(error), error.headers)
    return DatabricksJson(orjson.loads(issued.profile(str(request.base_url))))


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _state(request: Request) -> ControlState:
    """The control state, for administrators. Raises PermissionDenied."""
    caller = caller_of(request)
    if not caller.is_admin:
        raise PermissionDenied(f"{caller.name} is no administrator, and may not look at or change what is shared")
    return _service(request).state


def _sharing(request: Request) -> Sharing:
    state = _state(request)
    return Sharing(state.shares, state.recipients, _service(request).lake, time.time)


async def _share(request: Request) -> Share:
    return await run_in_threadpool(_state(request).shares.share, request.path_params["name"].lower())


async def _recipient(request: Request) -> Recipient:
    return await run_in_threadpool(_state(request).recipients.recipient, request.path_params["name"].lower())


async def _described(request: Request, share: Share) -> Response:
    feeds = await run_in_threadpool(_sharing(request).feeds, share)
    return DatabricksJson(told_share(share, feeds))


def _told_without_tables(share: Share) -> dict[str, Any]:
    told = told_share(share, {})
    told.pop("objects", None)
    return told


def _told_with_url(request: Request, issued: IssuedToken) -> Response:
    base = str(request.base_url).rstrip("/")
    return DatabricksJson(told_recipient(issued.recipient, f"{base}{PREFIX}/activation/{issued.text}"))


def _expiration(given: Mapping[str, Any]) -> datetime | None:
    ms = given.get("expiration_time")
    if ms is None:
        return None
    if type(ms) is not int or not 0 <= ms < 10**14:
        raise InvalidInput("expiration_time must be unix milliseconds")
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=ms)
