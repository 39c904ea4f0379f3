"""Jobs of the bundle and of clients, by id and by key."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from quikapp_ml.errors import Conflict, InvalidInput, NotFound
from quikapp_ml.stores.state.memory import MemoryControlState
from quikapp_ml.workflows.bundle import Bundle, Schedule, read_bundle
from quikapp_ml.workflows.catalog import JobCatalog, entry_or_none, job_id_of

from .conftest import WriteBundle

NIGHTLY = """\
name: nightly
schedule: {quartz_cron_expression: "0 0 2 * * ?", timezone_id: UTC}
parameters: [{name: model, default: ""}]
tasks:
  - {task_key: a, notebook_task: {notebook_path: ../notebooks/a.py}}
  - {task_key: b, notebook_task: {notebook_path: ../notebooks/b.py}, depends_on: [{task_key: a}]}
"""

MADE = {"name": "mine", "tasks": [{"task_key": "only", "notebook_task": {"notebook_path": "/notebooks/b"}}]}


@pytest.fixture
def bundle(write_bundle: WriteBundle) -> Bundle:
    return read_bundle(write_bundle(NIGHTLY))


@pytest.fixture
def catalog(bundle: Bundle) -> JobCatalog:
    return JobCatalog(bundle, MemoryControlState().jobs)


def test_a_deployed_job_has_the_same_id_everywhere_and_names_its_notebooks_by_place(catalog: JobCatalog) -> None:
    job_id = job_id_of("nightly")
    assert job_id == 46_434_547_482_075 < 2**53
    entry = catalog.entry(job_id)
    assert (entry.job.key, entry.is_deployed, entry.creator) == ("nightly", True, "small")
    paths = [task["notebook_task"]["notebook_path"] for task in entry.job.settings["tasks"]]
    assert paths == ["/notebooks/a", "/notebooks/b"]
    assert entry.job.settings["tasks"][1]["depends_on"] == [{"task_key": "a"}]


def test_a_clients_job_is_kept_found_changed_and_forgotten(catalog: JobCatalog, bundle: Bundle) -> None:
    made = catalog.create(MADE, "ada")
    assert (made.creator, made.is_deployed, made.job.settings) == ("ada", False, MADE)
    assert made.job.tasks[0].notebook == bundle.notebooks["notebooks/b"]
    assert job_id_of(made.job.key) == made.job_id
    assert catalog.job(made.job.key) == made.job
    assert [entry.job.key for entry in catalog.entries()] == [made.job.key, "nightly"]
    changed = catalog.change(made.job_id, lambda settings: {**settings, "name": "ours"})
    assert catalog.entry(made.job_id) == changed
    assert changed.job.settings["name"] == "ours"
    catalog.delete(made.job_id)
    assert entry_or_none(catalog, made.job_id) is None
    with pytest.raises(NotFound, match=str(made.job_id)):
        catalog.job(made.job.key)


def test_what_a_client_has_deployed_is_given_back_as_it_stands(catalog: JobCatalog) -> None:
    deployed = catalog.entry(job_id_of("nightly")).job
    made = catalog.create(deployed.settings, "ada").job
    assert (made.tasks, made.parameters, made.schedule) == (deployed.tasks, deployed.parameters, deployed.schedule)


def test_a_submitted_run_is_no_job_to_list(catalog: JobCatalog) -> None:
    made = catalog.create(MADE, "ada", is_one_time=True)
    assert [entry.job.key for entry in catalog.entries()] == ["nightly"]
    assert catalog.job(made.job.key).tasks[0].key == "only"


def test_schedules_are_those_of_all_jobs_that_are_not_paused(catalog: JobCatalog) -> None:
    hourly = {"quartz_cron_expression": "0 30 * * * ?", "timezone_id": "Europe/Berlin"}
    made = catalog.create({**MADE, "schedule": hourly}, "ada")
    paused = catalog.create({**MADE, "schedule": {**hourly, "pause_status": "PAUSED"}}, "ada")
    assert catalog.schedules() == {
        "nightly": Schedule("0 0 2 * * ?", "UTC"), made.job.key: Schedule("0 30 * * * ?", "Europe/Berlin"),
    }  # fmt: skip
    assert paused.job.key not in catalog.schedules()


def test_deployed_jobs_are_changed_where_they_are_deployed_from(catalog: JobCatalog) -> None:
    for change in (catalog.delete, lambda job_id: catalog.change(job_id, dict)):
        with pytest.raises(Conflict, match=re.escape("deployed from databricks.yml")):
            change(job_id_of("nightly"))


def notebook(path: str) -> dict[str, Any]:
    return {"tasks": [{"task_key": "only", "notebook_task": {"notebook_path": path}}]}


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, "'tasks' is missing"),
        ({"tasks": []}, "at least one task"),
        ({"tasks": "all"}, "a list is needed"),
        ({"tasks": [{"task_key": "a", "spark_python_task": {"python_file": "/tmp/x.py"}}]}, "spark_python_task"),
        (notebook("/etc/passwd"), "there is no notebook '/etc/passwd' in the bundle; its notebooks are notebooks/a"),
        (notebook("../notebooks/a"), "no notebook"),
        (notebook("notebooks/c"), "no notebook"),
        ({**MADE, "max_concurrent_runs": 2}, "once at a time"),
        ({**MADE, "continuous": {"pause_status": "PAUSED"}}, "'continuous' is not understood"),
        ({**MADE, "schedule": {"quartz_cron_expression": "0 2 * * *", "timezone_id": "UTC"}}, "6 fields"),
        ({**MADE, "schedule": {"quartz_cron_expression": "0 0 2 * * ?", "timezone_id": "Mars"}}, "no time zone"),
    ],
)
def test_what_cannot_run_here_is_refused_without_naming_files(
    catalog: JobCatalog, settings: Mapping[str, Any], why: str
) -> None:
    with pytest.raises(InvalidInput, match=why) as refused:
        catalog.create(settings, "ada")
    assert "databricks.yml" not in str(refused.value)
    made = catalog.create(MADE, "ada")
    with pytest.raises(InvalidInput, match=why):
        catalog.change(made.job_id, lambda _: settings)
    assert catalog.entry(made.job_id) == made
