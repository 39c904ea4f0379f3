from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from databricks.sdk.service.jobs import JobSettings

from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.workflows.bundle import find_bundle, read_bundle

REPOSITORY = Path(__file__).parents[3]
WriteBundle = Callable[..., Path]

TOP: dict[str, Any] = {
    "bundle": {"name": "x"},
    "include": ["resources/*.yml"],
    "targets": {"t": {"default": True}},
}

THREE_TASKS = """\
tasks:
  - task_key: last
    depends_on: [{task_key: middle}, {task_key: first}]
    notebook_task: {notebook_path: ../notebooks/c.py}
  - task_key: middle
    depends_on: [{task_key: first}]
    notebook_task: {notebook_path: ../notebooks/b.py}
  - task_key: first
    notebook_task: {notebook_path: ../notebooks/a.py}
"""


def one_task(extra: str = "", notebook: str = "notebook_path: ../notebooks/a.py") -> str:
    return f"tasks:\n  - task_key: only\n    notebook_task: {{{notebook}}}\n{extra}"


class TestOurOwnBundle:
    def test_the_nightly_job_is_the_one_of_the_product(self) -> None:
        job = read_bundle(REPOSITORY / "databricks.yml").job("ml_pipeline")
        assert job.schedule is not None
        assert (job.schedule.quartz, job.schedule.timezone) == ("0 0 2 * * ?", "UTC")
        assert [(task.key, task.depends_on) for task in job.tasks] == [
            ("feature_engineering", ()),
            ("quality_gate", ("feature_engineering",)),
            ("model_training", ("quality_gate",)),
            ("model_deployment", ("model_training",)),
            ("user_embeddings", ("model_deployment",)),
            ("table_upkeep", ("user_embeddings",)),
        ]
        assert all(task.notebook == REPOSITORY / "notebooks" / f"{task.key}.py" for task in job.tasks)

    def test_the_jobs_survive_the_official_client_with_nothing_lost(self) -> None:
        for file in (REPOSITORY / "resources").glob("*.yml"):
            for written in yaml.safe_load(file.read_text())["resources"].get("jobs", {}).values():
                assert JobSettings.from_dict(written).as_dict() == written

    @pytest.mark.parametrize("target", ["local", "dev", "staging", "prod"])
    def test_targets_differ_in_urls_only(self, target: str) -> None:
        bundle = read_bundle(REPOSITORY / "databricks.yml", target)
        local = read_bundle(REPOSITORY / "databricks.yml")
        assert bundle.target == target
        assert bundle.job("ml_pipeline").tasks == local.job("ml_pipeline").tasks
        assert bundle.job("ml_pipeline").parameters.keys() == local.job("ml_pipeline").parameters.keys()

    def test_the_default_target_leaves_every_setting_as_it_is(self) -> None:
        assert set(read_bundle(REPOSITORY / "databricks.yml").job("ml_pipeline").parameters.values()) == {""}

    def test_notebooks_are_thin_and_call_their_job(self) -> None:
        for task in read_bundle(REPOSITORY / "databricks.yml").job("ml_pipeline").tasks:
            source = task.notebook.read_text()
            assert source.startswith("# Databricks notebook source\n")
            assert f"{task.key}.run(" in source
            assert len(source.splitlines()) < 25


