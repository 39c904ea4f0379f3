"""Runs a bundle's job here: its tasks in order, with retries and time limits, every attempt recorded."""

import json
import logging
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from quikapp_ml.errors import Conflict, InvalidInput
from quikapp_ml.stores.state.base import JobRun, JobRuns, RunState, TaskAttempt
from quikapp_ml.workflows.bundle import Job, Task
from quikapp_ml.workflows.child import Ended, Stopped, run_child
from quikapp_ml.workflows.lock import JobLock

logger = logging.getLogger(__name__)

RUNS_WITH_LOGS = 200
"""Logs of older runs than this many are deleted; their records stay."""

Progress = Callable[[TaskAttempt], None]


class Jobs(Protocol):
    """Jobs by key: a bundle, or the jobs of clients beside it."""

    def job(self, key: str) -> Job:
        """One job. Raises NotFound without it."""


@dataclass(frozen=True)
class Watch:
    """Who looks on: `on_progress` is told when an attempt begins and when it ends; `stop`, when set, ends the run."""

    on_progress: Progress = lambda _: None
    stop: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class _Run:
    """A run under way: what is needed to carry out its tasks."""

    job: Job
    record: JobRun
    lock: JobLock

    def parameters_of(self, task: Task) -> dict[str, str]:
        return {**self.job.parameters, **self.record.parameters, **task.parameters}


