"""The bundle as it is deployed to Databricks, read so that its jobs can run here."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from importlib.resources import files
from pathlib import Path
from typing import Any

from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.workflows.document import Node, read_document

BUNDLE_FILE = "databricks.yml"

_BUNDLE_KEYS = {"bundle", "include", "variables", "resources", "targets", "artifacts", "sync", "permissions", "run_as"}
_TARGET_KEYS = {"default", "mode", "workspace", "variables", "permissions", "run_as", "presets"}
_RESOURCE_KINDS = {
    "apps", "clusters", "dashboards", "experiments", "jobs", "model_serving_endpoints", "models", "pipelines",
    "quality_monitors", "registered_models", "schemas", "secret_scopes", "sql_warehouses", "volumes",
}  # fmt: skip

# What a job or task may say that has a meaning on Databricks only. Everything else is either honoured or refused.
_JOB_KEYS_ELSEWHERE = {
    "budget_policy_id", "description", "edit_mode", "email_notifications", "environments", "format", "health",
    "job_clusters", "notification_settings", "performance_target", "permissions", "queue", "run_as", "tags",
    "usage_policy_id", "webhook_notifications",
}  # fmt: skip
_TASK_KEYS_ELSEWHERE = {
    "description", "disable_auto_optimization", "email_notifications", "environment_key", "existing_cluster_id",
    "health", "job_cluster_key", "libraries", "new_cluster", "notification_settings", "webhook_notifications",
}  # fmt: skip
_JOB_KEYS = _JOB_KEYS_ELSEWHERE | {"name", "schedule", "max_concurrent_runs", "parameters", "tasks"}
_TASK_KEYS = _TASK_KEYS_ELSEWHERE | {
    "task_key", "depends_on", "run_if", "notebook_task", "max_retries", "min_retry_interval_millis",
    "retry_on_timeout", "timeout_seconds",
}  # fmt: skip


@dataclass(frozen=True)
class Task:
    """One notebook to execute, and what is done when it fails."""

    key: str
    notebook: Path
    parameters: Mapping[str, str] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    max_retries: int = 0
    retry_interval_seconds: float = 0.0
    retry_on_timeout: bool = False
    timeout_seconds: int = 0
    """0: no limit."""


@dataclass(frozen=True)
class Schedule:
    """When a job runs by itself."""

    quartz: str
    timezone: str
    is_paused: bool = False


@dataclass(frozen=True)
class Job:
    """Tasks, each after those that it depends on; parameters are defaults that every task is given."""

    key: str
    tasks: tuple[Task, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    schedule: Schedule | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What was declared, in the words of Databricks' JobSettings."""


@dataclass(frozen=True)
class Bundle:
    """The jobs of a bundle for one of its targets."""

    file: Path
    name: str
    target: str
    jobs: Mapping[str, Job]

    def job(self, key: str) -> Job:
        """One job. Raises NotFound without it."""
        if key not in self.jobs:
            raise NotFound(f"{self.file} has no job {key!r}; its jobs are {', '.join(sorted(self.jobs)) or 'none'}")
        return self.jobs[key]

    @property
    def notebooks(self) -> Mapping[str, Path]:
        """The notebooks of all jobs, by their place in the bundle, such as `notebooks/model_training`."""
        found = {task.notebook for job in self.jobs.values() for task in job.tasks}
        return {_place(notebook, self.file.parent): notebook for notebook in sorted(found)}


def find_bundle(given: Path | None = None) -> Path:
    """The bundle's file: the one given (or in the folder given), else of this folder, the checkout, the package."""
    if given is not None:
        file = given / BUNDLE_FILE if given.is_dir() else given
        if not file.is_file():
            raise NotFound(f"there is no bundle at {file}")
        return file.resolve()
    packaged = Path(str(files("quikapp_ml"))) / "bundle" / BUNDLE_FILE
    places = (Path.cwd() / BUNDLE_FILE, Path(__file__).resolve().parents[3] / BUNDLE_FILE, packaged)
    for file in places:
        if file.is_file():
            return file.resolve()
    raise NotFound(f"there is no bundle; looked for {', '.join(map(str, places))}")


def read_bundle(file: Path, target: str | None = None, variables: Mapping[str, str] | None = None) -> Bundle:
    """Read the bundle for a target, by default its default one; `variables` go before those of the target.

    Raises InvalidInput, with file and path, for anything that this runner would do differently from Databricks.
    """
    top = read_document(file)
    members = top.mapping(_BUNDLE_KEYS)
    name = top.required("bundle").required("name").text()
    target, target_node = _choose_target(top, target)
    known = _variables(members.get("variables"), target_node, variables or {}, file)
    known |= {"bundle.name": name, "bundle.target": target}
    jobs: dict[str, Job] = {}
    for node in _resources(top):
        for key, job in _jobs(_resolved(node, known)).items():
            if key in jobs:
                raise node.problem(f"job {key!r} is declared twice")
            jobs[key] = replace(job, settings=_deployed(job.settings, job.tasks, file.parent))
    return Bundle(file, name, target, jobs)


