"""Lets callers in: by token, or without one from this very machine to QuikApp's own endpoints. Notes every change.

A request is from this machine when its connection is, it names this machine (`Host`) and no proxy has passed it on.
None is where that is not to be trusted (`QUIKAPP_ML_TRUST_LOOPBACK`).
What a proxy says about whom it speaks for (`X-Forwarded-For`) is never believed.
"""

import ipaddress
import logging
import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quikapp_ml.databricks_api.errors import error_answer, speaks_databricks
from quikapp_ml.databricks_api.requests import ACTION, CALLER
from quikapp_ml.errors import QuikAppMLError, StorageFailed
from quikapp_ml.serving.access import ALL_APIS, LOCAL, AccessGate, Caller, TooManyWrongTokens, WrongToken
from quikapp_ml.serving.audit import AuditTrail, new_entry
from quikapp_ml.serving.decisions import asked_by

logger = logging.getLogger(__name__)

OPEN = ("/health", "/.well-known/databricks-config")
"""Paths that anybody may ask, and what is below them."""

OWN_TOKENS = ("/delta-sharing/", "/api/2.1/unity-catalog/public/data_sharing_activation/", "/sql/results/")
"""Protocols whose callers have tokens of another kind; their routes check them."""

OWN_SCOPE = "quikapp"
SCOPE_OF: Mapping[str, str] = {
    "/serving-endpoints": "model-serving",
    "/api/2.0/serving-endpoints": "model-serving",
    "/api/2.0/permissions/serving-endpoints": "model-serving",
    "/api/2.0/mlflow": "mlflow",
    "/api/2.0/fs/files/WorkspaceInternal/": "mlflow",
    "/api/2.0/fs/directories/WorkspaceInternal/": "mlflow",
    "/api/2.0/fs/files/Models/": "mlflow",
    "/api/2.0/fs/directories/Models/": "mlflow",
    "/api/2.0/fs/files/Volumes/": "unity-catalog",
    "/api/2.0/fs/directories/Volumes/": "unity-catalog",
    "/api/2.1/unity-catalog": "unity-catalog",
    "/api/2.0/unity-catalog": "unity-catalog",
    "/api/2.0/preview/scim/v2/Groups": "unity-catalog",
    "/api/2.0/preview/scim/v2/ServicePrincipals": "unity-catalog",
    "/api/2.0/sql": "sql",
    "/sql/": "sql",
    "/api/2.1/quality-monitoring": "unity-catalog",
    "/api/data-quality": "unity-catalog",
    "/api/2.2/jobs": "jobs",
}
"""Which scope a token needs, by the beginning of the path; other Databricks paths need any token."""

MLFLOW_PAGES = "/mlflow/"
"""MLflow's user interface, and what its pages ask."""

AUDITED: Mapping[str, str] = {
    "/api/2.0/serving-endpoints": "serverlessModelServing",
    "/api/2.0/permissions": "serverlessModelServing",
    "/api/2.0/mlflow": "mlflowExperiment",
    "/api/2.0/fs/": "filesystem",
    "/api/2.1/unity-catalog": "unityCatalog",
    "/api/2.0/preview/scim/v2": "accounts",
    "/api/data-quality": "lakehouseMonitoring",
    "/api/2.2/jobs": "jobs",
    "/api/2.0/token": "accounts",
    MLFLOW_PAGES: "mlflowExperiment",
}
"""Name of the service in the audit table, by the beginning of the path."""

_PATHS = 1024
"""So many paths are remembered with what was looked up for them: the same few are asked again and again."""

_FORWARDING = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:]*)(:\d+)?")
_WORD = re.compile(r"_([a-z])")


class Refusal(Exception):
    """Nobody is let in: what to answer."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers


class AccessGuard:
    """Stands before all routes. `refuse` makes the answer for paths that are not Databricks'."""

    def __init__(self, app: ASGIApp, refuse: Callable[[Scope, Refusal], ASGIApp]) -> None:
        self._app = app
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        service = scope["app"].state.service
        try:
            caller = _admitted(scope, service.access, service.settings.trust_loopback)
        except Refusal as refusal:
            await self._answer(scope, refusal)(scope, receive, send)
            return
        if caller is not None:
            scope[CALLER] = caller
        changer = _changer(scope, service.access, caller)
        if changer is not None:
            send = _NotingSend(scope, send, service.audit, changer)
        with asked_by(LOCAL if caller is None else caller.name):
            await self._app(scope, receive, send)

    def _answer(self, scope: Scope, refusal: Refusal) -> ASGIApp:
        if speaks_databricks(scope["path"]):
            return error_answer(refusal.status, refusal.code, str(refusal), refusal.headers)
        return self._refuse(scope, refusal)


