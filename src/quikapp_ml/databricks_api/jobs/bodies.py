"""Jobs and runs in Databricks' fields, as the SDK's `Job` and `Run` hold them. Times are milliseconds since 1970."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from quikapp_ml.stores.state.base import JobRun, RunState, TaskAttempt
from quikapp_ml.workflows.bundle import Job
from quikapp_ml.workflows.catalog import JobEntry

TASK_RUNS = 1 << 50
"""Ids of task runs lie above those of runs; both stay below 2^53."""
_ATTEMPTS = 1 << 12

_LIFE: Mapping[RunState, tuple[str, str]] = {
    RunState.SUCCEEDED: ("TERMINATED", "SUCCESS"),
    RunState.FAILED: ("TERMINATED", "FAILED"),
    RunState.TIMED_OUT: ("TERMINATED", "TIMEDOUT"),
    RunState.UPSTREAM_FAILED: ("TERMINATED", "UPSTREAM_FAILED"),
    RunState.CANCELED: ("TERMINATED", "CANCELED"),
    RunState.LOST: ("INTERNAL_ERROR", "FAILED"),
}
_TERMINATION: Mapping[RunState, tuple[str, str]] = {
    RunState.SUCCEEDED: ("SUCCESS", "SUCCESS"),
    RunState.FAILED: ("RUN_EXECUTION_ERROR", "CLIENT_ERROR"),
    RunState.TIMED_OUT: ("RUN_EXECUTION_ERROR", "CLIENT_ERROR"),
    RunState.UPSTREAM_FAILED: ("RUN_EXECUTION_ERROR", "CLIENT_ERROR"),
    RunState.CANCELED: ("USER_CANCELED", "SUCCESS"),
    RunState.LOST: ("INTERNAL_ERROR", "INTERNAL_ERROR"),
}
_TASK_FIELDS = ("notebook_task", "depends_on", "run_if", "environment_key", "description", "timeout_seconds",
                "max_retries", "min_retry_interval_millis", "retry_on_timeout")  # fmt: skip
_WITHOUT_EXPANSION = frozenset({"tasks", "job_clusters", "environments", "parameters"})


def job_body(entry: JobEntry, with_arrays: bool = True) -> dict[str, Any]:
    """A job, as `get` answers it; lists leave the arrays out unless they are asked for."""
    settings = {"format": "MULTI_TASK", "max_concurrent_runs": 1, "timeout_seconds": 0, **entry.job.settings}
    kept = {name: value for name, value in settings.items() if with_arrays or name not in _WITHOUT_EXPANSION}
    return {
        "job_id": entry.job_id,
        "creator_user_name": entry.creator,
        "created_time": millis(entry.created_at),
        "settings": _without_empty(kept),
    }


def run_body(run: JobRun, job_id: int, entry: JobEntry | None, base_url: str) -> dict[str, Any]:
    """A run without its tasks; `entry` is None when the job was deleted since."""
    is_one_time = entry is not None and entry.is_one_time
    body = {
        "job_id": job_id,
        "run_id": run.run_id,
        "job_run_id": run.run_id,
        "number_in_job": run.run_id,
        "original_attempt_run_id": run.run_id,
        "run_name": str(entry.job.settings.get("name", run.job)) if entry else run.job,
        "run_type": "SUBMIT_RUN" if is_one_time else "JOB_RUN",
        "run_page_url": f"{base_url}/?o=1#job/{job_id}/run/{run.run_id}",
        "trigger": "PERIODIC" if run.trigger == "schedule" else "ONE_TIME",
        "job_parameters": _parameters(run, entry.job) if entry else _given(run),
        **_times(run),
        **_states(run.state, _run_message(run), is_whole_run=True),
    }
    body = {**body, "creator_user_name": entry.creator} if entry else body
    return _without_empty(body)


def task_bodies(run: JobRun, job: Job | None, base_url: str) -> list[dict[str, Any]]:
    """The attempts at the run's tasks in the order in which they began, then the tasks that have not begun."""
    declared = {str(task["task_key"]): task for task in job.settings.get("tasks", ())} if job else {}
    begun = [
        task_body(run, number, declared.get(attempt.task, {}), base_url)
        for number, attempt in enumerate(run.attempts, start=1)
    ]
    attempted = {attempt.task for attempt in run.attempts}
    return begun + [
        {**_task_settings(task), "task_key": key, **_not_begun(run)}
        for key, task in declared.items()
        if key not in attempted
    ]


def task_body(run: JobRun, number: int, task: Mapping[str, Any], base_url: str) -> dict[str, Any]:
    """One attempt at a task; `number` counts the attempts of the run from 1."""
    attempt = run.attempts[number - 1]
    task_run = task_run_id(run.run_id, number)
    return {
        **_task_settings(task),
        "task_key": attempt.task,
        "run_id": task_run,
        "attempt_number": attempt.number - 1,
        "run_page_url": f"{base_url}/?o=1#run/{task_run}",
        **_times(attempt),
        **_states(attempt.state, attempt.message),
    }