def read_job(bundle: Bundle, key: str, settings: Mapping[str, Any]) -> Job:
    """A job as a client asks for it, in the words of Databricks' JobSettings; it executes notebooks of the bundle.

    Raises InvalidInput as `read_bundle` does, and for any other notebook: this runs no code that was not deployed.
    """
    told = {name: value for name, value in settings.items() if value or name in _JOB_KEYS}
    tasks = told.get("tasks")
    if isinstance(tasks, list):
        told["tasks"] = [_with_notebook(task, bundle) for task in tasks]
    node = Node(told, bundle.file)
    try:
        return replace(_job(key, node), settings=settings)
    except InvalidInput as error:
        raise InvalidInput(str(error).removeprefix(f"{bundle.file}: ")) from None


def _with_notebook(task: Any, bundle: Bundle) -> Any:
    path = task["notebook_task"].get("notebook_path") if _has_notebook(task) else None
    if not isinstance(path, str):
        return task
    known = bundle.notebooks
    place = path.strip("/").removesuffix(".py")
    if place not in known:
        raise InvalidInput(f"there is no notebook {path!r} in the bundle; its notebooks are {', '.join(known)}")
    return {**task, "notebook_task": {**task["notebook_task"], "notebook_path": str(known[place])}}


def _has_notebook(task: Any) -> bool:
    return isinstance(task, dict) and isinstance(task.get("notebook_task"), dict)


def _place(notebook: Path, root: Path) -> str:
    return notebook.relative_to(root).with_suffix("").as_posix() if notebook.is_relative_to(root) else notebook.stem


def _deployed(settings: Any, tasks: Sequence[Task], root: Path) -> Any:
    """A job's settings as they are after deployment: notebooks are named by their place in the bundle."""
    paths = {task.key: _place(task.notebook, root) for task in tasks}
    named = [
        {**task, "notebook_task": {**task["notebook_task"], "notebook_path": f"/{paths[task['task_key']]}"}}
        for task in settings["tasks"]
    ]
    return {**settings, "tasks": named}


def _choose_target(top: Node, wanted: str | None) -> tuple[str, Node]:
    targets = top.required("targets").mapping()
    for node in targets.values():
        if node.value is not None:
            node.mapping(_TARGET_KEYS)
    if wanted is None:
        defaults = [name for name, node in targets.items() if (node.value or {}).get("default") is True]
        if len(defaults) != 1:
            raise top.problem(f"one target must say `default: true`, {len(defaults)} do; or name a target")
        wanted = defaults[0]
    if wanted not in targets:
        raise InvalidInput(f"{top.file} has no target {wanted!r}; its targets are {', '.join(sorted(targets))}")
    return wanted, targets[wanted]


def _variables(declared: Node | None, target: Node, given: Mapping[str, str], file: Path) -> dict[str, Any]:
    """Values by the name used in `${…}`: of the caller, else of the target, else the default."""
    nodes = declared.mapping() if declared else {}
    of_target = target.mapping().get("variables") if target.value else None
    overrides = of_target.mapping(nodes) if of_target else {}
    unknown = sorted(set(given) - set(nodes))
    if unknown:
        raise InvalidInput(f"{file} has no variable {', '.join(unknown)}; its variables are {', '.join(sorted(nodes))}")
    values: dict[str, Any] = {}
    for name, node in nodes.items():
        members = node.mapping({"description", "default"})
        if name in given:
            values[f"var.{name}"] = given[name]
        elif name in overrides or "default" in members:
            chosen = overrides.get(name) or members["default"]
            chosen.scalar()
            values[f"var.{name}"] = chosen.value
    return values


def _resources(top: Node) -> Iterable[Node]:
    """The `resources` of the bundle's own file and of every file that it includes."""
    members = top.mapping()
    if "resources" in members:
        yield members["resources"]
    for pattern in members["include"].items() if "include" in members else ():
        found = sorted(top.file.parent.glob(pattern.text()))
        if not found:
            raise pattern.problem(f"no file matches {pattern.text()!r}")
        for file in found:
            included = read_document(file)
            included.mapping({"resources"})
            yield included.required("resources")


_REFERENCE = re.compile(r"\$\{([^}]*)\}")


