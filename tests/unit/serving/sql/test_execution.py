"""Statements in their states: answered, failed, ended, forgotten; and what is too much."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from quikapp_ml.errors import InvalidInput, NotFound, Overloaded
from quikapp_ml.serving.access import Caller
from quikapp_ml.serving.sql import execution as module
from quikapp_ml.serving.sql.answers import Answer
from quikapp_ml.serving.sql.asked import EngineSession, Parameter, Statement
from quikapp_ml.serving.sql.errors import SqlError
from quikapp_ml.serving.sql.execution import Execution, State, StatementHost
from quikapp_ml.serving.sql.session import SqlSession

SESSION = SqlSession("quikapp_ml")
ANN, BOB = Caller("ann", (), is_admin=False), Caller("bob", (), is_admin=False)


class Engine:
    """Waits until it is stopped."""

    def __init__(self) -> None:
        self.stopped = threading.Event()

    def query(self, *_: Any) -> pa.Table:
        assert self.stopped.wait(20)
        raise RuntimeError("stopped")

    def change(self, *_: Any) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        self.stopped.set()


class Runner:
    """Answers by the text: `rows n`, `wrong`, `broken`, `wait`."""

    def run(self, statement: Statement, on_engine: Callable[[EngineSession], None]) -> Answer:
        word, _, number = statement.text.partition(" ")
        if word == "wrong":
            raise SqlError("PARSE_SYNTAX_ERROR", "It is wrong.", "42601")
        if word == "broken":
            raise RuntimeError("broken")
        if word == "wait":
            engine = Engine()
            on_engine(engine)
            engine.query()
        return Answer(pa.table({"n": pa.array(range(int(number)), pa.int64())}), SESSION)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def host(clock: Clock) -> StatementHost:
    return StatementHost(Runner(), clock=clock)


def submit(host: StatementHost, text: str, **more: Any) -> Execution:
    return host.submit(Execution(Statement(text, ANN, SESSION), **more))


def ended(host: StatementHost, text: str, **more: Any) -> Execution:
    execution = submit(host, text, **more)
    assert execution.done.wait(20)
    return execution


def until(happened: Callable[[], bool]) -> None:
    latest = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < latest
        time.sleep(0.005)


def test_rows_come_in_chunks_and_at_least_one(host: StatementHost) -> None:
    large = ended(host, "rows 5000000", disposition="EXTERNAL_LINKS")
    assert large.state is State.SUCCEEDED and large.row_count == 5_000_000 and len(large.chunks) == 3
    assert len(ended(host, "rows 0").chunks) == 1
    with pytest.raises(NotFound):
        large.chunk(3)
    host.close()


def test_a_failure_is_told_whatever_it_was(host: StatementHost) -> None:
    wrong, broken = ended(host, "wrong"), ended(host, "broken")
    assert (wrong.state, broken.state) == (State.FAILED, State.FAILED)
    assert str(wrong.error) == "[PARSE_SYNTAX_ERROR] It is wrong. SQLSTATE: 42601"
    assert broken.error is not None and broken.error.condition == "INTERNAL_ERROR"
    host.close()


def test_what_is_canceled_stays_so_and_the_engine_is_stopped(host: StatementHost) -> None:
    ends: list[State] = []
    watched = StatementHost(Runner(), lambda execution: ends.append(execution.state))
    waiting = submit(watched, "wait")
    until(lambda: waiting.engine is not None)
    engine = waiting.engine
    watched.cancel(waiting)
    watched.cancel(waiting)
    watched.close()
    assert isinstance(engine, Engine) and engine.stopped.is_set()
    assert waiting.state is State.CANCELED and ends == [State.CANCELED]
    done = ended(host, "rows 1")
    host.cancel(done)
    assert done.state is State.SUCCEEDED
    host.close()


def test_a_statement_that_runs_for_too_long_is_ended(host: StatementHost, clock: Clock) -> None:
    waiting = submit(host, "wait")
    until(lambda: waiting.engine is not None)
    clock.now = module.LONGEST_SECONDS + 1
    assert host.get(waiting.statement_id, ANN).state is State.CANCELED
    host.close()


def test_answers_are_their_callers_and_are_forgotten(host: StatementHost, clock: Clock) -> None:
    done = ended(host, "rows 1")
    assert host.get(done.statement_id, ANN) is done
    with pytest.raises(NotFound):
        host.get(done.statement_id, BOB)
    clock.now = module.KEPT_SECONDS + 1
    with pytest.raises(NotFound):
        host.get(done.statement_id, ANN)
    host.close()


def test_the_oldest_answers_make_room(host: StatementHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT_BYTES", 1000)
    first, second = ended(host, "rows 100"), ended(host, "rows 100")
    assert host.get(first.statement_id, ANN).state is State.CLOSED and not first.chunks
    assert host.get(second.statement_id, ANN).state is State.SUCCEEDED
    host.close_result(second)
    assert second.state is State.CLOSED
    host.close()


def test_too_many_that_wait_are_refused(host: StatementHost, monkeypatch: pytest.MonkeyPatch) -> None:
    running = [submit(host, "wait") for _ in range(module.WORKERS)]
    until(lambda: all(each.engine is not None for each in running))
    monkeypatch.setattr(module, "MOST_WAITING", 1)
    submit(host, "rows 1")
    with pytest.raises(Overloaded):
        submit(host, "rows 1")
    host.close()


def test_what_failed_is_not_kept_without_end(host: StatementHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 2)
    first, *others = [ended(host, "wrong") for _ in range(4)]
    with pytest.raises(NotFound):
        host.get(first.statement_id, ANN)
    assert host.get(others[-1].statement_id, ANN) is others[-1]
    monkeypatch.setattr(module, "MOST_KEPT_BYTES", 100)
    long = ended(host, "wrong " + "x" * 200)
    with pytest.raises(NotFound):
        host.get(long.statement_id, ANN)
    host.close()


def test_a_statement_that_is_too_long_to_keep_is_refused(host: StatementHost) -> None:
    parameters = {"a": Parameter("x" * module.MOST_CHARACTERS)}
    with pytest.raises(InvalidInput, match="characters"):
        host.submit(Execution(Statement("rows 1", ANN, SESSION, parameters)))
