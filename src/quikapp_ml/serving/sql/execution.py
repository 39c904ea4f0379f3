"""Statements that run while their callers wait, or come back for them: states, chunks of rows, an end."""

import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum

import pyarrow as pa

from quikapp_ml.errors import InvalidInput, NotFound, Overloaded
from quikapp_ml.serving.access import Caller
from quikapp_ml.serving.sql.answers import Answer
from quikapp_ml.serving.sql.asked import EngineSession, Runner, Statement
from quikapp_ml.serving.sql.errors import SqlError
from quikapp_ml.serving.sql.session import SqlSession

logger = logging.getLogger(__name__)

WORKERS = 4
"""Statements that run at a time; others wait."""

MOST_WAITING = 200
MOST_KEPT = 10_000
"""Statements that are known at a time; those that ended first are forgotten first."""

MOST_CHARACTERS = 1 << 20
"""Of a statement and its parameters: they are kept as long as its answer."""

LONGEST_SECONDS = 3600.0
"""A statement that runs longer is ended, when the next one comes or somebody asks for one."""

KEPT_SECONDS = 3600.0
MOST_KEPT_BYTES = 512 << 20
"""Answers are kept for an hour, and the oldest are let go of when all together are larger than this."""

CHUNK_BYTES = 16 << 20

INLINE = "INLINE"
MOST_INLINE_BYTES = 25 << 20


