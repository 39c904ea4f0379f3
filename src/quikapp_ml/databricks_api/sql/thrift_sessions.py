"""Sessions and operations of Thrift clients: they outlive a request, and end when nobody comes back to them."""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa

from quikapp_ml.errors import NotFound, Overloaded
from quikapp_ml.serving.access import Caller
from quikapp_ml.serving.sql.execution import Execution
from quikapp_ml.serving.sql.session import SqlSession

IDLE_SECONDS = 3_600.0
MOST_SESSIONS = 1_000
MOST_OPERATIONS = 50
"""Of one session, at a time; the oldest are let go of."""


@dataclass
class Operation:
    """One statement, or one question to the catalog, and how far its rows have been fetched."""

    guid: bytes
    execution: Execution | None = None
    """Of a statement; a question to the catalog has its rows at once."""
    ready: pa.Table | None = None
    with_nested: bool = True
    offset: int = 0

    @property
    def rows(self) -> pa.Table:
        """All rows, once it has ended well."""
        if self.ready is not None:
            return self.ready
        chunks = self.execution.chunks if self.execution else ()
        return pa.concat_tables(chunks) if chunks else pa.table({})  # not kept: the host lets go of old answers


@dataclass
class Session:
    """One connection of a client."""

    guid: bytes
    caller: str
    names: SqlSession
    used_at: float
    operations: "OrderedDict[bytes, Operation]" = field(default_factory=OrderedDict)


class Sessions:
    """All of them, by the random ids that clients show; `forget` is told of each operation that ends unasked."""

    def __init__(self, forget: Callable[[Operation], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._forget = forget
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[bytes, Session] = {}
        self._of_operation: dict[bytes, Session] = {}

    def open(self, caller: Caller, names: SqlSession) -> Session:
        """A new session. Raises Overloaded when there are too many."""
        with self._lock:
            self._end_idle()
            if len(self._sessions) >= MOST_SESSIONS:
                raise Overloaded(f"{len(self._sessions)} sessions of SQL are open already", 10)
            session = Session(secrets.token_bytes(16), caller.name, names, self._clock())
            self._sessions[session.guid] = session
        return session

    def get(self, guid: bytes, caller: Caller) -> Session:
        """A session of the caller. Raises NotFound."""
        with self._lock:
            session = self._sessions.get(guid)
            if session is None or session.caller != caller.name:
                raise NotFound("this session is unknown or has ended; connect again")
            session.used_at = self._clock()
            return session

    def close(self, session: Session) -> None:
        """End a session with its operations."""
        with self._lock:
            self._end(session)

    def begin(self, session: Session, operation: Operation) -> Operation:
        """Keep an operation of a session."""
        with self._lock:
            session.operations[operation.guid] = operation
            self._of_operation[operation.guid] = session
            while len(session.operations) > MOST_OPERATIONS:
                self._drop(session, next(iter(session.operations)))
        return operation

    def operation(self, guid: bytes, caller: Caller) -> tuple[Session, Operation]:
        """An operation of the caller. Raises NotFound."""
        with self._lock:
            session = self._of_operation.get(guid)
            if session is None or session.caller != caller.name:
                raise NotFound("this operation is unknown or has ended; execute the statement again")
            session.used_at = self._clock()
            return session, session.operations[guid]

    def end(self, session: Session, operation: Operation) -> None:
        """Let go of an operation."""
        with self._lock:
            if operation.guid in session.operations:
                self._drop(session, operation.guid)

    def _end_idle(self) -> None:
        now = self._clock()
        for session in [each for each in self._sessions.values() if now - each.used_at > IDLE_SECONDS]:
            self._end(session)

    def _end(self, session: Session) -> None:
        for guid in list(session.operations):
            self._drop(session, guid)
        self._sessions.pop(session.guid, None)

    def _drop(self, session: Session, guid: bytes) -> None:
        self._of_operation.pop(guid, None)
        self._forget(session.operations.pop(guid))


def new_guid() -> bytes:
    """An id that nobody guesses."""
    return secrets.token_bytes(16)
