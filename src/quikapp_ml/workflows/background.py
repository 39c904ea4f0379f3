"""Runs of jobs that the service carries out beside its answers, each in a thread of its own."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path

from quikapp_ml.errors import Conflict
from quikapp_ml.stores.state.base import JobRun, JobRuns, RunState, TaskAttempt
from quikapp_ml.workflows.lock import run_under_way
from quikapp_ml.workflows.runner import JobRunner, Jobs, Watch

logger = logging.getLogger(__name__)

_START_SECONDS = 30.0
"""How long a run may take to be recorded: the tasks of one that was killed may still have to end."""


class BackgroundRuns:
    """Starts, repairs and cancels runs. When the service ends, runs of its own end as canceled and can be repaired."""

    def __init__(self, jobs: Jobs, runs: JobRuns, folder: Path, environment: Mapping[str, str]) -> None:
        self._jobs = jobs
        self._runs = runs
        self._folder = folder
        self._environment = environment
        self._lock = threading.Lock()
        self._own: dict[int, tuple[threading.Event, threading.Thread]] = {}

    def start(self, key: str, parameters: Mapping[str, str]) -> JobRun:
        """Begin a run of a job and return it as it was recorded. Raises what `JobRunner.run` raises before that."""
        return self._begin(lambda runner: runner.run(key, "manual", parameters))

    def repair(self, run_id: int) -> JobRun:
        """Begin to repair a run, and return it. Raises what `JobRunner.repair` raises before that."""
        return self._begin(lambda runner: runner.repair(run_id))

    def cancel(self, run_id: int) -> None:
        """Ask a run under way to end, whoever carries it out; one that has ended is left as it is.

        Raises NotFound without it, Conflict when its process cannot be asked.
        """
        run = self._runs.run(run_id)
        with self._lock:
            own = self._own.get(run_id)
        if own is not None:
            own[0].set()
        elif run.state is RunState.RUNNING and not self._ask_process(run):
            self.find_lost()

    def find_lost(self) -> None:
        """Mark the runs that nobody carries out any more as lost."""
        JobRunner(self._jobs, self._runs, self._folder, self._environment).find_lost()

    def close(self) -> None:
        """End all runs of this process: they are recorded as canceled."""
        with self._lock:
            own = list(self._own.values())
        for stop, _ in own:
            stop.set()
        for _, thread in own:
            thread.join()

    def _ask_process(self, run: JobRun) -> bool:
        """Whether there was a process to ask."""
        pid, noted = run_under_way(self._folder / f"{run.job}.lock")
        if noted != run.run_id or pid in (0, os.getpid()):
            return False
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return False
        except PermissionError:
            raise Conflict(f"run {run.run_id} is carried out by process {pid} of another user: end it there") from None
        return True

    def _begin(self, carry_out: Callable[[JobRunner], JobRun]) -> JobRun:
        begun: Future[int] = Future()
        stop = threading.Event()

        def note(attempt: TaskAttempt) -> None:
            if not begun.done():
                with self._lock:
                    self._own[attempt.run_id] = (stop, thread)
                begun.set_result(attempt.run_id)

        runner = JobRunner(self._jobs, self._runs, self._folder, self._environment, Watch(note, stop))

        def run() -> None:
            try:
                carry_out(runner)
            except Exception as error:
                if begun.done():
                    logger.exception("run %d ended without a record", begun.result())
                else:
                    begun.set_exception(error)
            finally:
                if begun.done() and begun.exception() is None:
                    with self._lock:
                        self._own.pop(begun.result(), None)

        thread = threading.Thread(target=run, name="job-run", daemon=True)
        thread.start()
        return self._runs.run(begun.result(_START_SECONDS))
