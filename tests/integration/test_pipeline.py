"""The runner carries out real notebooks of a small bundle, in real processes, and loses none of them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import psutil
import pytest

from quikapp_ml.errors import Conflict, InvalidInput, NotFound
from quikapp_ml.stores.state import open_state
from quikapp_ml.stores.state.base import ControlState, JobRun, RunState, TaskAttempt
from quikapp_ml.workflows.background import BackgroundRuns
from quikapp_ml.workflows.bundle import read_bundle
from quikapp_ml.workflows.runner import JobRunner, Watch

SOURCE = Path(__file__).parents[2] / "src"
HEADER = "# Databricks notebook source\nfrom pathlib import Path\nimport os, sys, time\n"

DATABRICKS_YML = """\
bundle: {name: small}
include: [jobs.yml]
targets: {local: {default: true}}
"""


class Workplace:
    """A bundle whose notebooks are written by the test, and runners of its one job `nightly`."""

    def __init__(self, folder: Path, state: ControlState) -> None:
        self.folder = folder
        self.state = state
        self.progress: list[TaskAttempt] = []
        self._tasks: list[dict[str, object]] = []
        (folder / "databricks.yml").write_text(DATABRICKS_YML)

    def task(self, key: str, source: str, depends_on: tuple[str, ...] = (), **settings: object) -> None:
        (self.folder / f"{key}.py").write_text(HEADER + dedent(source))
        dependencies = [{"task_key": each} for each in depends_on]
        notebook = {"notebook_path": f"{key}.py"}
        self._tasks.append({"task_key": key, "notebook_task": notebook, "depends_on": dependencies, **settings})
        job = {"tasks": self._tasks, "parameters": [{"name": "greeting", "default": "hello"}]}
        (self.folder / "jobs.yml").write_text(json.dumps({"resources": {"jobs": {"nightly": job}}}))

    def runner(self) -> JobRunner:
        bundle = read_bundle(self.folder / "databricks.yml")
        watch = Watch(self.progress.append)
        return JobRunner(bundle, self.state.job_runs, self.folder / "runs", child_environment(self.folder), watch)

    def background(self) -> BackgroundRuns:
        bundle = read_bundle(self.folder / "databricks.yml")
        return BackgroundRuns(bundle, self.state.job_runs, self.folder / "runs", child_environment(self.folder))

    def written(self, name: str) -> str:
        file = self.folder / name
        return file.read_text() if file.exists() else ""


def child_environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SOURCE), "PLACE": str(folder)}


def states(run: JobRun) -> list[tuple[str, int, str]]:
    return [(attempt.task, attempt.number, attempt.state.value) for attempt in run.attempts]


def until(is_so: Callable[[], bool], seconds: float = 20.0) -> None:
    give_up = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < give_up, "it did not become so in time"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    """A zombie has ended too: it only waits for a parent to ask how."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    state = open_state(f"sqlite:///{tmp_path / 'state.db'}")
    yield Workplace(tmp_path, state)
    state.close()


NOTE = "Path(os.environ['PLACE'], 'order.txt').open('a').write(Path(__file__).stem + ' ')\n"


def test_tasks_run_in_order_with_their_output_kept(place: Workplace) -> None:
    place.task("last", NOTE, depends_on=("middle",))
    place.task("middle", NOTE + "print('from the middle')\n", depends_on=("first",))
    place.task("first", NOTE)
    run = place.runner().run("nightly")
    assert (run.state, run.message, run.trigger) == (RunState.SUCCEEDED, "", "manual")
    assert place.written("order.txt") == "first middle last "
    assert states(run) == [("first", 1, "succeeded"), ("middle", 1, "succeeded"), ("last", 1, "succeeded")]
    assert Path(run.attempts[1].log_path).read_text() == "from the middle\n"
    assert place.state.job_runs.run(run.run_id) == run
    assert run.ended_at is not None
    assert all(attempt.ended_at is not None for attempt in run.attempts)


