"""The statements of a service: their engine starts with the first that needs rows, their changes are noted."""

from collections.abc import Callable
from importlib import import_module
from threading import Lock
from typing import Any

from quikapp_ml.serving.audit import AuditTrail, new_entry
from quikapp_ml.serving.catalog.unity import UnityCatalog
from quikapp_ml.serving.sql.answers import Answer
from quikapp_ml.serving.sql.asked import EngineSession, Statement
from quikapp_ml.serving.sql.execution import Execution, State, StatementHost

_SESSIONS = "quikapp_ml.stores.lake.sql_sessions"
_STATEMENTS = "quikapp_ml.serving.sql.statements"
_MOST_TEXT = 2000


class LateEngine:
    """The engine behind a Spark Connect URL; of Sail in this process when it is empty. Imported by its first use."""

    def __init__(self, remote: str) -> None:
        self._remote = remote
        self._lock = Lock()
        self._sessions: Any = None

    def open(self) -> EngineSession:
        """A session for one statement."""
        with self._lock:
            if self._sessions is None:
                self._sessions = import_module(_SESSIONS).SqlSessions(self._remote)
        session: EngineSession = self._sessions.open()
        return session

    def close(self) -> None:
        """Give the engine back, when there is one."""
        with self._lock:
            if self._sessions is not None:
                self._sessions.close()
                self._sessions = None


class LateRunner:
    """Runs statements; the parser of SQL is imported by the first."""

    def __init__(self, unity: UnityCatalog, open_engine: Callable[[], EngineSession]) -> None:
        self._unity = unity
        self._open_engine = open_engine

    def run(self, statement: Statement, on_engine: Callable[[EngineSession], None]) -> Answer:
        """Do one statement. Raises SqlError."""
        runner = import_module(_STATEMENTS).StatementRunner(self._unity, self._open_engine)
        answer: Answer = runner.run(statement, on_engine)
        return answer


def open_statements(unity: UnityCatalog, remote: str, audit: AuditTrail) -> tuple[StatementHost, Callable[[], None]]:
    """The host of statements, and what closes it."""
    engine = LateEngine(remote)
    host = StatementHost(LateRunner(unity, engine.open), lambda execution: _note(audit, execution))

    def close() -> None:
        host.close()
        engine.close()

    return host, close


def _note(audit: AuditTrail, execution: Execution) -> None:
    """Note a statement that changes something, and how it ended."""
    text = execution.statement.text
    if import_module(_STATEMENTS).only_reads(text):
        return
    error = "" if execution.error is None else str(execution.error)[:500]
    outcome: dict[str, Any] = {"status": 200 if execution.state is State.SUCCEEDED else 400, "error": error}
    parameters = {"commandText": text[:_MOST_TEXT], "statementId": execution.statement_id}
    user = execution.statement.caller.name
    audit.note(new_entry("databrickssql", "executeStatement", user, parameters, **outcome), "")
