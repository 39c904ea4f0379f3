"""Jobs by `w.jobs`: the nightly one found, one made, run, read, canceled, repaired, changed, forgotten. Prints JSON."""

import json
from datetime import timedelta
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound, ResourceConflict
from databricks.sdk.service.jobs import (
    CronSchedule,
    Job,
    JobParameterDefinition,
    JobSettings,
    NotebookTask,
    PauseStatus,
    Run,
    SubmitTask,
    Task,
)

SOON = timedelta(minutes=2)


def task(key: str, after: str = "", notebook: str = "feature_engineering") -> Task:
    settings: dict[str, Any] = {"task_key": key, "notebook_task": {"notebook_path": f"/notebooks/{notebook}"}}
    return Task.from_dict({**settings, "depends_on": [{"task_key": after}]} if after else settings)


def look(w: WorkspaceClient) -> dict[str, Any]:
    nightly = next(job for job in w.jobs.list(name="ml_pipeline") if job.job_id)
    described = w.jobs.get(nightly.job_id or 0)
    assert described.settings is not None and described.settings.tasks is not None
    return {
        "tasks": [each.task_key for each in described.settings.tasks],
        "same": Job.from_dict(described.as_dict()).as_dict() == described.as_dict(),
    }


def result_of(run: Run) -> str:
    assert run.state and run.state.result_state
    return run.state.result_state.value


def run_it(w: WorkspaceClient, job_id: int) -> dict[str, Any]:
    run = w.jobs.run_now(job_id, job_parameters={"model": "spam-classifier"}).result(timeout=SOON)
    assert run.tasks
    return {
        "result": result_of(run),
        "run_same": Run.from_dict(run.as_dict()).as_dict() == run.as_dict(),
        "logs": w.jobs.get_run_output(run.tasks[0].run_id or 0).logs,
        "runs": [each.run_id == run.run_id for each in w.jobs.list_runs(job_id=job_id)],
    }


def cancel_and_repair(w: WorkspaceClient, job_id: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    waiting = w.jobs.run_now(job_id)
    try:
        w.jobs.run_now(job_id)
    except ResourceConflict as error:
        found["second"] = str(error)
    found["canceled"] = result_of(w.jobs.cancel_run(waiting.run_id).result(timeout=SOON))
    found["repaired"] = result_of(w.jobs.repair_run(waiting.run_id, rerun_all_failed_tasks=True).result(timeout=SOON))
    w.jobs.cancel_all_runs(job_id=job_id)
    return found


def submit(w: WorkspaceClient) -> dict[str, Any]:
    once = SubmitTask(task_key="once", notebook_task=NotebookTask(notebook_path="/notebooks/feature_engineering"))
    submitted = w.jobs.submit(run_name="once", tasks=[once]).result(timeout=SOON)
    return {"submitted": w.jobs.get_run(submitted.run_id or 0).run_name}


def change(w: WorkspaceClient, job_id: int) -> dict[str, Any]:
    schedule = CronSchedule(
        quartz_cron_expression="0 0 3 * * ?", timezone_id="Europe/Berlin", pause_status=PauseStatus.UNPAUSED
    )
    w.jobs.update(job_id, new_settings=JobSettings(schedule=schedule))
    changed = w.jobs.get(job_id).settings
    w.jobs.reset(job_id, JobSettings(name="reset", tasks=[task("a"), task("b", after="a")]))
    reset = w.jobs.get(job_id).settings
    w.jobs.delete(job_id)
    found: dict[str, Any] = {
        "schedule": changed.schedule.timezone_id if changed and changed.schedule else None,
        "reset": [each.task_key for each in reset.tasks or []] if reset else [],
    }
    try:
        w.jobs.get(job_id)
    except NotFound as error:
        found["gone"] = error.error_code
    return found


def main() -> None:
    w = WorkspaceClient()
    parameters = [JobParameterDefinition(name="model", default="")]
    made = w.jobs.create(name="tables", tasks=[task("tables")], parameters=parameters, max_concurrent_runs=1)
    job_id = made.job_id or 0
    found = {**look(w), **run_it(w, job_id), **cancel_and_repair(w, job_id), **submit(w), **change(w, job_id)}
    print(json.dumps(found))  # noqa: T201


main()
