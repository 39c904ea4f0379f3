"""Control state in an SQL database, by SQLAlchemy Core: a SQLite file, or a schema of PostgreSQL."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from quikapp_ml.errors import NotFound
from quikapp_ml.stores.state.audit import AuditLog
from quikapp_ml.stores.state.base import ControlState, JobRun, JobRuns, RunState, TaskAttempt
from quikapp_ml.stores.state.catalog import CatalogRecords, Principals
from quikapp_ml.stores.state.database import METADATA, UtcTime, open_database, transaction
from quikapp_ml.stores.state.endpoints import EndpointRecords
from quikapp_ml.stores.state.experiments import ExperimentRecords
from quikapp_ml.stores.state.jobs import JobDefinitions
from quikapp_ml.stores.state.moderation import ModerationRecords
from quikapp_ml.stores.state.monitors import MonitorRecords
from quikapp_ml.stores.state.rollouts import RolloutRecords
from quikapp_ml.stores.state.shares import Recipients, Shares
from quikapp_ml.stores.state.sql_access import SqlAuditLog, SqlTokens
from quikapp_ml.stores.state.sql_catalog import SqlCatalogRecords, SqlPrincipals
from quikapp_ml.stores.state.sql_endpoints import SqlEndpointRecords
from quikapp_ml.stores.state.sql_experiments import SqlExperimentRecords
from quikapp_ml.stores.state.sql_jobs import SqlJobDefinitions
from quikapp_ml.stores.state.sql_moderation import sql_moderation
from quikapp_ml.stores.state.sql_monitors import SqlMonitorRecords
from quikapp_ml.stores.state.sql_rollouts import SqlRolloutRecords
from quikapp_ml.stores.state.sql_shares import SqlRecipients, SqlShares
from quikapp_ml.stores.state.tokens import Tokens

_job_runs = sa.Table(
    "job_runs",
    METADATA,
    sa.Column("run_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("job", sa.String(255), nullable=False, index=True),
    sa.Column("trigger", sa.String(64), nullable=False),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("message", sa.Text, nullable=False, default=""),
    sa.Column("parameters", sa.JSON, nullable=False),
    sqlite_autoincrement=True,
)

_task_attempts = sa.Table(
    "task_attempts",
    METADATA,
    sa.Column("attempt_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.ForeignKey("job_runs.run_id"), nullable=False),
    sa.Column("task", sa.String(255), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("message", sa.Text, nullable=False, default=""),
    sa.Column("log_path", sa.Text, nullable=False),
    sa.UniqueConstraint("run_id", "task", "number"),
)


class SqlJobRuns(JobRuns):
    """Runs of jobs in two tables."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def start_run(self, job: str, trigger: str, parameters: Mapping[str, str], now: datetime) -> JobRun:
        """Insert a run; the database gives its id."""
        run = {"job": job, "trigger": trigger, "state": RunState.RUNNING, "started_at": now}
        with transaction(self._engine) as connection:
            statement = _job_runs.insert().values(**run, message="", parameters=dict(parameters))
            (run_id,) = connection.execute(statement).inserted_primary_key or (0,)
            return _run(connection, run_id)

    def resume_run(self, run_id: int) -> JobRun:
        """Set it back to running."""
        with transaction(self._engine) as connection:
            _update_run(connection, run_id, state=RunState.RUNNING, ended_at=None, message="")
            return _run(connection, run_id)

    def finish_run(self, run_id: int, state: RunState, message: str, now: datetime) -> JobRun:
        """End the run and what still runs of it in one transaction."""
        ended = {"state": state, "ended_at": now, "message": message}
        with transaction(self._engine) as connection:
            _update_run(connection, run_id, **ended)
            still_running = (_task_attempts.c.run_id == run_id) & (_task_attempts.c.state == RunState.RUNNING)
            connection.execute(_task_attempts.update().where(still_running).values(**ended))
            return _run(connection, run_id)

    def start_task(self, run_id: int, task: str, log_path: str, now: datetime) -> TaskAttempt:
        """Insert the next attempt."""
        with transaction(self._engine) as connection:
            earlier = [attempt.number for attempt in _run(connection, run_id).attempts if attempt.task == task]
            attempt = TaskAttempt(run_id, task, max(earlier, default=0) + 1, RunState.RUNNING, now, log_path=log_path)
            row = {"run_id": run_id, "task": task, "number": attempt.number, "state": attempt.state}
            connection.execute(_task_attempts.insert().values(**row, started_at=now, message="", log_path=log_path))
        return attempt

    def finish_task(self, attempt: TaskAttempt, state: RunState, message: str, now: datetime) -> TaskAttempt:
        """End the attempt."""
        columns = _task_attempts.c
        this = (
            (columns.run_id == attempt.run_id) & (columns.task == attempt.task) & (columns.number == attempt.number)
        )  # fmt: skip
        with transaction(self._engine) as connection:
            ended = _task_attempts.update().where(this).values(state=state, ended_at=now, message=message)
            if not connection.execute(ended).rowcount:
                raise NotFound(f"run {attempt.run_id} has no attempt {attempt.number} at task {attempt.task!r}")
        return replace(attempt, state=state, message=message, ended_at=now)

    def run(self, run_id: int) -> JobRun:
        """One row and its attempts."""
        with transaction(self._engine) as connection:
            return _run(connection, run_id)

    def runs(self, limit: int = 20, job: str | None = None, state: RunState | None = None) -> list[JobRun]:
        """Rows by id, newest first."""
        wanted = sa.select(_job_runs).order_by(_job_runs.c.run_id.desc()).limit(limit)
        if job is not None:
            wanted = wanted.where(_job_runs.c.job == job)
        if state is not None:
            wanted = wanted.where(_job_runs.c.state == state)
        with transaction(self._engine) as connection:
            return [_with_attempts(connection, row) for row in connection.execute(wanted).mappings().all()]