def as_run(task: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """An attempt at a task as a run of its own, with the rest from the run it is of."""
    own = {name: value for name, value in task.items() if name not in ("task_key", *_TASK_FIELDS)}
    return {**run, **own, "tasks": [task]}


def output_body(run: JobRun, number: int, metadata: Mapping[str, Any], log_bytes: int) -> dict[str, Any]:
    """What an attempt at a task has written, and how it ended."""
    attempt = run.attempts[number - 1]
    logs, is_truncated = _tail(attempt.log_path, log_bytes)
    body: dict[str, Any] = {
        "metadata": metadata,
        "notebook_output": {"truncated": False},
        "logs": logs,
        "logs_truncated": is_truncated,
    }
    if attempt.state not in (RunState.RUNNING, RunState.SUCCEEDED):
        body |= {"error": attempt.message, "error_trace": logs}
    return body


def task_run_id(run_id: int, number: int) -> int:
    """The id of an attempt at a task; `number` counts the attempts of the run from 1."""
    return TASK_RUNS | run_id * _ATTEMPTS | number


def split_run_id(given: int) -> tuple[int, int]:
    """The run, and the number of the attempt in it; 0 when the id is that of the whole run."""
    return divmod(given & (TASK_RUNS - 1), _ATTEMPTS) if given & TASK_RUNS else (given, 0)


def millis(time: datetime) -> int:
    """A time in milliseconds since 1970."""
    return int(time.timestamp() * 1000)


def _states(state: RunState, message: str, is_whole_run: bool = False) -> dict[str, Any]:
    """In the older words (`state`) and the newer ones (`status`)."""
    if state is RunState.RUNNING:
        return {
            "state": {"life_cycle_state": "RUNNING", "state_message": "", "user_cancelled_or_timedout": False},
            "status": {"state": "RUNNING"},
        }
    life, result = _LIFE[state]
    if is_whole_run and state is RunState.FAILED:
        life = "INTERNAL_ERROR"  # as Databricks says of a run of several tasks, one of which failed
    code, kind = _TERMINATION[state]
    return {
        "state": {
            "life_cycle_state": life,
            "result_state": result,
            "state_message": message,
            "user_cancelled_or_timedout": state in (RunState.CANCELED, RunState.TIMED_OUT),
        },
        "status": {"state": "TERMINATED", "termination_details": {"code": code, "type": kind, "message": message}},
    }


def _not_begun(run: JobRun) -> dict[str, Any]:
    if run.state is RunState.RUNNING:
        pending = {"life_cycle_state": "BLOCKED", "state_message": "", "user_cancelled_or_timedout": False}
        return {"state": pending, "status": {"state": "BLOCKED"}}
    return _states(RunState.CANCELED, "not begun")


def _run_message(run: JobRun) -> str:
    failed = [each for each in run.last_attempts().values() if each.state in (RunState.FAILED, RunState.TIMED_OUT)]
    said = "; ".join(f"Task {each.task} failed with message: {each.message}" for each in failed)
    return said if run.state is RunState.FAILED and said else run.message


def _times(thing: JobRun | TaskAttempt) -> dict[str, int]:
    begun = {"start_time": millis(thing.started_at), "setup_duration": 0, "cleanup_duration": 0}
    if thing.ended_at is None:
        return {**begun, "end_time": 0, "execution_duration": 0}
    took = millis(thing.ended_at) - millis(thing.started_at)
    return {**begun, "end_time": millis(thing.ended_at), "execution_duration": took, "run_duration": took}


def _parameters(run: JobRun, job: Job) -> list[dict[str, str]]:
    declared = [
        {"name": name, "default": default, "value": run.parameters.get(name, default)}
        for name, default in job.parameters.items()
    ]
    return declared + [each for each in _given(run) if each["name"] not in job.parameters]


def _given(run: JobRun) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in run.parameters.items()]


def _task_settings(task: Mapping[str, Any]) -> dict[str, Any]:
    return _without_empty({name: task[name] for name in _TASK_FIELDS if name in task})


def _without_empty(body: Mapping[str, Any]) -> dict[str, Any]:
    """Without arrays and objects that hold nothing: Databricks leaves them out, and so do its clients."""
    return {name: value for name, value in body.items() if value not in ([], {})}


def _tail(path: str, n_bytes: int) -> tuple[str, bool]:
    """The end of a log, and whether that is not all of it; empty when the log is gone."""
    file = Path(path)
    if not path or not file.is_file():
        return "", False
    with file.open("rb") as stream:
        size = file.stat().st_size
        stream.seek(max(0, size - n_bytes))
        return stream.read(n_bytes).decode(errors="replace"), size > n_bytes