class JobRunner:
    """Carries out jobs as child processes of this one.

    Logs and locks live in `folder`; `environment` is passed on to every task.
    """

    def __init__(
        self,
        jobs: Jobs,
        runs: JobRuns,
        folder: Path,
        environment: Mapping[str, str],
        watch: Watch | None = None,
    ) -> None:
        self._jobs = jobs
        self._runs = runs
        self._folder = folder
        self._environment = {**environment, "PYTHONUNBUFFERED": "1"}
        self._watch = watch or Watch()

    def run(self, key: str, trigger: str = "manual", parameters: Mapping[str, str] | None = None) -> JobRun:
        """Run a job to its end; `parameters` go before the job's defaults.

        A task that fails ends neither this call nor the tasks that do not depend on it: the run's state tells.
        Raises Conflict while another run of the job is under way, and InvalidInput for a parameter it does not have.
        """
        job = self._jobs.job(key)
        given = dict(parameters or {})
        unknown = sorted(set(given) - set(job.parameters))
        if unknown:
            known = ", ".join(sorted(job.parameters)) or "none"
            raise InvalidInput(f"job {key!r} has no parameter {', '.join(unknown)}; its parameters are {known}")
        with self._alone(key) as lock:
            record = self._runs.start_run(key, trigger, given, _now())
            lock.note(record.run_id)
            self._forget_old_logs()
            return self._carry_out(_Run(job, record, lock))

    def repair(self, run_id: int) -> JobRun:
        """Run again, under the same id, the tasks of a run that did not succeed.

        Raises NotFound without the run, and Conflict when all of it succeeded or the job is under way.
        """
        job = self._jobs.job(self._runs.run(run_id).job)
        with self._alone(job.key) as lock:
            record = self._runs.run(run_id)
            if record.state == RunState.SUCCEEDED:
                raise Conflict(f"run {run_id} succeeded: there is nothing to repair; start a new run")
            lock.note(run_id)
            return self._carry_out(_Run(job, self._runs.resume_run(run_id), lock))

    def find_lost(self) -> list[JobRun]:
        """Mark the runs that nobody carries out any more as lost, and return them."""
        running = self._runs.runs(limit=1000, state=RunState.RUNNING)
        for key in sorted({run.job for run in running}):
            with suppress(Conflict), self._alone(key):
                pass  # whoever can have the lock has marked what was left running
        return [run for run in (self._runs.run(each.run_id) for each in running) if run.state == RunState.LOST]

    @contextmanager
    def _alone(self, key: str) -> Iterator[JobLock]:
        lock = JobLock(self._folder / f"{key}.lock")
        lock.acquire()
        try:
            for run in self._runs.runs(limit=1000, job=key, state=RunState.RUNNING):
                self._lose(run)
            yield lock
        finally:
            lock.release()

    def _lose(self, run: JobRun) -> None:
        logger.warning("run %d of %s is lost: its process ended without saying how", run.run_id, run.job)
        message = "its process ended without saying how; repair it, or start a new run"
        self._runs.finish_run(run.run_id, RunState.LOST, message, _now())

    def _carry_out(self, run: _Run) -> JobRun:
        run_id = run.record.run_id
        states = {task: attempt.state for task, attempt in run.record.last_attempts().items()}
        try:
            with _termination_interrupts():
                for task in run.job.tasks:
                    if states.get(task.key) != RunState.SUCCEEDED:
                        states[task.key] = self._carry_out_task(run, task, states)
        except (KeyboardInterrupt, Stopped):
            return self._runs.finish_run(run_id, RunState.CANCELED, "interrupted", _now())
        not_done = [task.key for task in run.job.tasks if states[task.key] != RunState.SUCCEEDED]
        if not_done:
            return self._runs.finish_run(run_id, RunState.FAILED, f"not done: {', '.join(not_done)}", _now())
        return self._runs.finish_run(run_id, RunState.SUCCEEDED, "", _now())

    def _carry_out_task(self, run: _Run, task: Task, states: Mapping[str, RunState]) -> RunState:
        blockers = [key for key in task.depends_on if states[key] != RunState.SUCCEEDED]
        if blockers:
            attempt = self._begin(run, task.key, log="")
            message = f"not started: {', '.join(blockers)} did not succeed"
            return self._end(attempt, RunState.UPSTREAM_FAILED, message).state
        for tries_left in range(task.max_retries, -1, -1):
            begun = time.monotonic()
            attempt = self._attempt(run, task)
            may_retry = attempt.state == RunState.FAILED or task.retry_on_timeout
            if attempt.state == RunState.SUCCEEDED or not may_retry:
                break
            if tries_left:
                # As on Databricks, the interval is from the start of the attempt that failed.
                self._rest(task.retry_interval_seconds - (time.monotonic() - begun))
        return attempt.state

    def _attempt(self, run: _Run, task: Task) -> TaskAttempt:
        run_id = run.record.run_id
        number = 1 + sum(earlier.task == task.key for earlier in self._runs.run(run_id).attempts)
        log = self._folder / str(run_id) / f"{task.key}-{number}.log"
        attempt = self._begin(run, task.key, str(log))
        parameters = json.dumps(run.parameters_of(task))
        # -P: as in the installed command, the folder we happen to be in is no place to import from
        command = [sys.executable, "-P", "-m", "quikapp_ml.workflows.notebook", str(task.notebook), parameters]
        timeout = task.timeout_seconds or None
        ended = run_child(command, self._environment, log, timeout, (run.lock.descriptor,), self._watch.stop)
        return self._end(attempt, *_judged(ended, task))

    def _rest(self, seconds: float) -> None:
        if self._watch.stop.wait(max(0.0, seconds)):
            raise Stopped

    def _begin(self, run: _Run, task: str, log: str) -> TaskAttempt:
        attempt = self._runs.start_task(run.record.run_id, task, log, _now())
        self._watch.on_progress(attempt)
        return attempt

    def _end(self, attempt: TaskAttempt, state: RunState, message: str) -> TaskAttempt:
        ended = self._runs.finish_task(attempt, state, message, _now())
        self._watch.on_progress(ended)
        return ended

    def _forget_old_logs(self) -> None:
        folders = [folder for folder in self._folder.iterdir() if folder.name.isdecimal()]
        for folder in sorted(folders, key=lambda folder: int(folder.name))[:-RUNS_WITH_LOGS]:
            shutil.rmtree(folder, ignore_errors=True)


def _judged(ended: Ended, task: Task) -> tuple[RunState, str]:
    if ended.is_timed_out:
        return RunState.TIMED_OUT, f"ended after its time limit of {task.timeout_seconds} s"
    if ended.exit_code < 0:
        return RunState.FAILED, f"ended by signal {signal.Signals(-ended.exit_code).name}: {ended.last_line}"
    if ended.exit_code:
        return RunState.FAILED, ended.last_line or f"exit code {ended.exit_code}"
    return RunState.SUCCEEDED, ""


@contextmanager
def _termination_interrupts() -> Iterator[None]:
    """SIGTERM ends a run as Ctrl-C does: in order, and recorded."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    earlier = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)


def _now() -> datetime:
    return datetime.now(UTC)
