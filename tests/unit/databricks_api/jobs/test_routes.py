"""Jobs 2.2 as the SDK reads them; every run here is a run of real notebooks."""

from typing import Any

import pytest
from databricks.sdk.service.jobs import Job, Run, RunOutput

from quikapp_ml.workflows.catalog import job_id_of

from .conftest import JOBS, Jobs, depends_on, task

HELLO = {"parameters": [{"name": "who", "default": "world"}]}


def test_a_job_is_made_found_changed_and_forgotten(jobs: Jobs) -> None:
    job_id = jobs.create(task("hello"), task("wait", depends_on=depends_on("hello")), **HELLO)
    body = jobs.get(f"get?job_id={job_id}")
    assert Job.from_dict(body).as_dict() == body
    assert (body["creator_user_name"], body["settings"]["name"]) == ("admin", "made")
    assert [each["job_id"] for each in jobs.get("list")["jobs"]] == [job_id, job_id_of("nightly")]
    assert "tasks" not in jobs.get("list?name=MADE")["jobs"][0]["settings"]
    assert len(jobs.get("list?name=made&expand_tasks=true")["jobs"][0]["settings"]["tasks"]) == 2

    changes = {"name": "other", "tasks": [task("wait", timeout_seconds=9)]}
    jobs.post("update", {"job_id": job_id, "new_settings": changes, "fields_to_remove": ["parameters"]})
    settings = jobs.get(f"get?job_id={job_id}")["settings"]
    assert settings["tasks"] == [task("hello"), task("wait", timeout_seconds=9)]
    assert settings["name"] == "other" and "parameters" not in settings
    jobs.post("reset", {"job_id": job_id, "new_settings": {"tasks": [task("hello")]}})
    settings = jobs.get(f"get?job_id={job_id}")["settings"]
    assert (settings["name"], settings["tasks"]) == ("Untitled", [task("hello")])

    jobs.post("delete", {"job_id": job_id})
    assert jobs.get(f"get?job_id={job_id}", status=404)["error_code"] == "RESOURCE_DOES_NOT_EXIST"


def test_pages_of_jobs_hold_each_of_them_once(jobs: Jobs) -> None:
    made = {jobs.create(task("wait")) for _ in range(4)} | {job_id_of("nightly")}
    found: list[int] = []
    token = ""
    while True:
        page = jobs.get(f"list?limit=2&page_token={token}")
        found += [each["job_id"] for each in page["jobs"]]
        if not page["has_more"]:
            break
        token = page["next_page_token"]
    assert len(found) == 5 and set(found) == made


def test_a_run_gets_its_parameters_and_its_output_is_kept(jobs: Jobs) -> None:
    job_id = jobs.create(task("hello"), **HELLO)
    run_id = jobs.post("run-now", {"job_id": job_id, "job_parameters": {"who": "Ada"}})["run_id"]
    run = jobs.ended(run_id)
    assert Run.from_dict(run).as_dict() == run
    assert (run["state"]["life_cycle_state"], run["state"]["result_state"]) == ("TERMINATED", "SUCCESS")
    assert run["job_parameters"] == [{"name": "who", "default": "world", "value": "Ada"}]
    assert 0 < run["start_time"] <= run["end_time"] == run["start_time"] + run["run_duration"]
    (hello,) = run["tasks"]
    output = jobs.get(f"runs/get-output?run_id={hello['run_id']}")
    assert RunOutput.from_dict(output).as_dict() == output
    assert output["logs"] == "hello Ada\n" and "error" not in output
    assert output["metadata"]["tasks"][0]["run_id"] == hello["run_id"]
    assert jobs.get(f"runs/get-output?run_id={run_id}")["logs"] == output["logs"]
    assert jobs.get(f"runs/get?run_id={hello['run_id']}")["job_run_id"] == run_id


def test_a_run_that_fails_says_why_and_is_repaired(jobs: Jobs) -> None:
    run_id = jobs.post("run-now", {"job_id": job_id_of("nightly")})["run_id"]
    run = jobs.ended(run_id)
    assert Run.from_dict(run).as_dict() == run
    assert [each["state"]["result_state"] for each in run["tasks"]] == ["SUCCESS", "FAILED", "UPSTREAM_FAILED"]
    assert (run["state"]["life_cycle_state"], run["state"]["result_state"]) == ("INTERNAL_ERROR", "FAILED")
    assert run["state"]["state_message"] == "Task need_file failed with message: AssertionError: there is no file"
    output = jobs.get(f"runs/get-output?run_id={run['tasks'][1]['run_id']}")
    assert output["error"] == "AssertionError: there is no file" and "Traceback" in output["error_trace"]
    assert jobs.get(f"runs/get-output?run_id={run_id}", status=409)["error_code"] == "RESOURCE_CONFLICT"

    (jobs.folder / "file").touch()
    (jobs.folder / "notebooks" / "wait.py").write_text("")
    jobs.post("runs/repair", {"run_id": run_id, "rerun_all_failed_tasks": True})
    repaired = jobs.ended(run_id)
    assert repaired["state"]["result_state"] == "SUCCESS"
    assert [(each["task_key"], each["attempt_number"]) for each in repaired["tasks"]] == [
        ("hello", 0), ("need_file", 0), ("wait", 0), ("need_file", 1), ("wait", 1),
    ]  # fmt: skip


