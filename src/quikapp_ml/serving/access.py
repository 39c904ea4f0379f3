"""Who is calling: bearer tokens, their scopes, and a brake on guessing."""

import hashlib
import hmac
import logging
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock

from quikapp_ml.errors import InvalidInput, StorageFailed
from quikapp_ml.stores.state.tokens import Token, Tokens

logger = logging.getLogger(__name__)

LOCAL = "local"
"""Who calls from this machine without a token."""

ALL_APIS = "all-apis"
SCOPES = {
    ALL_APIS: "everything that its owner may do",
    "quikapp": "QuikApp's own endpoints under /api/ml, from other machines",
    "model-serving": "serving endpoints: look, change, query",
    "mlflow": "tracking runs and registered models",
    "unity-catalog": "catalogs, tables, shares, recipients",
    "sql": "statements and warehouses",
    "jobs": "jobs and their runs",
}

FAILURES = 20
FAILURE_SECONDS = 60.0
"""So many wrong tokens in so much time, and an address has to wait."""

REFRESH_SECONDS = 1.0
"""A token that was revoked by another process opens nothing after this time."""

LONGEST_LIFE = timedelta(days=3650)

_REMEMBERED = 10_000
_PREFIX = "dapi"
_MAX_TOKEN_CHARACTERS = 512


@dataclass(frozen=True)
class Caller:
    """Who holds the token of a request."""

    name: str
    scopes: tuple[str, ...]
    is_admin: bool

    def may_use(self, scope: str) -> bool:
        """Whether the token opens this part of the service."""
        return not scope or ALL_APIS in self.scopes or scope in self.scopes


class WrongToken(Exception):
    """The token is unknown, ended or revoked; which of them is nobody's business."""


class TooManyWrongTokens(Exception):
    """This address has guessed too often."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"too many wrong tokens from this address; try again in {retry_after_seconds} seconds")
        self.retry_after_seconds = retry_after_seconds


def create_token(
    tokens: Tokens, owner: str, scopes: tuple[str, ...], life: timedelta | None, comment: str = ""
) -> tuple[str, Token]:
    """Make a token of 128 random bits; the text is returned once, and only its hash is kept.

    Without a life it never ends. Raises InvalidInput on an unknown scope, or a life that has ended at once.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise InvalidInput(f"unknown scope {', '.join(unknown) or '(none)'}; known are {', '.join(SCOPES)}")
    if not owner.strip():
        raise InvalidInput("a token needs an owner: the name by which grants know its holder")
    if life is not None and not timedelta(0) < life <= LONGEST_LIFE:
        raise InvalidInput(
            f"a token cannot live for {life.total_seconds():.0f} seconds; it can: 1 second to {LONGEST_LIFE.days} days"
        )
    text = _PREFIX + secrets.token_hex(16)
    now = datetime.now(UTC)
    expires_at = None if life is None else now + life
    token = Token(secrets.token_hex(4), digest_of(text), owner, scopes, now, expires_at, comment=comment)
    tokens.add(token)
    return text, token


def digest_of(text: str) -> str:
    """SHA-256 of a token: with 128 random bits in it, no slower hash makes guessing harder."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


class GuessBrake:
    """Lets an address that has sent many wrong secrets wait, except with one that it has used before."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def check(self, address: str, digest: str) -> None:
        """Raises TooManyWrongTokens when the address has to wait."""
        now = self._clock()
        with self._lock:
            if (address, digest) in self._seen:
                return
            failures = self._failures.get(address)
            while failures and failures[0] <= now - FAILURE_SECONDS:
                failures.popleft()
            if failures and len(failures) >= FAILURES:
                raise TooManyWrongTokens(1 + int(failures[0] + FAILURE_SECONDS - now))

    def note_right(self, address: str, digest: str) -> None:
        """The address has sent a secret that opens something."""
        with self._lock:
            if (address, digest) not in self._seen:
                self._seen[address, digest] = None
                _bound(self._seen)

    def note_wrong(self, address: str, digest: str) -> None:
        """The address has sent one that opens nothing."""
        with self._lock:
            self._seen.pop((address, digest), None)
            self._failures.setdefault(address, deque(maxlen=FAILURES)).append(self._clock())
            self._failures.move_to_end(address)
            _bound(self._failures)


class AccessGate:
    """Admits callers by their tokens. Called on the event loop: it looks into memory, and into the store once a second.

    `admin` is the owner of this home; a token of theirs may change everything.
    """

    def __init__(self, tokens: Tokens, admin: str, clock: Callable[[], float] = time.time) -> None:
        self.admin = admin
        self._tokens = tokens
        self._clock = clock
        self._by_prefix: dict[str, Token] = {}
        self._read_at = float("-inf")
        self._brake = GuessBrake(clock)

    def admit(self, text: str, address: str) -> Caller:
        """Who holds this token. Raises WrongToken, TooManyWrongTokens, or StorageFailed when that cannot be said.

        An address that has to wait is still let in with a token that it has used before.
        """
        now = self._clock()
        digest = digest_of(text) if len(text) <= _MAX_TOKEN_CHARACTERS else ""
        self._brake.check(address, digest)
        token = self._find(digest, now)
        if token is None:
            self._brake.note_wrong(address, digest)
            raise WrongToken
        self._brake.note_right(address, digest)
        return Caller(token.owner, token.scopes, token.owner == self.admin)

    def _find(self, digest: str, now: float) -> Token | None:
        self._refresh(now, REFRESH_SECONDS)
        found = self._valid(digest, now)
        if found is None:
            self._refresh(now, 0)  # it may have been made a moment ago; who guesses is slowed down
            found = self._valid(digest, now)
        return found

    def _valid(self, digest: str, now: float) -> Token | None:
        token = self._by_prefix.get(digest[:16])
        if token is None or not hmac.compare_digest(token.digest, digest):
            return None
        return token if token.is_valid(datetime.fromtimestamp(now, UTC)) else None

    def _refresh(self, now: float, after_seconds: float) -> None:
        if 0 <= now - self._read_at < after_seconds:
            return  # a clock that was set back must not keep a revoked token alive
        try:
            self._by_prefix = {token.digest[:16]: token for token in self._tokens.all()}
        except StorageFailed:
            if not self._by_prefix:
                raise
            logger.exception("tokens cannot be read again; those known go on")
        self._read_at = now


def _bound(remembered: OrderedDict[str, deque[float]] | OrderedDict[tuple[str, str], None]) -> None:
    if len(remembered) > _REMEMBERED:
        remembered.popitem(last=False)