def is_local(scope: Scope) -> bool:
    """Whether a request comes from this machine, without anybody in between."""
    client = scope.get("client")
    if client is not None and not _is_loopback(client[0]):
        return False
    for name, value in scope["headers"]:
        if name in _FORWARDING or (name == b"host" and not _names_this_machine(value.decode("latin-1"))):
            return False
    return True


def _changer(scope: Scope, access: AccessGate, caller: Caller | None) -> Caller | None:
    """Who is to be noted for a request, if it may change something that is audited."""
    path = scope["path"]
    if scope["method"] in _READING or not _audited(path):
        return None
    if path.startswith(MLFLOW_PAGES):  # nobody else is let in, and from this machine without a token
        return caller or Caller(access.admin, (ALL_APIS,), is_admin=True)
    return caller if speaks_databricks(path) else None


def _admitted(scope: Scope, access: AccessGate, trusts_loopback: bool) -> Caller | None:
    path = scope["path"]
    is_workspace = speaks_databricks(path)
    if any(path == each or path.startswith(f"{each}/") for each in OPEN) or path.startswith(OWN_TOKENS):
        return None
    if trusts_loopback and not is_workspace and is_local(scope):
        return None
    token = _bearer(scope)
    if not token:
        raise _unauthenticated("a token is needed: Authorization: Bearer …; make one with: quikapp-ml tokens create")
    caller = _holder(access, token, scope)
    needed = _scope_needed(path) if is_workspace else OWN_SCOPE
    if not caller.may_use(needed):
        raise Refusal(403, "PERMISSION_DENIED", f"this token does not have the scope {needed!r}", {})
    return caller


def _holder(access: AccessGate, token: str, scope: Scope) -> Caller:
    client = scope.get("client")
    try:
        return access.admit(token, client[0] if client else "")
    except WrongToken:
        raise _unauthenticated("the token is unknown, has ended or was revoked") from None
    except TooManyWrongTokens as error:
        wait = {"retry-after": str(error.retry_after_seconds)}
        raise Refusal(429, "REQUEST_LIMIT_EXCEEDED", str(error), wait) from None
    except StorageFailed as error:
        logger.warning("tokens cannot be checked: %s", error)
        raise Refusal(503, "TEMPORARILY_UNAVAILABLE", "tokens cannot be checked now", {"retry-after": "1"}) from None


def _unauthenticated(message: str) -> Refusal:
    return Refusal(401, "UNAUTHENTICATED", message, {"www-authenticate": "Bearer"})


def _bearer(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _, token = value.decode("latin-1").partition(" ")
            return str(token.strip()) if kind.lower() == "bearer" else ""
    return ""


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


def _names_this_machine(host: str) -> bool:
    """A page from elsewhere may reach this machine under a name of its own (DNS rebinding)."""
    match = _HOST.fullmatch(host.strip().lower())
    name = match[1].strip("[]") if match else ""
    return name == "localhost" or name.endswith(".localhost") or _is_loopback(name)


def _longest_match(table: Mapping[str, str], path: str) -> str:
    found = max((prefix for prefix in table if path.startswith(prefix)), key=len, default="")
    return table.get(found, "")


@lru_cache(_PATHS)
def _scope_needed(path: str) -> str:
    return _longest_match(SCOPE_OF, path)


@lru_cache(_PATHS)
def _audited(path: str) -> str:
    return _longest_match(AUDITED, path)


class _NotingSend:
    """Notes a change in the audit log before its answer goes out."""

    def __init__(self, scope: Scope, send: Send, audit: AuditTrail, caller: Caller) -> None:
        self._scope = scope
        self._send = send
        self._audit = audit
        self._caller = caller

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await run_in_threadpool(self._note, message["status"])
        await self._send(message)

    def _note(self, status: int) -> None:
        scope = self._scope
        endpoint = scope.get("endpoint")
        action = scope.get(ACTION, getattr(endpoint, "__name__", "change"))
        if endpoint is None or not action:
            return  # nothing is at this path, or nothing changes by it
        client = scope.get("client")
        entry = new_entry(
            _audited(scope["path"]),
            _WORD.sub(lambda match: match[1].upper(), action),
            self._caller.name,
            {name: str(value) for name, value in scope.get("path_params", {}).items()},
            status=status,
            error="" if status < 400 else f"HTTP {status}",
            user_agent=Headers(scope=scope).get("user-agent", "")[:500],
            request_id=str(scope.get("request_id", "")),
        )
        try:
            self._audit.note(entry, client[0] if client else "")
        except QuikAppMLError:
            logger.exception("%s by %s is missing from the audit log", entry.action, entry.user)