class SqlControlState(ControlState):
    """One database; its tables are made when it is opened."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = open_database(engine)
        self._job_runs = SqlJobRuns(self._engine)
        self._jobs = SqlJobDefinitions(self._engine)
        self._monitors = SqlMonitorRecords(self._engine)
        self._tokens = SqlTokens(self._engine)
        self._endpoints = SqlEndpointRecords(self._engine)
        self._audit = SqlAuditLog(self._engine)
        self._shares = SqlShares(self._engine)
        self._moderation = sql_moderation(self._engine)
        self._experiments = SqlExperimentRecords(self._engine)
        self._rollouts = SqlRolloutRecords(self._engine)
        self._recipients = SqlRecipients(self._engine)
        self._catalog = SqlCatalogRecords(self._engine)
        self._principals = SqlPrincipals(self._engine)

    @property
    def job_runs(self) -> JobRuns:
        """Runs in the database."""
        return self._job_runs

    @property
    def jobs(self) -> JobDefinitions:
        """Jobs in the database."""
        return self._jobs

    @property
    def monitors(self) -> MonitorRecords:
        """Monitors in the database."""
        return self._monitors

    @property
    def tokens(self) -> Tokens:
        """Tokens in the database."""
        return self._tokens

    @property
    def endpoints(self) -> EndpointRecords:
        """Endpoints in the database."""
        return self._endpoints

    @property
    def audit(self) -> AuditLog:
        """Entries in the database."""
        return self._audit

    @property
    def shares(self) -> Shares:
        """Shares in the database."""
        return self._shares

    @property
    def recipients(self) -> Recipients:
        """Recipients in the database."""
        return self._recipients

    @property
    def catalog(self) -> CatalogRecords:
        """Securables and grants in the database."""
        return self._catalog

    @property
    def principals(self) -> Principals:
        """Principals in the database."""
        return self._principals

    @property
    def experiments(self) -> ExperimentRecords:
        """Experiments in the database."""
        return self._experiments

    @property
    def rollouts(self) -> RolloutRecords:
        """Rollouts in the database."""
        return self._rollouts

    @property
    def moderation(self) -> ModerationRecords:
        """Records in the database."""
        return self._moderation

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _update_run(connection: sa.Connection, run_id: int, **values: object) -> None:
    changed = connection.execute(_job_runs.update().where(_job_runs.c.run_id == run_id).values(**values))
    if not changed.rowcount:
        raise NotFound(f"there is no run {run_id}")


def _run(connection: sa.Connection, run_id: int) -> JobRun:
    row = connection.execute(sa.select(_job_runs).where(_job_runs.c.run_id == run_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no run {run_id}")
    return _with_attempts(connection, row)


def _with_attempts(connection: sa.Connection, row: sa.RowMapping) -> JobRun:
    columns = [column for column in _task_attempts.c if column.name != "attempt_id"]
    of_this_run = _task_attempts.c.run_id == row["run_id"]
    found = connection.execute(sa.select(*columns).where(of_this_run).order_by(_task_attempts.c.attempt_id))
    attempts = tuple(TaskAttempt(**{**each, "state": RunState(each["state"])}) for each in found.mappings())
    return JobRun(**{**row, "state": RunState(row["state"])}, attempts=attempts)
