import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from quikapp_ml.serving.health import Checks, DatabricksProbe, HealthMonitor, HealthReport, Probe, count_champions


def _yes() -> bool:
    return True


def _no() -> bool:
    return False


def _breaks() -> bool:
    raise OSError("the disk is gone")


WELL = Checks(
    workspace_answers=_yes,
    feature_store_answers=_yes,
    takes_events=_yes,
    has_room=_yes,
    writes_tables=_yes,
    is_recovered=_yes,
    models_loaded=lambda: 3,
    models_expected=lambda: 3,
)


@dataclass
class Monitors:
    """Starts monitors and stops them at the end."""

    started: list[HealthMonitor] = field(default_factory=list)

    def __call__(self, checks: Checks, stale_seconds: float = 5.0) -> HealthMonitor:
        monitor = HealthMonitor(
            checks,
            "1.0.0",
            interval_seconds=0.02,
            workspace_interval_seconds=0.02,
            stale_seconds=stale_seconds,
            first_answer_seconds=0.2,
        )
        monitor.start()
        self.started.append(monitor)
        return monitor


@pytest.fixture
def monitors() -> Iterator[Monitors]:
    monitors = Monitors()
    yield monitors
    for monitor in monitors.started:
        monitor.close()


def test_all_is_well(monitors: Monitors) -> None:
    monitor = monitors(WELL)
    assert monitor.report() == HealthReport("healthy", "connected", 3, "available", "1.0.0")
    assert monitor.is_ready()


@pytest.mark.parametrize(
    ("checks", "status", "connection", "feature_store"),
    [
        (replace(WELL, workspace_answers=_no), "degraded", "disconnected", "available"),
        (replace(WELL, workspace_answers=_breaks), "degraded", "disconnected", "available"),
        (replace(WELL, models_loaded=lambda: 2), "degraded", "connected", "available"),
        (replace(WELL, has_room=_no), "degraded", "connected", "available"),
        (replace(WELL, writes_tables=_no), "degraded", "connected", "available"),
        (replace(WELL, feature_store_answers=_no), "unhealthy", "connected", "unavailable"),
        (replace(WELL, feature_store_answers=_breaks), "unhealthy", "connected", "unavailable"),
        (replace(WELL, takes_events=_no), "unhealthy", "connected", "available"),
        (replace(WELL, takes_events=_no, workspace_answers=_no), "unhealthy", "disconnected", "available"),
    ],
)
def test_what_is_broken_is_said(
    monitors: Monitors, checks: Checks, status: str, connection: str, feature_store: str
) -> None:
    report = monitors(checks).report()
    assert (report.status, report.databricks_connection, report.feature_store) == (status, connection, feature_store)
    assert report.models_loaded == checks.models_loaded()


@pytest.mark.parametrize(
    ("checks", "ready"),
    [
        (replace(WELL, is_recovered=_no), False),
        (replace(WELL, models_loaded=lambda: 0), False),
        (replace(WELL, feature_store_answers=_no), False),
        (replace(WELL, workspace_answers=_no), True),
    ],
)
def test_ready_means_that_questions_can_be_answered(monitors: Monitors, checks: Checks, ready: bool) -> None:
    assert monitors(checks).is_ready() is ready


def _eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_a_change_is_noticed(monitors: Monitors) -> None:
    works = threading.Event()
    works.set()
    monitor = monitors(replace(WELL, feature_store_answers=works.is_set))
    assert monitor.report().status == "healthy"
    works.clear()
    assert _eventually(lambda: monitor.report().status == "unhealthy")
    works.set()
    assert _eventually(lambda: monitor.report().status == "healthy")


def test_a_question_that_hangs_becomes_a_no_and_nobody_waits_for_it(monitors: Monitors) -> None:
    hangs, go_on = threading.Event(), threading.Event()

    def ask() -> bool:
        if hangs.is_set():
            go_on.wait(10)
        return True

    monitor = monitors(replace(WELL, feature_store_answers=ask), stale_seconds=0.2)
    assert monitor.report().feature_store == "available"
    hangs.set()
    assert _eventually(lambda: monitor.report().feature_store == "unavailable")
    assert monitor.report().databricks_connection == "connected"
    started = time.monotonic()
    for _ in range(1000):
        monitor.report()
    assert time.monotonic() - started < 1
    go_on.set()
    hangs.clear()
    assert _eventually(lambda: monitor.report().feature_store == "available")


def test_changes_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    answers = iter([True, True, False, False, True])
    probe = Probe("feature store", lambda: next(answers), 0.0, 5.0)
    for _ in range(5):
        probe._ask()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "feature store answers"),
        ("WARNING", "feature store does not answer"),
        ("INFO", "feature store answers"),
    ]


@dataclass
class Loaded:
    alias: str | None


def test_production_models_are_counted() -> None:
    assert count_champions([Loaded("champion"), Loaded("challenger"), Loaded(None), Loaded("champion")]) == 2


@pytest.fixture
def silent_host() -> Iterator[str]:
    """A host that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_workspace_that_hangs_is_disconnected_within_a_second(monitors: Monitors, silent_host: str) -> None:
    probe = DatabricksProbe(silent_host, "token", timeout_seconds=0.3)
    started = time.monotonic()
    monitor = monitors(replace(WELL, workspace_answers=probe))
    report = monitor.report()
    assert time.monotonic() - started < 1
    assert (report.status, report.databricks_connection) == ("degraded", "disconnected")
    monitor.close()
    probe.close()


class _Workspace(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = self.headers.get("authorization") == "Bearer good"
        wanted = "/api/2.0/preview/scim/v2/Me" if "authorization" in self.headers else "/.well-known/databricks-config"
        self.send_response(200 if self.path == wanted and (known or "authorization" not in self.headers) else 401)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def workspace() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Workspace) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("token", "answers"), [("good", True), ("bad", False), ("", True)])
def test_a_workspace_answers_those_it_knows(workspace: str, token: str, answers: bool) -> None:
    probe = DatabricksProbe(workspace, token)
    assert probe() is answers
    probe.close()


def test_a_host_that_is_not_there_is_an_error_that_the_monitor_takes_for_a_no() -> None:
    probe = DatabricksProbe("127.0.0.1:1", "")
    with pytest.raises(httpx.ConnectError):
        probe()
    probe.close()
