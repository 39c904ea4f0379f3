"""mlflow with `MLFLOW_TRACKING_URI=databricks`, as its users write it: experiments, runs and metrics."""

import json
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

client = MlflowClient()
told: dict[str, Any] = {}


def refused(call: Any) -> list[str]:
    try:
        call()
    except MlflowException as error:
        return [error.error_code, str(error)]
    return []


experiment_id = client.create_experiment("/Users/ann/ranking", tags={"team": "search"})
told["taken"] = refused(lambda: client.create_experiment("/Users/ann/ranking"))
told["missing"] = refused(lambda: client.get_run("0" * 32))
told["elsewhere"] = refused(lambda: client.create_experiment("files", artifact_location="file:///etc"))
experiment = mlflow.set_experiment("/Users/ann/ranking")
told["experiment"] = [experiment.experiment_id == experiment_id, experiment.artifact_location, dict(experiment.tags)]
client.set_experiment_tag(experiment_id, "stage", "trial")
told["by_name"] = dict(client.get_experiment_by_name("/Users/ann/ranking").tags)
client.delete_experiment_tag(experiment_id, "stage")
told["tags_left"] = dict(client.get_experiment(experiment_id).tags)
client.rename_experiment(experiment_id, "/Users/ann/ranker")
told["found"] = [each.name for each in client.search_experiments(filter_string="name LIKE '/Users/%'")]
other = client.create_experiment("/Users/ann/other")
client.delete_experiment(other)
told["deleted"] = [each.name for each in client.search_experiments(view_type=ViewType.DELETED_ONLY)]
client.restore_experiment(other)
told["restored"] = client.get_experiment(other).lifecycle_stage

mlflow.set_experiment("/Users/ann/ranker")
with mlflow.start_run(run_name="first") as run:
    mlflow.log_param("depth", 3)
    for step in range(5):
        mlflow.log_metric("loss", 1.0 / (step + 1), step=step)
    mlflow.log_metrics({"auc": 0.9, "f1": 0.8})
    mlflow.set_tags({"kind": "trial", "old": "x"})
    mlflow.delete_tag("old")
run_id = run.info.run_id
client.log_batch(run_id, [Metric("more", 2.5, 1, 0)], [Param("width", "7")], [RunTag("batch", "yes")])
got = client.get_run(run_id)
told["run"] = {
    "name": got.info.run_name, "status": got.info.status, "params": got.data.params, "metrics": got.data.metrics,
    "tags": {key: value for key, value in got.data.tags.items() if not key.startswith("mlflow.")},
    "uri_is_dbfs": got.info.artifact_uri.startswith(f"dbfs:/databricks/mlflow-tracking/{experiment_id}/{run_id}"),
    "user": got.data.tags["mlflow.user"] != "",
}  # fmt: skip
told["history"] = [[each.step, each.value] for each in client.get_metric_history(run_id, "loss")]
second = client.create_run(experiment_id, run_name="second")
client.set_terminated(second.info.run_id, "FAILED")
told["searched"] = [each.info.run_name for each in client.search_runs([experiment_id], "metrics.auc > 0.5")]
told["all"] = sorted(each.info.run_name for each in client.search_runs([experiment_id]))
client.delete_run(second.info.run_id)
told["left"] = [each.info.run_name for each in client.search_runs([experiment_id])]
client.restore_run(second.info.run_id)
told["second"] = [client.get_run(second.info.run_id).info.lifecycle_stage, second.info.run_id]
told["bad_filter"] = refused(lambda: client.search_runs([experiment_id], "nonsense ~ 1"))
print(json.dumps(told))  # noqa: T201
