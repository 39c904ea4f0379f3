"""Control state in memory: for tests, and the plainest reading of the interface."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from quikapp_ml.errors import NotFound
from quikapp_ml.stores.state.audit import AuditLog
from quikapp_ml.stores.state.base import ControlState, JobRun, JobRuns, RunState, TaskAttempt
from quikapp_ml.stores.state.catalog import CatalogRecords, Principals
from quikapp_ml.stores.state.endpoints import EndpointRecords
from quikapp_ml.stores.state.experiments import ExperimentRecords
from quikapp_ml.stores.state.jobs import JobDefinitions
from quikapp_ml.stores.state.memory_access import MemoryAuditLog, MemoryTokens
from quikapp_ml.stores.state.memory_catalog import MemoryCatalogRecords, MemoryPrincipals
from quikapp_ml.stores.state.memory_endpoints import MemoryEndpointRecords
from quikapp_ml.stores.state.memory_experiments import MemoryExperimentRecords
from quikapp_ml.stores.state.memory_jobs import MemoryJobDefinitions
from quikapp_ml.stores.state.memory_moderation import memory_moderation
from quikapp_ml.stores.state.memory_monitors import MemoryMonitorRecords
from quikapp_ml.stores.state.memory_rollouts import MemoryRolloutRecords
from quikapp_ml.stores.state.memory_shares import MemoryRecipients, MemoryShares
from quikapp_ml.stores.state.moderation import ModerationRecords
from quikapp_ml.stores.state.monitors import MonitorRecords
from quikapp_ml.stores.state.rollouts import RolloutRecords
from quikapp_ml.stores.state.shares import Recipients, Shares
from quikapp_ml.stores.state.tokens import Tokens


class MemoryJobRuns(JobRuns):
    """Runs of jobs in a dictionary."""

    def __init__(self) -> None:
        self._runs: dict[int, JobRun] = {}

    def start_run(self, job: str, trigger: str, parameters: Mapping[str, str], now: datetime) -> JobRun:
        """Keep a new run."""
        run_id = len(self._runs) + 1
        return self._keep(JobRun(run_id, job, trigger, RunState.RUNNING, now, parameters=dict(parameters)))

    def resume_run(self, run_id: int) -> JobRun:
        """Set it back to running."""
        return self._keep(replace(self.run(run_id), state=RunState.RUNNING, ended_at=None, message=""))

    def finish_run(self, run_id: int, state: RunState, message: str, now: datetime) -> JobRun:
        """Keep how it ended, with its attempts."""
        run = self.run(run_id)
        attempts = tuple(
            replace(attempt, state=state, message=message, ended_at=now)
            if attempt.state == RunState.RUNNING
            else attempt
            for attempt in run.attempts
        )
        return self._keep(replace(run, state=state, message=message, ended_at=now, attempts=attempts))

    def start_task(self, run_id: int, task: str, log_path: str, now: datetime) -> TaskAttempt:
        """Keep the next attempt."""
        run = self.run(run_id)
        number = 1 + sum(attempt.task == task for attempt in run.attempts)
        attempt = TaskAttempt(run_id, task, number, RunState.RUNNING, now, log_path=log_path)
        self._keep(replace(run, attempts=(*run.attempts, attempt)))
        return attempt

    def finish_task(self, attempt: TaskAttempt, state: RunState, message: str, now: datetime) -> TaskAttempt:
        """Keep how the attempt ended."""
        run = self.run(attempt.run_id)
        key = (attempt.task, attempt.number)
        if key not in {(each.task, each.number) for each in run.attempts}:
            raise NotFound(f"run {attempt.run_id} has no attempt {attempt.number} at task {attempt.task!r}")
        finished = replace(attempt, state=state, message=message, ended_at=now)
        attempts = tuple(finished if (each.task, each.number) == key else each for each in run.attempts)
        self._keep(replace(run, attempts=attempts))
        return finished

    def run(self, run_id: int) -> JobRun:
        """The run as kept."""
        if run_id not in self._runs:
            raise NotFound(f"there is no run {run_id}")
        return self._runs[run_id]

    def runs(self, limit: int = 20, job: str | None = None, state: RunState | None = None) -> list[JobRun]:
        """Newest first."""
        newest_first = sorted(self._runs.values(), key=lambda run: run.run_id, reverse=True)
        return [run for run in newest_first if job in (None, run.job) and state in (None, run.state)][:limit]

    def _keep(self, run: JobRun) -> JobRun:
        self._runs[run.run_id] = run
        return run


class MemoryControlState(ControlState):
    """Forgotten with the process."""

    def __init__(self) -> None:
        self._job_runs = MemoryJobRuns()
        self._jobs = MemoryJobDefinitions()
        self._monitors = MemoryMonitorRecords()
        self._tokens = MemoryTokens()
        self._endpoints = MemoryEndpointRecords()
        self._audit = MemoryAuditLog()
        self._recipients = MemoryRecipients()
        self._shares = MemoryShares(self._recipients)
        self._moderation = memory_moderation()
        self._experiments = MemoryExperimentRecords()
        self._rollouts = MemoryRolloutRecords()
        self._catalog = MemoryCatalogRecords()
        self._principals = MemoryPrincipals()

    @property
    def job_runs(self) -> JobRuns:
        """Runs in memory."""
        return self._job_runs

    @property
    def jobs(self) -> JobDefinitions:
        """Jobs in memory."""
        return self._jobs

    @property
    def monitors(self) -> MonitorRecords:
        """Monitors in memory."""
        return self._monitors

    @property
    def tokens(self) -> Tokens:
        """Tokens in memory."""
        return self._tokens

    @property
    def endpoints(self) -> EndpointRecords:
        """Endpoints in memory."""
        return self._endpoints

    @property
    def audit(self) -> AuditLog:
        """Entries in memory."""
        return self._audit

    @property
    def shares(self) -> Shares:
        """Shares in memory."""
        return self._shares

    @property
    def recipients(self) -> Recipients:
        """Recipients in memory."""
        return self._recipients

    @property
    def catalog(self) -> CatalogRecords:
        """Securables and grants in memory."""
        return self._catalog

    @property
    def principals(self) -> Principals:
        """Principals in memory."""
        return self._principals

    @property
    def experiments(self) -> ExperimentRecords:
        """Experiments in memory."""
        return self._experiments

    @property
    def rollouts(self) -> RolloutRecords:
        """Rollouts in memory."""
        return self._rollouts

    @property
    def moderation(self) -> ModerationRecords:
        """Records in memory."""
        return self._moderation

    def close(self) -> None:
        """Nothing is held."""
