"""What the Jobs API is asked, read strictly: what would be done differently here is refused, with the reason."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request

from quikapp_ml.databricks_api.requests import refuse_fields
from quikapp_ml.errors import InvalidInput

Settings = Mapping[str, Any]

_LARGEST = 2**63 - 1
_UNTITLED = "Untitled"

_RUN_FIELDS = frozenset({"job_id", "job_parameters", "notebook_params", "queue", "performance_target"})
_RUN_DISABLED = {
    "only": "all tasks of a job are run",
    "idempotency_token": "a run is not looked up by it; ask for the job's runs instead",
    "pipeline_params": "tasks are notebooks",
    "jar_params": "tasks are notebooks",
    "python_params": "tasks are notebooks",
    "python_named_params": "tasks are notebooks",
    "spark_submit_params": "tasks are notebooks",
    "sql_params": "tasks are notebooks",
    "dbt_commands": "tasks are notebooks",
}
_REPAIR_FIELDS = frozenset({"run_id", "rerun_all_failed_tasks", "rerun_dependent_tasks", "latest_repair_id"})
_REPAIR_DISABLED = {
    "rerun_tasks": "a repair runs all tasks again that did not succeed: rerun_all_failed_tasks",
    "job_parameters": "a repair has the parameters of its run",
    "notebook_params": "a repair has the parameters of its run",
}
_SUBMIT_IGNORED = frozenset({"access_control_list"})


def new_settings(given: Any) -> Settings:
    """The settings of a new job."""
    if not isinstance(given, dict):
        raise InvalidInput("new_settings must be a JSON object")
    return {"name": _UNTITLED, **given}


def updated_settings(given: Mapping[str, Any]) -> tuple[int, Callable[[Settings], Settings]]:
    """The job to change, and how: top fields are replaced, tasks of the same key too, others are added."""
    refuse_fields(given, frozenset({"job_id", "new_settings", "fields_to_remove"}), {}, "")
    new = given.get("new_settings") or {}
    removed = given.get("fields_to_remove") or []
    if not isinstance(new, dict) or not isinstance(removed, list):
        raise InvalidInput("new_settings must be a JSON object, and fields_to_remove a list of names")

    def changed(settings: Settings) -> Settings:
        kept = {name: value for name, value in settings.items() if name not in removed}
        unknown = [name for name in removed if name not in settings]
        if unknown:
            raise InvalidInput(f"fields_to_remove names {unknown[0]!r:.80}, which the job does not have")
        tasks = _merged_tasks(kept.get("tasks"), new.get("tasks"))
        return {**kept, **new, **({"tasks": tasks} if "tasks" in new else {})}

    return id_in_body(given, "job_id"), changed


def submitted(given: Mapping[str, Any]) -> Settings:
    """The settings of the job that a submitted run would be of."""
    if given.get("idempotency_token"):
        raise InvalidInput(f"idempotency_token is not available here: {_RUN_DISABLED['idempotency_token']}")
    named = {"name" if name == "run_name" else name: value for name, value in given.items()}
    return {"name": _UNTITLED, **{name: value for name, value in named.items() if name not in _SUBMIT_IGNORED}}


def run_parameters(given: Mapping[str, Any]) -> dict[str, str]:
    """The job parameters of a run; `notebook_params` are understood as such."""
    refuse_fields(given, _RUN_FIELDS, _RUN_DISABLED, "")
    return {**_texts(given, "notebook_params"), **_texts(given, "job_parameters")}


def only_all_failed(given: Mapping[str, Any]) -> None:
    """Refuse a repair of anything but all tasks that did not succeed."""
    refuse_fields(given, _REPAIR_FIELDS, _REPAIR_DISABLED, "")


def id_in_body(given: Mapping[str, Any], name: str) -> int:
    """An id in the body; older clients send it as a text."""
    value = given.get(name)
    return _id(name, str(value) if isinstance(value, int) and not isinstance(value, bool) else value)


def id_in_query(request: Request, name: str) -> int:
    """An id, or a time in milliseconds, in the query."""
    return _id(name, request.query_params.get(name))


def asks_for(request: Request, name: str) -> bool:
    """A choice in the query."""
    return request.query_params.get(name, "").lower() == "true"


def _id(name: str, value: Any) -> int:
    if not isinstance(value, str) or not (value.isascii() and value.isdecimal()) or int(value[:20]) > _LARGEST:
        raise InvalidInput(f"{name} must be a whole number, given: {'nothing' if value is None else repr(value)[:80]}")
    return int(value)


def _texts(given: Mapping[str, Any], name: str) -> dict[str, str]:
    values = given.get(name) or {}
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise InvalidInput(f"{name} must be an object of strings")
    return values


def _merged_tasks(old: Any, new: Any) -> Any:
    if not isinstance(old, list) or not isinstance(new, list) or not all(isinstance(task, dict) for task in new):
        return new
    replaced = {task.get("task_key"): task for task in new}
    kept = [replaced.pop(task["task_key"], task) for task in old]
    return kept + list(replaced.values())