def test_a_notebook_runs_in_this_interpreter_and_sees_environment_and_parameters(place: Workplace) -> None:
    place.task("only", "print(sys.executable, os.environ['PLACE'], dbutils.widgets.getAll())\n",
               notebook_task={"notebook_path": "only.py", "base_parameters": {"own": 7}})  # fmt: skip
    run = place.runner().run("nightly", parameters={"greeting": "servus"})
    written = Path(run.attempts[0].log_path).read_text()
    assert written == f"{sys.executable} {place.folder} {{'greeting': 'servus', 'own': '7'}}\n"
    assert dict(run.parameters) == {"greeting": "servus"}


def test_an_unknown_parameter_or_job_is_refused_before_anything_runs(place: Workplace) -> None:
    place.task("only", NOTE)
    with pytest.raises(InvalidInput, match="no parameter greting; its parameters are greeting"):
        place.runner().run("nightly", parameters={"greting": "x"})
    with pytest.raises(NotFound, match="no job 'daily'"):
        place.runner().run("daily")
    assert place.state.job_runs.runs() == []


def test_a_failed_attempt_is_tried_again_after_its_interval(place: Workplace) -> None:
    place.task(
        "flaky",
        """
        tries = Path(os.environ['PLACE'], 'tries')
        tries.open('a').write('x')
        if tries.stat().st_size < 3:
            raise RuntimeError(f'try {tries.stat().st_size}')
        """,
        max_retries=2,
        min_retry_interval_millis=700,
    )
    run = place.runner().run("nightly")
    assert run.state == RunState.SUCCEEDED
    assert states(run) == [("flaky", 1, "failed"), ("flaky", 2, "failed"), ("flaky", 3, "succeeded")]
    assert [attempt.message for attempt in run.attempts] == ["RuntimeError: try 1", "RuntimeError: try 2", ""]
    starts = [attempt.started_at for attempt in run.attempts]
    assert all((later - earlier).total_seconds() >= 0.69 for earlier, later in pairwise(starts))


def test_a_failed_task_stops_what_depends_on_it_and_nothing_else(place: Workplace) -> None:
    place.task("bad", "sys.exit(4)")
    place.task("after_bad", NOTE, depends_on=("bad",))
    place.task("after_after", NOTE, depends_on=("after_bad",))
    place.task("independent", NOTE)
    run = place.runner().run("nightly")
    assert run.state == RunState.FAILED
    assert set(run.message.removeprefix("not done: ").split(", ")) == {"bad", "after_bad", "after_after"}
    last = run.last_attempts()
    assert {task: attempt.state.value for task, attempt in last.items()} == {
        "bad": "failed", "after_bad": "upstream_failed", "after_after": "upstream_failed", "independent": "succeeded",
    }  # fmt: skip
    assert last["bad"].message == "exit code 4"
    assert last["after_bad"].message == "not started: bad did not succeed"
    assert place.written("order.txt") == "independent "


def test_progress_is_told_when_an_attempt_begins_and_when_it_has_ended(place: Workplace) -> None:
    place.task("bad", "sys.exit(1)")
    place.task("after", "", depends_on=("bad",))
    place.runner().run("nightly")
    assert [(attempt.task, attempt.state.value) for attempt in place.progress] == [
        ("bad", "running"), ("bad", "failed"), ("after", "running"), ("after", "upstream_failed"),
    ]  # fmt: skip