def test_a_run_is_canceled_and_a_second_one_at_once_refused(jobs: Jobs) -> None:
    job_id = jobs.create(task("wait"), task("hello", depends_on=depends_on("wait")), **HELLO)
    run_id = jobs.post("run-now", {"job_id": job_id})["run_id"]
    refused = jobs.post("run-now", {"job_id": job_id}, status=409)
    assert refused["error_code"] == "RESOURCE_CONFLICT" and f"run {run_id}" in refused["message"]
    run = jobs.get(f"runs/get?run_id={run_id}")
    assert Run.from_dict(run).as_dict() == run
    assert [each["state"]["life_cycle_state"] for each in run["tasks"]] == ["RUNNING", "BLOCKED"]
    assert [each["run_id"] for each in jobs.get("runs/list?active_only=true")["runs"]] == [run_id]
    assert jobs.get("runs/list?completed_only=true")["runs"] == []
    jobs.post("runs/cancel-all", {"job_id": job_id})
    run = jobs.ended(run_id)
    assert (run["state"]["result_state"], run["state"]["user_cancelled_or_timedout"]) == ("CANCELED", True)
    assert [each["state"]["result_state"] for each in run["tasks"]] == ["CANCELED", "CANCELED"]
    jobs.post("runs/cancel", {"run_id": run_id})
    assert jobs.ended(run_id) == run
    assert jobs.get("runs/list?active_only=true")["runs"] == []


def test_a_submitted_run_is_of_no_job_that_is_listed(jobs: Jobs) -> None:
    run_id = jobs.post("runs/submit", {"run_name": "once", "tasks": [task("need_file")]})["run_id"]
    run = jobs.ended(run_id)
    assert (run["run_name"], run["run_type"], run["state"]["result_state"]) == ("once", "SUBMIT_RUN", "FAILED")
    assert [each["job_id"] for each in jobs.get("list")["jobs"]] == [job_id_of("nightly")]
    (jobs.folder / "file").touch()
    jobs.post("runs/repair", {"run_id": run_id})
    assert jobs.ended(run_id)["state"]["result_state"] == "SUCCESS"


def test_runs_are_listed_by_job_and_time_and_outlive_their_job(jobs: Jobs) -> None:
    job_ids = [jobs.create(task("hello"), **HELLO) for _ in range(2)]
    runs = [jobs.post("run-now", {"job_id": job_id})["run_id"] for job_id in job_ids]
    first, second = (jobs.ended(run_id) for run_id in runs)
    assert [each["run_id"] for each in jobs.get("runs/list")["runs"]] == runs[::-1]
    (found,) = jobs.get(f"runs/list?job_id={job_ids[0]}&expand_tasks=true")["runs"]
    assert found["run_id"] == runs[0] and len(found["tasks"]) == 1
    assert jobs.get(f"runs/list?start_time_from={second['end_time'] + 1}")["runs"] == []
    assert len(jobs.get(f"runs/list?start_time_to={second['end_time'] + 1}")["runs"]) == 2
    jobs.post("delete", {"job_id": job_ids[0]})
    left = jobs.get(f"runs/get?run_id={runs[0]}")
    assert (left["job_id"], left["state"]) == (job_ids[0], first["state"])
    assert Run.from_dict(left).as_dict() == left


def test_jobs_run_as_the_service_so_others_change_none(jobs: Jobs) -> None:
    job_id = jobs.create(task("hello"), **HELLO)
    settings = {"tasks": [task("hello")]}
    for path, body in (
        ("create", settings), ("update", {"job_id": job_id, "new_settings": settings}), ("delete", {"job_id": job_id}),
        ("reset", {"job_id": job_id, "new_settings": settings}), ("run-now", {"job_id": job_id}),
        ("runs/submit", settings), ("runs/cancel", {"run_id": 1}), ("runs/cancel-all", {"job_id": job_id}),
        ("runs/repair", {"run_id": 1}),
    ):  # fmt: skip
        assert jobs.post(path, body, "ann", 403)["error_code"] == "PERMISSION_DENIED", path


