"""Paths of MLflow's protocol, and the operations behind them; MLflow itself is imported by the first request."""

from quikapp_ml.databricks_api.mlflow import files, version_files
from quikapp_ml.databricks_api.mlflow.door import operation
from quikapp_ml.databricks_api.mlflow.grants import guarded
from quikapp_ml.databricks_api.routing import WorkspaceRoutes

PATH = "/api/2.0/mlflow"

ROUTES = WorkspaceRoutes([*files.ROUTES, *version_files.ROUTES])

_OPERATIONS = (
    ("experiments", "POST", "experiments/create", "create_experiment"),
    ("experiments", "GET", "experiments/get", "get_experiment"),
    ("experiments", "GET", "experiments/get-by-name", "get_experiment_by_name"),
    ("experiments", "GET", "experiments/search", "search_experiments"),
    ("experiments", "POST", "experiments/search", "search_experiments"),
    ("experiments", "POST", "experiments/update", "update_experiment"),
    ("experiments", "POST", "experiments/delete", "delete_experiment"),
    ("experiments", "POST", "experiments/restore", "restore_experiment"),
    ("experiments", "POST", "experiments/set-experiment-tag", "set_experiment_tag"),
    ("experiments", "POST", "experiments/delete-experiment-tag", "delete_experiment_tag"),
    ("runs", "POST", "runs/create", "create_run"),
    ("runs", "POST", "runs/update", "update_run"),
    ("runs", "GET", "runs/get", "get_run"),
    ("runs", "POST", "runs/search", "search_runs"),
    ("runs", "POST", "runs/delete", "delete_run"),
    ("runs", "POST", "runs/restore", "restore_run"),
    ("runs", "POST", "runs/log-metric", "log_metric"),
    ("runs", "POST", "runs/log-parameter", "log_param"),
    ("runs", "POST", "runs/log-batch", "log_batch"),
    ("runs", "POST", "runs/log-inputs", "log_inputs"),
    ("runs", "POST", "runs/outputs", "log_outputs"),
    ("runs", "POST", "runs/set-tag", "set_tag"),
    ("runs", "POST", "runs/delete-tag", "delete_tag"),
    ("runs", "GET", "metrics/get-history", "get_metric_history"),
    ("logged_models", "POST", "logged-models", "create_logged_model"),
    ("logged_models", "POST", "logged-models/search", "search_logged_models"),
    ("logged_models", "GET", "logged-models/{model_id}", "get_logged_model"),
    ("logged_models", "PATCH", "logged-models/{model_id}", "finalize_logged_model"),
    ("logged_models", "DELETE", "logged-models/{model_id}", "delete_logged_model"),
    ("logged_models", "POST", "logged-models/{model_id}/params", "log_logged_model_params"),
    ("logged_models", "PATCH", "logged-models/{model_id}/tags", "set_logged_model_tags"),
    ("logged_models", "DELETE", "logged-models/{model_id}/tags/{tag_key}", "delete_logged_model_tag"),
)

_REGISTRY = (
    ("POST", "registered-models/create", "create_registered_model"),
    ("GET", "registered-models/get", "get_registered_model"),
    ("PATCH", "registered-models/update", "update_registered_model"),
    ("DELETE", "registered-models/delete", "delete_registered_model"),
    ("GET", "registered-models/search", "search_registered_models"),
    ("POST", "registered-models/set-tag", "set_registered_model_tag"),
    ("DELETE", "registered-models/delete-tag", "delete_registered_model_tag"),
    ("POST", "registered-models/alias", "set_registered_model_alias"),
    ("DELETE", "registered-models/alias", "delete_registered_model_alias"),
    ("GET", "registered-models/alias", "get_model_version_by_alias"),
    ("POST", "model-versions/create", "create_model_version"),
    ("GET", "model-versions/get", "get_model_version"),
    ("PATCH", "model-versions/update", "update_model_version"),
    ("DELETE", "model-versions/delete", "delete_model_version"),
    ("GET", "model-versions/search", "search_model_versions"),
    ("GET", "model-versions/get-download-uri", "get_model_version_download_uri"),
    ("POST", "model-versions/set-tag", "set_model_version_tag"),
    ("DELETE", "model-versions/delete-tag", "delete_model_version_tag"),
)
"""What both registries are asked: the workspace's own, and Unity Catalog's below `unity-catalog/`."""

_WORKSPACE_ONLY = (
    ("POST", "registered-models/rename", "rename_registered_model"),
    ("GET", "registered-models/get-latest-versions", "get_latest_versions"),
    ("POST", "registered-models/get-latest-versions", "get_latest_versions"),
)

_UNITY_ONLY = (
    ("POST", "model-versions/finalize", "finalize_model_version"),
    ("POST", "model-versions/emit-lineage", "emit_model_version_lineage"),
    (
        "GET",
        "registered-models:is-databricks-sdk-models-artifact-repository-enabled",
        "is_sdk_repository_enabled",
    ),
)

for _module, _method, _path, _name in _OPERATIONS:
    ROUTES.add(_method, f"{PATH}/{_path}")(operation(_module, _name))
for _method, _path, _name in (*_REGISTRY, *_WORKSPACE_ONLY):
    ROUTES.add(_method, f"{PATH}/{_path}")(guarded(_name, operation("registered_models", _name)))
for _method, _path, _name in (*_REGISTRY, *_UNITY_ONLY):
    ROUTES.add(_method, f"{PATH}/unity-catalog/{_path}")(guarded(_name, operation("unity_models", _name)))