def _resolved(node: Node, known: Mapping[str, Any]) -> Node:
    """The same tree with every `${…}` replaced; a text that is one reference keeps the type of its value."""

    def replaced(value: Any, path: str) -> Any:
        here = Node(value, node.file, path)
        if isinstance(value, dict):
            return {name: replaced(member, f"{path}.{name}") for name, member in value.items()}
        if isinstance(value, list):
            return [replaced(item, f"{path}[{index}]") for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        for name in _REFERENCE.findall(value):
            if name not in known:
                raise here.problem(f"${{{name}}} has no value; known are {', '.join(sorted(known))}")
        whole = _REFERENCE.fullmatch(value)
        return known[whole[1]] if whole else _REFERENCE.sub(lambda match: str(known[match[1]]), value)

    return Node(replaced(node.value, node.path), node.file, node.path)


def _jobs(resources: Node) -> dict[str, Job]:
    kinds = resources.mapping(_RESOURCE_KINDS)
    jobs = kinds["jobs"].mapping() if "jobs" in kinds else {}
    return {Node(key, node.file, node.path).key(): _job(key, node) for key, node in jobs.items()}


def _job(key: str, node: Node) -> Job:
    members = node.mapping(_JOB_KEYS)
    if "max_concurrent_runs" in members and members["max_concurrent_runs"].count() != 1:
        raise members["max_concurrent_runs"].problem("here a job runs once at a time: 1 is allowed")
    parameters = dict(_parameter(item) for item in members["parameters"].items()) if "parameters" in members else {}
    tasks_node = node.required("tasks")
    tasks = [_task(item, parameters) for item in tasks_node.items()]
    schedule = _schedule(members["schedule"]) if "schedule" in members else None
    return Job(key, _in_order(tasks, tasks_node), parameters, schedule, node.value)


def _parameter(node: Node) -> tuple[str, str]:
    node.mapping({"name", "default"})
    return node.required("name").text(), node.required("default").scalar()


def _schedule(node: Node) -> Schedule:
    members = node.mapping({"quartz_cron_expression", "timezone_id", "pause_status"})
    pause = members["pause_status"].one_of({"PAUSED", "UNPAUSED"}) if "pause_status" in members else "UNPAUSED"
    expression = node.required("quartz_cron_expression").text()
    return Schedule(expression, node.required("timezone_id").text(), pause == "PAUSED")


def _task(node: Node, job_parameters: Mapping[str, str]) -> Task:
    members = node.mapping()
    other_kinds = [name for name in members if name.endswith("_task") and name != "notebook_task"]
    if other_kinds:
        raise node.problem(f"a task of the kind {', '.join(other_kinds)} cannot run here; notebook_task can")
    members = node.mapping(_TASK_KEYS)
    if "run_if" in members:
        members["run_if"].one_of({"ALL_SUCCESS"})
    counts = {
        name: members[name].count() if name in members else 0
        for name in ("max_retries", "min_retry_interval_millis", "timeout_seconds")
    }
    notebook, parameters = _notebook(node.required("notebook_task"), job_parameters)
    return Task(
        key=node.required("task_key").key(),
        notebook=notebook,
        parameters=parameters,
        depends_on=tuple(_dependencies(members.get("depends_on"))),
        max_retries=counts["max_retries"],
        retry_interval_seconds=counts["min_retry_interval_millis"] / 1000,
        retry_on_timeout="retry_on_timeout" in members and members["retry_on_timeout"].claim(),
        timeout_seconds=counts["timeout_seconds"],
    )


def _dependencies(node: Node | None) -> list[str]:
    keys = []
    for item in node.items() if node else ():
        item.mapping({"task_key"})
        keys.append(item.required("task_key").text())
    return keys


def _notebook(node: Node, job_parameters: Mapping[str, str]) -> tuple[Path, dict[str, str]]:
    """The notebook's file, and the task's own parameters; a job parameter goes before one of the same name."""
    members = node.mapping({"notebook_path", "base_parameters", "source", "warehouse_id"})
    path = node.required("notebook_path")
    file = (node.file.parent / path.text()).resolve()
    if file.suffix != ".py" or not file.is_file():
        raise path.problem(f"there is no Python notebook at {file}")
    base = members["base_parameters"].mapping() if "base_parameters" in members else {}
    own = {name: _base_parameter(value, job_parameters) for name, value in base.items()}
    return file, {name: value for name, value in own.items() if name not in job_parameters}


def _base_parameter(node: Node, job_parameters: Mapping[str, str]) -> str:
    """A parameter of the task; references to values that Databricks makes at run time are refused."""
    value = node.scalar()
    if "{{" in value:
        names = ", ".join(sorted(job_parameters)) or "none"
        raise node.problem(f"{value!r} is not understood: tasks are given the job's parameters ({names}) by themselves")
    return value


def _in_order(tasks: list[Task], node: Node) -> tuple[Task, ...]:
    by_key = {task.key: task for task in tasks}
    if not tasks:
        raise node.problem("a job needs at least one task")
    if len(by_key) < len(tasks):
        raise node.problem("two tasks have the same task_key")
    for task in tasks:
        missing = [key for key in task.depends_on if key not in by_key]
        if missing:
            raise node.problem(f"task {task.key!r} depends on {', '.join(missing)}, which is not there")
    try:
        order = TopologicalSorter({task.key: task.depends_on for task in tasks}).static_order()
        return tuple(by_key[key] for key in order)
    except CycleError as error:
        raise node.problem(f"tasks depend on each other in a circle: {' → '.join(error.args[1])}") from None
