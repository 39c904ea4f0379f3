import pyarrow as pa
import pytest

from quikapp_ml.databricks_api.sql.thrift_sessions import (
    IDLE_SECONDS,
    MOST_OPERATIONS,
    MOST_SESSIONS,
    Operation,
    Sessions,
    new_guid,
)
from quikapp_ml.errors import NotFound, Overloaded
from quikapp_ml.serving.access import Caller
from quikapp_ml.serving.sql.asked import Statement
from quikapp_ml.serving.sql.execution import Execution
from quikapp_ml.serving.sql.session import SqlSession

ANN, BOB = (Caller(name, ("sql",), is_admin=False) for name in ("ann", "bob"))
NAMES = SqlSession("quikapp_ml")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def opened() -> tuple[Sessions, list[Operation], Clock]:
    forgotten: list[Operation] = []
    clock = Clock()
    return Sessions(forgotten.append, clock), forgotten, clock


def test_nobody_else_finds_a_session_or_its_operations() -> None:
    sessions, _, _ = opened()
    session = sessions.open(ANN, NAMES)
    operation = sessions.begin(session, Operation(new_guid()))
    assert sessions.get(session.guid, ANN) is session
    assert sessions.operation(operation.guid, ANN) == (session, operation)
    for look in (lambda: sessions.get(session.guid, BOB), lambda: sessions.operation(operation.guid, BOB)):
        with pytest.raises(NotFound):
            look()


def test_a_session_ends_with_its_operations() -> None:
    sessions, forgotten, _ = opened()
    session = sessions.open(ANN, NAMES)
    operations = [sessions.begin(session, Operation(new_guid())) for _ in range(3)]
    sessions.end(session, operations[0])
    sessions.end(session, operations[0])
    assert forgotten == operations[:1]
    sessions.close(session)
    assert forgotten == operations
    with pytest.raises(NotFound, match="connect again"):
        sessions.get(session.guid, ANN)
    with pytest.raises(NotFound):
        sessions.operation(operations[1].guid, ANN)


def test_who_never_lets_go_loses_the_oldest() -> None:
    sessions, forgotten, _ = opened()
    session = sessions.open(ANN, NAMES)
    operations = [sessions.begin(session, Operation(new_guid())) for _ in range(MOST_OPERATIONS + 2)]
    assert forgotten == operations[:2]


def test_idle_sessions_make_room_and_too_many_are_refused() -> None:
    sessions, _, clock = opened()
    first = sessions.open(ANN, NAMES)
    for _ in range(MOST_SESSIONS - 1):
        sessions.open(BOB, NAMES)
    with pytest.raises(Overloaded):
        sessions.open(ANN, NAMES)
    clock.now = IDLE_SECONDS - 1
    sessions.get(first.guid, ANN)
    clock.now += 2
    sessions.open(ANN, NAMES)
    assert sessions.get(first.guid, ANN) is first


def test_rows_that_the_host_lets_go_of_are_not_kept() -> None:
    execution = Execution(Statement("SELECT 1", ANN, NAMES), chunks=(pa.table({"n": [1]}),))
    operation = Operation(new_guid(), execution)
    assert operation.rows.num_rows == 1
    execution.chunks = ()
    assert operation.rows.num_rows == 0