class TestFinding:
    def test_a_file_or_its_folder_can_be_given(self, write_bundle: WriteBundle) -> None:
        file = write_bundle(one_task())
        assert find_bundle(file) == find_bundle(file.parent) == file

    def test_a_missing_one_is_not_found(self, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match=r"no bundle at .*databricks\.yml"):
            find_bundle(tmp_path)

    def test_the_folder_we_are_in_goes_first_and_the_checkout_comes_next(
        self, write_bundle: WriteBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = write_bundle(one_task())
        monkeypatch.chdir(file.parent)
        assert find_bundle() == file
        monkeypatch.chdir(tmp_path / "notebooks")
        assert find_bundle() == REPOSITORY / "databricks.yml"


class TestReading:
    def test_tasks_come_after_what_they_depend_on(self, write_bundle: WriteBundle) -> None:
        job = read_bundle(write_bundle(THREE_TASKS)).job("nightly")
        assert [task.key for task in job.tasks] == ["first", "middle", "last"]

    def test_what_is_said_about_failing_is_kept(self, write_bundle: WriteBundle) -> None:
        extra = (
            "    max_retries: 2\n    min_retry_interval_millis: 1500\n"
            "    timeout_seconds: 60\n    retry_on_timeout: true\n"
        )
        (task,) = read_bundle(write_bundle(one_task(extra))).job("nightly").tasks
        assert (task.max_retries, task.retry_interval_seconds, task.timeout_seconds) == (2, 1.5, 60)
        assert task.retry_on_timeout

    def test_references_become_values_of_the_target(self, write_bundle: WriteBundle) -> None:
        parameters = "parameters:\n  - {name: where, default: '${bundle.name}/${bundle.target}/${var.place}'}\n"
        file = write_bundle(parameters + one_task())
        assert read_bundle(file).job("nightly").parameters == {"where": "small/local/here"}
        assert read_bundle(file, "prod").job("nightly").parameters == {"where": "small/prod/there"}
        assert read_bundle(file, variables={"place": "else"}).job("nightly").parameters == {"where": "small/local/else"}

    def test_a_reference_alone_keeps_its_type(self, write_bundle: WriteBundle) -> None:
        top = yaml.safe_dump(TOP | {"variables": {"n": {"default": 3}}})
        (task,) = read_bundle(write_bundle(one_task("    max_retries: ${var.n}\n"), top)).job("nightly").tasks
        assert task.max_retries == 3

    def test_a_job_parameter_goes_before_a_parameter_of_the_task(self, write_bundle: WriteBundle) -> None:
        notebook = "notebook_path: ../notebooks/a.py, base_parameters: {both: task, own: 1}"
        file = write_bundle("parameters: [{name: both, default: job}]\n" + one_task(notebook=notebook))
        (task,) = read_bundle(file).job("nightly").tasks
        assert task.parameters == {"own": "1"}

    def test_an_unknown_job_is_not_found_with_those_there(self, write_bundle: WriteBundle) -> None:
        with pytest.raises(NotFound, match="no job 'daily'; its jobs are nightly"):
            read_bundle(write_bundle(one_task())).job("daily")


REFUSED: dict[str, tuple[str, str]] = {
    "another kind of task": ("tasks:\n  - task_key: x\n    sql_task: {}\n", r"tasks\[0\]: a task of the kind sql_task"),
    "no kind of task": ("tasks:\n  - task_key: x\n", r"tasks\[0\]: 'notebook_task' is missing"),
    "no key": ("tasks:\n  - notebook_task: {notebook_path: ../notebooks/a.py}\n", "'task_key' is missing"),
    "no tasks": ("tasks: []\n", "at least one task"),
    "a misspelt key": (one_task("    max_retry: 2\n"), "'max_retry' is not understood"),
    "a misspelt key of the job": ("schedul: {}\n" + one_task(), "'schedul' is not understood"),
    "cluster_id": (one_task("    cluster_id: abc\n"), "'cluster_id' is not understood"),
    "retries without end": (one_task("    max_retries: -1\n"), r"max_retries: a whole number.*given was -1"),
    "a dependency that is not there": (one_task("    depends_on: [{task_key: gone}]\n"), "'only' depends on gone"),
    "a dependency on an outcome": (
        one_task("    depends_on: [{task_key: only, outcome: 'true'}]\n"), "'outcome' is not understood",
    ),
    "a circle": (THREE_TASKS.replace("key: first\n", "key: first\n    depends_on: [{task_key: last}]\n"), "a circle: "),
    "a key that is no file name": (one_task().replace("only", "../x"), r"letters, digits, - and _ .*'\.\./x'"),
    "a key twice": (THREE_TASKS.replace("task_key: last", "task_key: first"), "same task_key"),
    "a notebook that is not there": (one_task(notebook="notebook_path: ../notebooks/z.py"), r"notebook at .*z\.py"),
    "a notebook without its ending": (one_task(notebook="notebook_path: ../notebooks/a"), "no Python notebook at"),
    "another run_if": (one_task("    run_if: ALL_DONE\n"), "given was 'ALL_DONE', allowed is ALL_SUCCESS"),
    "runs at once": ("max_concurrent_runs: 2\n" + one_task(), "max_concurrent_runs: .* 1 is allowed"),
    "an unknown variable": (one_task("    description: ${var.nothing}\n"), r"\$\{var.nothing\} has no value"),
    "a run-time reference": (
        one_task(notebook="notebook_path: ../notebooks/a.py, base_parameters: {x: '{{run.id}}'}"), "'{{run.id}}'",
    ),
    "a pause status": (
        "schedule: {quartz_cron_expression: '0 0 2 * * ?', timezone_id: UTC, pause_status: OFF}\n" + one_task(),
        "pause_status: given was False, allowed is PAUSED or UNPAUSED",
    ),
    "a schedule without a zone": ("schedule: {quartz_cron_expression: 0 0 2}\n" + one_task(), "'timezone_id'"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_run_differently_here_is_refused_with_file_and_path(case: str, write_bundle: WriteBundle) -> None:
    job, message = REFUSED[case]
    with pytest.raises(InvalidInput, match=message) as refused:
        read_bundle(write_bundle(job))
    assert "nightly.yml: resources.jobs.nightly" in str(refused.value)


REFUSED_TOPS: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"bundle": {}}, "bundle: 'name' is missing"),
    "an unknown key": ({"job": {}}, "'job' is not understood"),
    "an include that matches nothing": ({"include": ["jobs/*.yml"]}, "no file matches 'jobs/"),
    "no default target": ({"targets": {"t": None}}, "one target must say `default: true`, 0 do"),
    "two default targets": ({"targets": {"t": {"default": True}, "u": {"default": True}}}, "2 do"),
    "resources of a target": ({"targets": {"t": {"default": True, "resources": {}}}}, "'resources' is not understood"),
    "a variable of a target only": ({"targets": {"t": {"default": True, "variables": {"v": 1}}}}, "'v' is not"),
    "a complex variable": ({"variables": {"v": {"default": {"a": 1}}}}, "v.default: one value is needed"),
    "a job declared twice": ({"resources": {"jobs": {"nightly": {"tasks": [
        {"task_key": "x", "notebook_task": {"notebook_path": "notebooks/a.py"}}]}}}}, "'nightly' is declared twice"),
    "an unknown kind of resource": ({"resources": {"job": {}}}, "'job' is not understood"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED_TOPS)
def test_what_is_wrong_with_the_bundle_itself_is_refused(case: str, write_bundle: WriteBundle) -> None:
    change, message = REFUSED_TOPS[case]
    with pytest.raises(InvalidInput, match=message):
        read_bundle(write_bundle(one_task(), yaml.safe_dump(TOP | change)))


def test_an_unknown_target_or_variable_is_refused_with_those_there(write_bundle: WriteBundle) -> None:
    file = write_bundle(one_task())
    with pytest.raises(InvalidInput, match="no target 'nowhere'; its targets are local, prod"):
        read_bundle(file, "nowhere")
    with pytest.raises(InvalidInput, match="no variable plaice; its variables are place"):
        read_bundle(file, variables={"plaice": "x"})
