"""The tokens API, `/api/2.0/token/…`: callers make, list and revoke tokens of their own, by `w.tokens`."""

from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.requests import caller_of, read_body, refuse_fields, text
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.errors import InvalidInput, NotFound, PermissionDenied
from quikapp_ml.serving.access import Caller, create_token
from quikapp_ml.stores.state.tokens import Token, Tokens

PREFIX = "/api/2.0/token"
DEFAULT_LIFE = timedelta(days=730)
"""What Databricks gives when nothing is said."""

_CREATE_FIELDS = frozenset({"comment", "lifetime_seconds", "scopes"})
_CREATE_DISABLED = {"autoscope_enabled": "scopes are given, not learnt from use"}

ROUTES = WorkspaceRoutes()


@ROUTES.add("POST", f"{PREFIX}/create")
async def create_own_token(request: Request) -> Response:
    """Make a token for the caller; it opens no more than the one that asks. Its text is answered this once."""
    given = await read_body(request)
    refuse_fields(given, _CREATE_FIELDS, _CREATE_DISABLED, "")
    caller = caller_of(request)
    scopes = _scopes(given.get("scopes"), caller)
    made = await run_in_threadpool(
        create_token, _tokens(request), caller.name, scopes, _life(given), text(given, "comment", "")
    )
    return DatabricksJson({"token_value": made[0], "token_info": _told(made[1])})


@ROUTES.add("GET", f"{PREFIX}/list")
async def list_own_tokens(request: Request) -> Response:
    """The caller's tokens that open something now, newest first."""
    now = datetime.now(UTC)
    found = await run_in_threadpool(_own, _tokens(request), caller_of(request))
    return DatabricksJson({"token_infos": [_told(token) for token in found if token.is_valid(now)]})


@ROUTES.add("POST", f"{PREFIX}/delete")
async def revoke_own_token(request: Request) -> Response:
    """End one of the caller's tokens; another's is as unknown as none."""
    given = await read_body(request)
    refuse_fields(given, frozenset({"token_id"}), {}, "")
    await run_in_threadpool(_revoke, _tokens(request), caller_of(request), text(given, "token_id"))
    return DatabricksJson({})


def _revoke(tokens: Tokens, caller: Caller, token_id: str) -> None:
    now = datetime.now(UTC)
    if not any(token.token_id == token_id and token.is_valid(now) for token in _own(tokens, caller)):
        raise NotFound(
            f"token {token_id[:80]!r} is none of {caller.name}'s valid tokens; list them by GET {PREFIX}/list"
        )
    tokens.revoke(token_id, now)


def _own(tokens: Tokens, caller: Caller) -> list[Token]:
    return [token for token in tokens.all() if token.owner == caller.name]


def _scopes(given: Any, caller: Caller) -> tuple[str, ...]:
    if given in (None, []):
        return caller.scopes
    if not isinstance(given, list) or not all(isinstance(scope, str) for scope in given):
        raise InvalidInput("scopes must be a list of strings")
    beyond = sorted({scope for scope in given if not caller.may_use(scope)})
    if beyond:
        raise PermissionDenied(f"this token does not have the scopes {', '.join(beyond)[:200]}, so it cannot give them")
    return tuple(dict.fromkeys(given))


def _life(given: dict[str, Any]) -> timedelta:
    seconds = given.get("lifetime_seconds")
    if seconds is None:
        return DEFAULT_LIFE
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 < seconds < 10**9:
        raise InvalidInput(f"lifetime_seconds must be a whole number of 1 or more, given: {seconds!r:.80}")
    return timedelta(seconds=seconds)


def _told(token: Token) -> dict[str, Any]:
    """A token in Databricks' fields, without its text; times in milliseconds, -1 where there is no end."""
    ends = -1 if token.expires_at is None else int(token.expires_at.timestamp() * 1000)
    return {
        "token_id": token.token_id,
        "creation_time": int(token.created_at.timestamp() * 1000),
        "expiry_time": ends,
        "comment": token.comment,
        "scopes": list(token.scopes),
    }


def _tokens(request: Request) -> Tokens:
    tokens: Tokens = request.app.state.service.state.tokens
    return tokens