def test_jobs_their_runs_and_logs_are_seen_by_their_makers_and_admins(jobs: Jobs) -> None:
    settings = {"name": "anns", "tasks": [task("hello")], **HELLO}
    anns = jobs.workspace.service.jobs.create(settings, "ann")
    others = jobs.create(task("hello"), **HELLO)
    runs = {job_id: jobs.post("run-now", {"job_id": job_id})["run_id"] for job_id in (anns.job_id, others)}
    for run_id in runs.values():
        jobs.ended(run_id)
    assert [each["job_id"] for each in jobs.get("list", "ann")["jobs"]] == [anns.job_id]
    assert [each["run_id"] for each in jobs.get("runs/list", "ann")["runs"]] == [runs[anns.job_id]]
    assert jobs.get(f"runs/get-output?run_id={runs[anns.job_id]}", "ann")["logs"] == "hello world\n"
    for job_id, status in ((anns.job_id, 200), (others, 403)):
        task_run = jobs.get(f"runs/get?run_id={runs[job_id]}")["tasks"][0]["run_id"]
        for path in (
            f"get?job_id={job_id}", f"runs/list?job_id={job_id}", f"runs/get?run_id={runs[job_id]}",
            f"runs/get?run_id={task_run}", f"runs/get-output?run_id={runs[job_id]}",
            f"runs/get-output?run_id={task_run}",
        ):  # fmt: skip
            jobs.get(path, "ann", status)
    jobs.post("delete", {"job_id": anns.job_id})
    jobs.get(f"runs/get?run_id={runs[anns.job_id]}", "ann", 403)
    assert jobs.get("runs/list", "ann")["runs"] == []


def test_a_submitted_run_that_does_not_begin_leaves_no_job(jobs: Jobs) -> None:
    (jobs.folder / "runs").touch()  # where locks and logs would go
    answer = jobs.workspace.request("POST", f"{JOBS}/runs/submit", json={"tasks": [task("hello")]})
    assert answer.status_code >= 500
    assert jobs.workspace.service.state.jobs.all() == []


def test_the_bundles_jobs_are_changed_in_the_bundle(jobs: Jobs) -> None:
    job_id = job_id_of("nightly")
    assert jobs.get(f"get?job_id={job_id}")["creator_user_name"] == "small"
    for path, body in (("delete", {}), ("update", {"new_settings": {"name": "x"}})):
        refused = jobs.post(path, {"job_id": job_id, **body}, status=409)
        assert "deployed from databricks.yml" in refused["message"]


@pytest.mark.parametrize(
    ("path", "body", "status", "why"),
    [
        ("create", {"name": "empty"}, 400, "'tasks' is missing"),
        ("create", {"tasks": [task("../../secret")]}, 400, "no notebook"),
        ("run-now", {}, 400, "job_id must be a whole number, given: nothing"),
        ("run-now", {"job_id": "x"}, 400, "job_id must be a whole number"),
        ("run-now", {"job_id": 9}, 404, "there is no job 9"),
        ("run-now", {"job_id": job_id_of("nightly"), "job_parameters": {"size": "1"}}, 400, "no parameter size"),
        ("run-now", {"job_id": 9, "job_parameters": {"size": 1}}, 400, "object of strings"),
        ("run-now", {"job_id": 9, "only": ["hello"]}, 501, "all tasks of a job are run"),
        ("run-now", {"job_id": 9, "what": 1}, 400, "what is not a field"),
        ("runs/submit", {"tasks": [task("hello")], "idempotency_token": "a"}, 400, "idempotency_token"),
        ("runs/cancel", {"run_id": 9}, 404, "there is no run 9"),
        ("runs/repair", {"run_id": 9}, 404, "there is no run 9"),
        ("runs/repair", {"run_id": 9, "rerun_tasks": ["hello"]}, 501, "rerun_all_failed_tasks"),
        ("update", {"job_id": 9, "new_settings": []}, 404, "there is no job 9"),
        ("update", {"job_id": 9, "new_settings": [1]}, 400, "must be a JSON object"),
        ("reset", {"job_id": 9}, 400, "new_settings must be a JSON object"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(
    jobs: Jobs, path: str, body: dict[str, Any], status: int, why: str
) -> None:
    assert why in jobs.post(path, body, status=status)["message"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("get", 400), ("get?job_id=9", 404), ("runs/get?run_id=9", 404), (f"runs/get?run_id={1 << 50 | 5}", 404),
        ("runs/get?run_id=-1", 400), ("runs/get-output?run_id=9", 404), ("runs/list?job_id=9", 404),
        ("list?limit=x", 400), (f"get?job_id={2**63}", 400), ("runs/export?run_id=1", 404),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said(jobs: Jobs, path: str, status: int) -> None:
    jobs.get(path, status=status)


def test_a_run_whose_process_was_lost_is_an_internal_error(jobs: Jobs) -> None:
    (jobs.folder / "file").touch()
    job_id = jobs.create(task("need_file"))
    run_id = jobs.post("run-now", {"job_id": job_id})["run_id"]
    jobs.ended(run_id)
    jobs.workspace.service.state.job_runs.resume_run(run_id)
    jobs.post("runs/cancel", {"run_id": run_id})
    assert jobs.ended(run_id)["state"]["life_cycle_state"] == "INTERNAL_ERROR"
