"""Control state: what is steered, not what is computed. Job runs here, other kinds in files of their own."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from quikapp_ml.stores.state.audit import AuditLog
from quikapp_ml.stores.state.catalog import CatalogRecords, Principals
from quikapp_ml.stores.state.endpoints import EndpointRecords
from quikapp_ml.stores.state.experiments import ExperimentRecords
from quikapp_ml.stores.state.jobs import JobDefinitions
from quikapp_ml.stores.state.moderation import ModerationRecords
from quikapp_ml.stores.state.monitors import MonitorRecords
from quikapp_ml.stores.state.rollouts import RolloutRecords
from quikapp_ml.stores.state.shares import Recipients, Shares
from quikapp_ml.stores.state.tokens import Tokens


class RunState(StrEnum):
    """How a run of a job, or one attempt at a task of it, stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    """Tasks only: it ran past its time limit and was ended."""
    UPSTREAM_FAILED = "upstream_failed"
    """Tasks only: it was not started, because a task that it depends on did not succeed."""
    CANCELED = "canceled"
    LOST = "lost"
    """The process that ran it ended without saying how."""


@dataclass(frozen=True)
class TaskAttempt:
    """One attempt at a task of a run. Numbers begin at 1 and go on when the run is repaired."""

    run_id: int
    task: str
    number: int
    state: RunState
    started_at: datetime
    ended_at: datetime | None = None
    message: str = ""
    log_path: str = ""
    """File with what the task wrote; empty when it was not started."""


@dataclass(frozen=True)
class JobRun:
    """One run of a job, with all attempts at its tasks in the order in which they were begun."""

    run_id: int
    job: str
    trigger: str
    """Who asked for it: `manual` or `schedule`."""
    state: RunState
    started_at: datetime
    ended_at: datetime | None = None
    message: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    attempts: tuple[TaskAttempt, ...] = ()

    def last_attempts(self) -> dict[str, TaskAttempt]:
        """The newest attempt at each task that was begun."""
        return {attempt.task: attempt for attempt in self.attempts}


class JobRuns(ABC):
    """Runs of jobs and the attempts at their tasks. Times are aware and in UTC.

    Every method raises StorageFailed when the store does not answer.
    """

    @abstractmethod
    def start_run(self, job: str, trigger: str, parameters: Mapping[str, str], now: datetime) -> JobRun:
        """Record a new run as running; run ids grow and are never used twice."""

    @abstractmethod
    def resume_run(self, run_id: int) -> JobRun:
        """Set an ended run back to running, to repair it. Raises NotFound without it."""

    @abstractmethod
    def finish_run(self, run_id: int, state: RunState, message: str, now: datetime) -> JobRun:
        """Record how the run ended; attempts still running get the same state. Raises NotFound without it."""

    @abstractmethod
    def start_task(self, run_id: int, task: str, log_path: str, now: datetime) -> TaskAttempt:
        """Record the next attempt at a task as running. Raises NotFound without the run."""

    @abstractmethod
    def finish_task(self, attempt: TaskAttempt, state: RunState, message: str, now: datetime) -> TaskAttempt:
        """Record how the attempt ended. Raises NotFound when it was never started."""

    @abstractmethod
    def run(self, run_id: int) -> JobRun:
        """One run. Raises NotFound without it."""

    @abstractmethod
    def runs(self, limit: int = 20, job: str | None = None, state: RunState | None = None) -> list[JobRun]:
        """Newest runs first, of one job or in one state if given."""


class ControlState(ABC):
    """Everything that is steered, in one database: each kind of thing is an attribute with an interface of its own."""

    @property
    @abstractmethod
    def job_runs(self) -> JobRuns:
        """Runs of jobs."""

    @property
    @abstractmethod
    def jobs(self) -> JobDefinitions:
        """Jobs that clients have made."""

    @property
    @abstractmethod
    def monitors(self) -> MonitorRecords:
        """Monitors of tables."""

    @property
    @abstractmethod
    def tokens(self) -> Tokens:
        """Bearer tokens."""

    @property
    @abstractmethod
    def endpoints(self) -> EndpointRecords:
        """Serving endpoints."""

    @property
    @abstractmethod
    def audit(self) -> AuditLog:
        """Changes on their way to the audit table."""

    @property
    @abstractmethod
    def shares(self) -> Shares:
        """Tables shared with other organisations."""

    @property
    @abstractmethod
    def recipients(self) -> Recipients:
        """Those who may read them."""

    @property
    @abstractmethod
    def catalog(self) -> CatalogRecords:
        """What Unity Catalog keeps."""

    @property
    @abstractmethod
    def principals(self) -> Principals:
        """Groups and service principals."""

    @property
    @abstractmethod
    def experiments(self) -> ExperimentRecords:
        """Experiments and their changes."""

    @property
    @abstractmethod
    def rollouts(self) -> RolloutRecords:
        """Rollouts and their steps."""

    @property
    @abstractmethod
    def moderation(self) -> ModerationRecords:
        """Policies of spam checks, the review queue, corrections."""

    @abstractmethod
    def close(self) -> None:
        """Give the connections back."""
