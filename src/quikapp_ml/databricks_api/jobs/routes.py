"""The routes of Jobs 2.2. Makers of jobs and admins see them and their runs: settings and logs may hold secrets.

Jobs are made, run and changed by admins, for they run as the service.

Handlers are named as Databricks' audit log names what they do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.jobs.bodies import (
    as_run,
    job_body,
    output_body,
    run_body,
    split_run_id,
    task_bodies,
    task_body,
)
from quikapp_ml.databricks_api.jobs.requests import (
    asks_for,
    id_in_body,
    id_in_query,
    new_settings,
    only_all_failed,
    run_parameters,
    submitted,
    updated_settings,
)
from quikapp_ml.databricks_api.requests import caller_of, page, read_body
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.errors import Conflict, NotFound, PermissionDenied
from quikapp_ml.serving.access import Caller
from quikapp_ml.stores.state.base import JobRun, JobRuns, RunState
from quikapp_ml.workflows.background import BackgroundRuns
from quikapp_ml.workflows.catalog import JobCatalog, JobEntry, entry_or_none, job_id_of

PREFIX = "/api/2.2/jobs"
MAX_RUNS = 10_000
"""So many newest runs can be listed."""
LOG_BYTES = 5 * 1024 * 1024
"""So much of a task's log is answered, as on Databricks."""

ROUTES = WorkspaceRoutes()


@dataclass(frozen=True)
class _Jobs:
    """What the handlers work on, for one caller."""

    catalog: JobCatalog
    background: BackgroundRuns
    runs: JobRuns
    caller: Caller
    base_url: str

    def sees(self, entry: JobEntry | None) -> bool:
        """Whether the caller may see a job and its runs; those of a job that is gone are for admins."""
        return self.caller.is_admin or (entry is not None and entry.creator == self.caller.name)

    def entry(self, job_id: int) -> JobEntry:
        """One job. Raises NotFound without it, PermissionDenied when it is another's."""
        entry = self.catalog.entry(job_id)
        if not self.sees(entry):
            raise PermissionDenied(f"{self.caller.name} may not see job {job_id}: its maker and admins do")
        return entry

    def run(self, run_id: int) -> JobRun:
        """One run. Raises NotFound without it, PermissionDenied when it is of another's job."""
        run = self.runs.run(run_id)
        if not self.sees_run(run):
            raise PermissionDenied(f"{self.caller.name} may not see run {run_id}: the maker of its job and admins do")
        return run

    def sees_run(self, run: JobRun) -> bool:
        """Whether the caller may see a run."""
        return self.caller.is_admin or self.sees(entry_or_none(self.catalog, job_id_of(run.job)))

    def described(self, run: JobRun, with_tasks: bool) -> dict[str, Any]:
        """A run as clients see it."""
        job_id = job_id_of(run.job)
        entry = entry_or_none(self.catalog, job_id)
        body = run_body(run, job_id, entry, self.base_url)
        return {**body, "tasks": task_bodies(run, entry.job if entry else None, self.base_url)} if with_tasks else body

    def described_task(self, run: JobRun, number: int) -> dict[str, Any]:
        """One attempt at a task, as a run of its own."""
        if number > len(run.attempts):
            raise NotFound(f"run {run.run_id} has no attempt {number} at a task")
        entry = entry_or_none(self.catalog, job_id_of(run.job))
        settings = {str(task["task_key"]): task for task in entry.job.settings["tasks"]} if entry else {}
        task = task_body(run, number, settings.get(run.attempts[number - 1].task, {}), self.base_url)
        return as_run(task, self.described(run, with_tasks=False))


@ROUTES.add("POST", f"{PREFIX}/create")
async def create(request: Request) -> Response:
    """Make a job of the bundle's notebooks."""
    jobs = _managed(request)
    settings = new_settings(await read_body(request))
    entry = await run_in_threadpool(jobs.catalog.create, settings, jobs.caller.name)
    return DatabricksJson({"job_id": entry.job_id})