class State(StrEnum):
    """How a statement stands."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    CLOSED = "CLOSED"


_TOO_LARGE = (
    f"Statements executed with disposition=INLINE can have a result size of at most {MOST_INLINE_BYTES} bytes. "
    "Execute the statement with disposition=EXTERNAL_LINKS to have the whole result."
)

ENDED = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELED, State.CLOSED})


@dataclass
class Execution:
    """One statement, its state, and its rows when it has them."""

    statement: Statement
    disposition: str = INLINE
    form: str = "JSON_ARRAY"
    """How the rows are to be told: `JSON_ARRAY`, `ARROW_STREAM` or `CSV`."""
    byte_limit: int | None = None
    statement_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    state: State = State.PENDING
    error: SqlError | None = None
    chunks: tuple[pa.Table, ...] = ()
    schema: pa.Schema = field(default_factory=lambda: pa.schema([]))
    truncated: bool = False
    session: SqlSession | None = None
    """Where the statements that follow are, when it has ended well."""
    started_at: float | None = None
    ended_at: float | None = None
    done: threading.Event = field(default_factory=threading.Event)
    engine: EngineSession | None = None

    @property
    def row_count(self) -> int:
        """Rows of all chunks."""
        return sum(chunk.num_rows for chunk in self.chunks)

    @property
    def nbytes(self) -> int:
        """Bytes that the rows and the statement take in memory."""
        of_rows: int = sum(chunk.nbytes for chunk in self.chunks)
        return of_rows + _length(self.statement)

    def chunk(self, index: int) -> pa.Table:
        """One chunk of rows. Raises NotFound without it."""
        if not 0 <= index < len(self.chunks):
            raise NotFound(f"statement {self.statement_id} has {len(self.chunks)} chunks; there is no chunk {index}")
        return self.chunks[index]


class StatementHost:
    """Runs statements in threads of its own, and keeps answers for a while. `on_end` is told of each that ends."""

    def __init__(
        self,
        runner: Runner,
        on_end: Callable[[Execution], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runner = runner
        self._on_end = on_end
        self._clock = clock
        self._lock = threading.Lock()
        self._executions: OrderedDict[str, Execution] = OrderedDict()
        self._pool: ThreadPoolExecutor | None = None

    def submit(self, execution: Execution) -> Execution:
        """Begin a statement. Raises InvalidInput when it is too long, Overloaded when too many wait."""
        _check_length(execution.statement)
        self._end_overdue()
        with self._lock:
            self._forget_old()
            waiting = sum(each.state is State.PENDING for each in self._executions.values())
            if waiting >= MOST_WAITING:
                raise Overloaded(f"{waiting} statements wait already", 1)
            if self._pool is None:
                self._pool = ThreadPoolExecutor(WORKERS, "sql")
            self._executions[execution.statement_id] = execution
            self._pool.submit(self._run, execution)
        return execution

    def get(self, statement_id: str, caller: Caller) -> Execution:
        """A statement of the caller, or anybody's for the administrator. Raises NotFound without it."""
        self._end_overdue()
        with self._lock:
            self._forget_old()
            found = self._executions.get(statement_id)
        if found is None or not (caller.is_admin or found.statement.caller.name == caller.name):
            raise NotFound(f"The statement {statement_id[:80]} was not found.")
        return found

    def cancel(self, execution: Execution) -> None:
        """End a statement; one that has ended stays as it is."""
        with self._lock:
            if execution.state in ENDED:
                return
            self._end(execution, State.CANCELED)
        self._on_end(execution)
        if execution.engine is not None:
            execution.engine.stop()

    def close_result(self, execution: Execution) -> None:
        """Let go of the rows of a statement."""
        with self._lock:
            if execution.state is State.SUCCEEDED:
                self._end(execution, State.CLOSED)
                execution.chunks = ()

    def close(self) -> None:
        """End all that runs."""
        with self._lock:
            running = list(self._executions.values())
        for each in running:
            self.cancel(each)
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, execution: Execution) -> None:
        with self._lock:
            if execution.state is not State.PENDING:
                return
            execution.state = State.RUNNING
            execution.started_at = self._clock()
        try:
            answer = self._runner.run(execution.statement, lambda engine: self._on_engine(execution, engine))
        except SqlError as error:
            self._finish(execution, State.FAILED, error)
        except Exception:  # the caller must be told, whatever an engine raises
            if execution.state not in ENDED:  # an engine that was stopped raises what it likes
                logger.exception("statement %s failed", execution.statement_id)
            self._finish(execution, State.FAILED, SqlError("INTERNAL_ERROR", "The statement failed.", "XX000"))
        else:
            self._answered(execution, answer)

    def _answered(self, execution: Execution, answer: Answer) -> None:
        rows, cut = _within(answer.rows, execution.byte_limit)
        if execution.disposition == INLINE and rows.nbytes > MOST_INLINE_BYTES:
            self._finish(execution, State.FAILED, SqlError("INLINE_BYTE_LIMIT_EXCEEDED", _TOO_LARGE, "54000"))
            return
        execution.schema = rows.schema
        execution.truncated = answer.truncated or cut
        execution.session = answer.session
        execution.chunks = _chunks(rows)
        self._finish(execution, State.SUCCEEDED, None)

    def _on_engine(self, execution: Execution, engine: EngineSession) -> None:
        with self._lock:
            execution.engine = engine
            is_canceled = execution.state in ENDED
        if is_canceled:
            engine.stop()

    def _finish(self, execution: Execution, state: State, error: SqlError | None) -> None:
        with self._lock:
            execution.engine = None
            if execution.state in ENDED:
                execution.chunks = ()  # it was canceled while it ran
                return
            execution.error = error
            self._end(execution, state)
        self._on_end(execution)

    def _end(self, execution: Execution, state: State) -> None:
        execution.state = state
        execution.ended_at = self._clock()
        execution.done.set()

    def _end_overdue(self) -> None:
        with self._lock:
            latest = self._clock() - LONGEST_SECONDS
            running = [each for each in self._executions.values() if each.state is State.RUNNING]
            overdue = [each for each in running if each.started_at is not None and each.started_at < latest]
        for each in overdue:
            self.cancel(each)

    def _forget_old(self) -> None:
        now = self._clock()
        kept = sum(each.nbytes for each in self._executions.values())
        for each in list(self._executions.values()):
            if each.ended_at is None:
                continue
            if now - each.ended_at > KEPT_SECONDS or len(self._executions) > MOST_KEPT:
                kept -= each.nbytes
                del self._executions[each.statement_id]
            elif kept > MOST_KEPT_BYTES:
                kept -= each.nbytes
                if each.state is State.SUCCEEDED:
                    each.state, each.chunks = State.CLOSED, ()
                else:
                    del self._executions[each.statement_id]


def _length(statement: Statement) -> int:
    return len(statement.text) + sum(len(n) + len(each.value or "") for n, each in statement.parameters.items())


def _check_length(statement: Statement) -> None:
    given = _length(statement)
    if given > MOST_CHARACTERS:
        raise InvalidInput(f"a statement has {MOST_CHARACTERS} characters with its parameters at most, given: {given}")


def _within(rows: pa.Table, byte_limit: int | None) -> tuple[pa.Table, bool]:
    if byte_limit is None or rows.nbytes <= byte_limit or not rows.num_rows:
        return rows, False
    fitting = int(rows.num_rows * byte_limit / rows.nbytes)
    return rows.slice(0, fitting), True


def _chunks(rows: pa.Table) -> tuple[pa.Table, ...]:
    """At least one, so that an answer without rows has its columns."""
    if not rows.num_columns:
        return ()
    size = max(1, rows.num_rows * CHUNK_BYTES // max(CHUNK_BYTES, rows.nbytes))
    return tuple(rows.slice(start, size) for start in range(0, max(1, rows.num_rows), size))
