"""Who may change an experiment, a run or a model: who made it, who made its experiment, and administrators.

As in a workspace whose experiments are shared for reading. Everybody may look, and log runs of their own anywhere.
"""

from collections.abc import Callable
from typing import Any

from quikapp_ml.databricks_api.mlflow.stores import Stores
from quikapp_ml.errors import InvalidInput, PermissionDenied
from quikapp_ml.serving.access import Caller

OWNER = "mlflow.ownerEmail"
"""The tag that says who made an experiment or a model; nobody sets it but the service."""

Check = Callable[[Stores, Any, Caller], None]


def anybody(_stores: Stores, _asked: Any, _caller: Caller) -> None:
    """Nothing is checked: the operation looks, or makes something."""


def check_experiment(stores: Stores, asked: Any, caller: Caller) -> None:
    """Raises PermissionDenied when the caller may not change the experiment that is asked for."""
    if not caller.is_admin and not _owns_experiment(stores, asked.experiment_id, caller):
        raise _denied(caller, f"experiment {asked.experiment_id}")


def check_run(stores: Stores, asked: Any, caller: Caller) -> None:
    """Raises PermissionDenied when the caller may not change the run that is asked for."""
    check_run_id(stores, asked.run_id or getattr(asked, "run_uuid", ""), caller)


def check_run_and_models(stores: Stores, asked: Any, caller: Caller) -> None:
    """As `check_run`, and of the logged models that get metrics, or are said to come, from the run."""
    check_run(stores, asked, caller)
    told = [asked, *getattr(asked, "metrics", ()), *getattr(asked, "models", ())]
    for model_id in sorted({model_id for each in told if (model_id := getattr(each, "model_id", ""))}):
        check_model_id(stores, model_id, caller)


def check_logged_model(stores: Stores, asked: Any, caller: Caller) -> None:
    """Raises PermissionDenied when the caller may not change the logged model that is asked for."""
    check_model_id(stores, asked.model_id, caller)


def check_registered_model(stores: Stores, asked: Any, caller: Caller) -> None:
    """Raises PermissionDenied when the caller may not change the registered model that is asked for.

    Names of three parts are those of Unity Catalog, whose grants were asked before.
    """
    if caller.is_admin or _is_of_unity(asked.name) or not asked.name:
        return
    if stores.models.get_registered_model(asked.name).tags.get(OWNER) != caller.name:
        raise PermissionDenied(f"{caller.name} may not change model {asked.name}: who made it or an administrator does")


def check_run_id(stores: Stores, run_id: str, caller: Caller) -> None:
    """Raises PermissionDenied when the caller may not change this run; its `user_id` is who made it."""
    if caller.is_admin or not run_id:  # the operation says that it is missing
        return
    info = stores.tracking.get_run(run_id).info
    if info.user_id != caller.name and not _owns_experiment(stores, info.experiment_id, caller):
        raise _denied(caller, f"run {run_id}")


def check_model_id(stores: Stores, model_id: str, caller: Caller) -> None:
    """Raises PermissionDenied when the caller may not change this logged model."""
    if caller.is_admin:
        return
    model = stores.tracking.get_logged_model(model_id)
    if model.tags.get(OWNER) != caller.name and not _owns_experiment(stores, model.experiment_id, caller):
        raise _denied(caller, f"logged model {model_id}")


def sign(asked: Any, caller: Caller) -> None:
    """Note in what is asked to be made who makes it, whatever the client says of that."""
    fields = asked.DESCRIPTOR.fields_by_name
    if "user_id" in fields:
        asked.user_id = caller.name
    elif "tags" in fields and not _is_of_unity(asked.name):
        others = [tag for tag in asked.tags if tag.key != OWNER]
        del asked.tags[:]
        asked.tags.extend(others)
        asked.tags.add(key=OWNER, value=caller.name)


def check_tags(asked: Any) -> None:
    """Raises InvalidInput when a client would change who made something."""
    fields = asked.DESCRIPTOR.fields_by_name
    named = [getattr(asked, field) for field in ("key", "tag_key") if field in fields]
    named += [tag.key for tag in asked.tags] if "tags" in fields else []
    if OWNER in named:
        raise InvalidInput(f"the tag {OWNER} says who made something: it cannot be set or removed")


def _is_of_unity(name: str) -> bool:
    return name.count(".") == 2


def _owns_experiment(stores: Stores, experiment_id: str, caller: Caller) -> bool:
    return bool(stores.tracking.get_experiment(experiment_id).tags.get(OWNER) == caller.name)


def _denied(caller: Caller, what: str) -> PermissionDenied:
    return PermissionDenied(
        f"{caller.name} may not change {what}: who made it, who made its experiment, or an administrator changes it"
    )