@ROUTES.add("GET", f"{PREFIX}/get")
async def get(request: Request) -> Response:
    """One job."""
    entry = await run_in_threadpool(_jobs(request).entry, id_in_query(request, "job_id"))
    return DatabricksJson(job_body(entry))


@ROUTES.add("GET", f"{PREFIX}/list")
async def list_jobs(request: Request) -> Response:
    """Jobs that the caller may see, newest first, then the bundle's."""
    jobs = _jobs(request)
    entries = [each for each in await run_in_threadpool(jobs.catalog.entries) if jobs.sees(each)]
    name = request.query_params.get("name", "").lower()
    wanted = [each for each in entries if not name or str(each.job.settings.get("name", "")).lower() == name]
    found, token = page(request, wanted, size="limit")
    expands = asks_for(request, "expand_tasks")
    return DatabricksJson({"jobs": [job_body(each, expands) for each in found], **_more(token)})


@ROUTES.add("POST", f"{PREFIX}/update")
async def update(request: Request) -> Response:
    """Change some settings of a job."""
    jobs = _managed(request)
    job_id, changed = updated_settings(await read_body(request))
    await run_in_threadpool(jobs.catalog.change, job_id, changed)
    return DatabricksJson({})


@ROUTES.add("POST", f"{PREFIX}/reset")
async def reset(request: Request) -> Response:
    """Replace all settings of a job."""
    jobs, given = _managed(request), await read_body(request)
    settings = new_settings(given.get("new_settings"))
    await run_in_threadpool(jobs.catalog.change, id_in_body(given, "job_id"), lambda _: settings)
    return DatabricksJson({})


@ROUTES.add("POST", f"{PREFIX}/delete")
async def delete(request: Request) -> Response:
    """Forget a job; its runs stay."""
    jobs, job_id = _managed(request), id_in_body(await read_body(request), "job_id")
    await run_in_threadpool(jobs.catalog.delete, job_id)
    return DatabricksJson({})


@ROUTES.add("POST", f"{PREFIX}/run-now")
async def run_now(request: Request) -> Response:
    """Begin a run of a job."""
    jobs, given = _managed(request), await read_body(request)
    job_id, parameters = id_in_body(given, "job_id"), run_parameters(given)

    def begin() -> JobRun:
        return jobs.background.start(jobs.catalog.entry(job_id).job.key, parameters)

    run = await run_in_threadpool(begin)
    return DatabricksJson({"run_id": run.run_id, "number_in_job": run.run_id})


@ROUTES.add("POST", f"{PREFIX}/runs/submit")
async def submit_run(request: Request) -> Response:
    """Begin a run of tasks that are no job."""
    jobs = _managed(request)
    settings = submitted(await read_body(request))

    def begin() -> JobRun:
        entry = jobs.catalog.create(settings, jobs.caller.name, is_one_time=True)
        try:
            return jobs.background.start(entry.job.key, {})
        except Exception:  # without a run nobody could find its job again
            jobs.catalog.delete(entry.job_id)
            raise

    return DatabricksJson({"run_id": (await run_in_threadpool(begin)).run_id})


@ROUTES.add("GET", f"{PREFIX}/runs/get")
async def get_run(request: Request) -> Response:
    """One run with its tasks, or one attempt at a task."""
    jobs, (run_id, number) = _jobs(request), split_run_id(id_in_query(request, "run_id"))

    def read() -> dict[str, Any]:
        run = jobs.run(run_id)
        return jobs.described_task(run, number) if number else jobs.described(run, with_tasks=True)

    return DatabricksJson(await run_in_threadpool(read))