def test_a_repair_keeps_what_succeeded_and_goes_on_from_there(place: Workplace) -> None:
    place.task("first", NOTE)
    place.task("second", NOTE + "assert Path(os.environ['PLACE'], 'repaired').exists()\n", depends_on=("first",))
    place.task("third", NOTE + "print(dbutils.widgets.get('greeting'))", depends_on=("second",))
    broken = place.runner().run("nightly", parameters={"greeting": "again"})
    assert broken.state == RunState.FAILED
    (place.folder / "repaired").touch()
    repaired = place.runner().repair(broken.run_id)
    assert (repaired.run_id, repaired.state) == (broken.run_id, RunState.SUCCEEDED)
    assert place.written("order.txt") == "first second second third "
    assert states(repaired) == [
        ("first", 1, "succeeded"), ("second", 1, "failed"), ("third", 1, "upstream_failed"),
        ("second", 2, "succeeded"), ("third", 2, "succeeded"),
    ]  # fmt: skip
    assert Path(repaired.attempts[-1].log_path).read_text() == "again\n"
    with pytest.raises(Conflict, match="nothing to repair"):
        place.runner().repair(broken.run_id)


def test_a_task_that_takes_too_long_is_ended_with_all_that_it_started(place: Workplace) -> None:
    place.task(
        "slow",
        """
        import subprocess
        other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
        print(other.pid)
        time.sleep(60)
        """,
        timeout_seconds=4,
        max_retries=3,
    )
    run = place.runner().run("nightly")
    assert states(run) == [("slow", 1, "timed_out")], "a task that was too slow is not tried again unless it says so"
    assert run.attempts[0].message == "ended after its time limit of 4 s"
    until(lambda: is_gone(int(Path(run.attempts[0].log_path).read_text())))


DRIVER = """\
import os, sys
from pathlib import Path
from quikapp_ml.stores.state import open_state
from quikapp_ml.workflows.bundle import read_bundle
from quikapp_ml.workflows.runner import JobRunner
folder = Path(os.environ["PLACE"])
state = open_state(f"sqlite:///{folder / 'state.db'}")
runner = JobRunner(read_bundle(folder / "databricks.yml"), state.job_runs, folder / "runs", os.environ)
print(runner.run("nightly", "schedule").state.value)
"""
WAITS = """
Path(os.environ['PLACE'], 'pid').write_text(str(os.getpid()))
Path(os.environ['PLACE'], 'pid').rename(Path(os.environ['PLACE'], 'started'))
time.sleep(0 if Path(os.environ['PLACE'], 'go').exists() else 60)
"""


@pytest.fixture
def other_process(place: Workplace) -> Iterator[subprocess.Popen[str]]:
    """A run of `nightly` in another process, whose second task is under way and would take a minute."""
    place.task("first", NOTE)
    place.task("second", NOTE + WAITS, depends_on=("first",))
    command = [sys.executable, "-c", DRIVER]
    with subprocess.Popen(command, env=child_environment(place.folder), stdout=subprocess.PIPE, text=True) as process:
        until(lambda: (place.folder / "started").exists())
        yield process
        process.kill()


def test_a_second_run_at_once_is_refused(place: Workplace, other_process: subprocess.Popen[str]) -> None:
    begun = time.monotonic()
    with pytest.raises(Conflict, match=rf"nightly is running already: run 1 \(process {other_process.pid}\)"):
        place.runner().run("nightly")
    with pytest.raises(Conflict, match="run 1"):
        place.runner().repair(1)
    assert time.monotonic() - begun < 5
    assert place.runner().find_lost() == []
    assert [run.state for run in place.state.job_runs.runs()] == [RunState.RUNNING]


def test_a_run_whose_process_was_killed_is_found_lost_and_repaired(
    place: Workplace, other_process: subprocess.Popen[str]
) -> None:
    task_pid = int(place.written("started"))
    other_process.send_signal(signal.SIGKILL)
    other_process.wait()
    (lost,) = place.runner().find_lost()
    assert (lost.state, lost.trigger) == (RunState.LOST, "schedule")
    assert states(lost) == [("first", 1, "succeeded"), ("second", 1, "lost")]
    assert "ended without saying how" in lost.message
    until(lambda: is_gone(task_pid))
    (place.folder / "go").touch()
    repaired = place.runner().repair(lost.run_id)
    assert states(repaired) == [("first", 1, "succeeded"), ("second", 1, "lost"), ("second", 2, "succeeded")]
    assert place.written("order.txt") == "first second second "


