"""Paths of MLflow's protocol, and the operations behind them; MLflow itself is imported by the first request."""

from quikapp_ml.databricks_api.mlflow import files
from quikapp_ml.databricks_api.mlflow.door import operation
from quikapp_ml.databricks_api.routing import WorkspaceRoutes

PATH = "/api/2.0/mlflow"

ROUTES = WorkspaceRoutes(files.ROUTES)

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

for _module, _method, _path, _name in _OPERATIONS:
    ROUTES.add(_method, f"{PATH}/{_path}")(operation(_module, _name))