@ROUTES.add("GET", f"{PREFIX}/runs/list")
async def list_runs(request: Request) -> Response:
    """Runs, newest first: of one job, only those under way or over, or of a time."""
    jobs, query = _jobs(request), request.query_params
    job_id = id_in_query(request, "job_id") if "job_id" in query else None
    expands = asks_for(request, "expand_tasks")
    is_wanted = _wanted(request)

    def read() -> tuple[list[dict[str, Any]], str]:
        key = None if job_id is None else jobs.entry(job_id).job.key
        wanted = [run for run in jobs.runs.runs(MAX_RUNS, key) if is_wanted(run) and jobs.sees_run(run)]
        found, token = page(request, wanted, size="limit")
        return [jobs.described(run, expands) for run in found], token

    bodies, token = await run_in_threadpool(read)
    return DatabricksJson({"runs": bodies, **_more(token)})


@ROUTES.add("GET", f"{PREFIX}/runs/get-output")
async def get_run_output(request: Request) -> Response:
    """What one task has written; a run of one task stands for it."""
    jobs, (run_id, number) = _jobs(request), split_run_id(id_in_query(request, "run_id"))

    def read() -> dict[str, Any]:
        run = jobs.run(run_id)
        attempt = number or _only_attempt(run)
        return output_body(run, attempt, jobs.described_task(run, attempt), LOG_BYTES)

    return DatabricksJson(await run_in_threadpool(read))


@ROUTES.add("POST", f"{PREFIX}/runs/cancel")
async def cancel(request: Request) -> Response:
    """Ask a run to end; one that has ended stays as it is."""
    jobs, run_id = _managed(request), id_in_body(await read_body(request), "run_id")
    await run_in_threadpool(jobs.background.cancel, split_run_id(run_id)[0])
    return DatabricksJson({})


@ROUTES.add("POST", f"{PREFIX}/runs/cancel-all")
async def cancel_all_runs(request: Request) -> Response:
    """Ask all runs of a job to end."""
    jobs, job_id = _managed(request), id_in_body(await read_body(request), "job_id")

    def cancel_them() -> None:
        key = jobs.catalog.entry(job_id).job.key
        for run in jobs.runs.runs(MAX_RUNS, key, RunState.RUNNING):
            jobs.background.cancel(run.run_id)

    await run_in_threadpool(cancel_them)
    return DatabricksJson({})


@ROUTES.add("POST", f"{PREFIX}/runs/repair")
async def repair_run(request: Request) -> Response:
    """Run again what did not succeed."""
    jobs, given = _managed(request), await read_body(request)
    only_all_failed(given)
    run = await run_in_threadpool(jobs.background.repair, split_run_id(id_in_body(given, "run_id"))[0])
    return DatabricksJson({"repair_id": run.run_id})


def _only_attempt(run: JobRun) -> int:
    if len({attempt.task for attempt in run.attempts}) != 1:
        raise Conflict(f"run {run.run_id} has several tasks, or none yet: ask for the output of one by its own run_id")
    return len(run.attempts)


def _wanted(request: Request) -> Any:
    """Which runs a list is asked for."""
    is_active, is_completed = asks_for(request, "active_only"), asks_for(request, "completed_only")
    after, before = (_time_in_query(request, f"start_time_{end}") for end in ("from", "to"))

    def is_wanted(run: JobRun) -> bool:
        is_running = run.state is RunState.RUNNING
        if (is_active and not is_running) or (is_completed and is_running):
            return False
        return (after is None or run.started_at >= after) and (before is None or run.started_at <= before)

    return is_wanted


def _time_in_query(request: Request, name: str) -> datetime | None:
    if name not in request.query_params:
        return None
    return datetime.fromtimestamp(id_in_query(request, name) / 1000, UTC)


def _more(token: str) -> Mapping[str, Any]:
    return {"has_more": True, "next_page_token": token} if token else {"has_more": False}


def _managed(request: Request) -> _Jobs:
    """For callers who may make, run and change jobs."""
    jobs = _jobs(request)
    if not jobs.caller.is_admin:
        raise PermissionDenied("jobs run as the service itself: only an admin makes, runs, changes and cancels them")
    return jobs


def _jobs(request: Request) -> _Jobs:
    service = request.app.state.service
    base_url = str(request.base_url).rstrip("/")
    return _Jobs(service.jobs, service.job_runs, service.state.job_runs, caller_of(request), base_url)