def test_after_a_kill_the_next_run_waits_for_no_one(place: Workplace, other_process: subprocess.Popen[str]) -> None:
    other_process.send_signal(signal.SIGKILL)
    other_process.wait()
    (place.folder / "go").touch()
    assert place.runner().run("nightly").state == RunState.SUCCEEDED
    assert [run.state for run in place.state.job_runs.runs()] == [RunState.SUCCEEDED, RunState.LOST]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_its_tasks_and_is_recorded_canceled(
    place: Workplace, other_process: subprocess.Popen[str], how: signal.Signals
) -> None:
    task_pid = int(place.written("started"))
    other_process.send_signal(how)
    printed, _ = other_process.communicate(timeout=20)
    assert printed == "canceled\n"
    (run,) = place.state.job_runs.runs()
    assert (run.state, run.message) == (RunState.CANCELED, "interrupted")
    assert states(run) == [("first", 1, "succeeded"), ("second", 1, "canceled")]
    until(lambda: is_gone(task_pid))


@pytest.fixture
def background(place: Workplace) -> Iterator[BackgroundRuns]:
    """Runs beside the test, of a job that would take a minute."""
    place.task("first", "(Path(os.environ['PLACE']) / 'begun').write_text('x')\ntime.sleep(60)")
    place.task("then", "pass", depends_on=("first",))
    runs = place.background()
    yield runs
    runs.close()


def test_a_run_beside_the_service_is_canceled_and_repaired(background: BackgroundRuns, place: Workplace) -> None:
    run = background.start("nightly", {"greeting": "hi"})
    assert (run.state, run.trigger, run.parameters) == (RunState.RUNNING, "manual", {"greeting": "hi"})
    with pytest.raises(Conflict, match=f"run {run.run_id}"):
        background.start("nightly", {})
    until(lambda: place.written("begun") == "x")
    background.cancel(run.run_id)
    until(lambda: place.state.job_runs.run(run.run_id).state == RunState.CANCELED)
    (place.folder / "first.py").write_text(HEADER)
    until(lambda: background.repair(run.run_id).run_id == run.run_id)
    until(lambda: place.state.job_runs.run(run.run_id).state == RunState.SUCCEEDED)
    assert states(place.state.job_runs.run(run.run_id))[1:] == [("first", 2, "succeeded"), ("then", 1, "succeeded")]
    background.cancel(run.run_id)
    assert place.state.job_runs.run(run.run_id).state == RunState.SUCCEEDED


def test_a_run_beside_the_service_ends_with_it(background: BackgroundRuns, place: Workplace) -> None:
    run_id = background.start("nightly", {}).run_id
    until(lambda: place.written("begun") == "x")
    background.close()
    assert states(place.state.job_runs.run(run_id)) == [("first", 1, "canceled")]


def test_what_cannot_begin_is_said_at_once(background: BackgroundRuns) -> None:
    with pytest.raises(InvalidInput, match="no parameter size"):
        background.start("nightly", {"size": "1"})
    for unknown in (lambda: background.start("weekly", {}), lambda: background.repair(9), lambda: background.cancel(9)):
        with pytest.raises(NotFound):
            unknown()


def test_a_run_of_another_process_is_asked_to_end(place: Workplace, other_process: subprocess.Popen[str]) -> None:
    place.background().cancel(1)
    assert other_process.communicate(timeout=20)[0] == "canceled\n"
    assert states(place.state.job_runs.run(1)) == [("first", 1, "succeeded"), ("second", 1, "canceled")]


def test_canceling_a_run_whose_process_is_gone_marks_it_as_lost(background: BackgroundRuns, place: Workplace) -> None:
    run = place.state.job_runs.start_run("nightly", "manual", {}, datetime.now(UTC))
    background.cancel(run.run_id)
    assert place.state.job_runs.run(run.run_id).state == RunState.LOST
