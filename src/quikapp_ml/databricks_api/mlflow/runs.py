"""Runs, their parameters, metrics and tags: the operations of `/api/2.0/mlflow/runs` and `/metrics`."""

from collections.abc import Mapping
from typing import Any

from mlflow.entities import DatasetInput, LoggedModelOutput, Metric, Param, RunTag, ViewType
from mlflow.protos import service_pb2 as pb

from quikapp_ml.databricks_api.mlflow import artifact_uris
from quikapp_ml.databricks_api.mlflow.operations import Operation, entities_in, optional, page_into, search_arguments
from quikapp_ml.databricks_api.mlflow.owners import check_run, check_run_and_models
from quikapp_ml.databricks_api.mlflow.stores import Stores
from quikapp_ml.errors import InvalidInput


def _run_id(asked: Any) -> str:
    """Old clients say `run_uuid`."""
    run_id = asked.run_id or asked.run_uuid
    if not run_id:
        raise InvalidInput("run_id is missing")
    return str(run_id)


def _create(stores: Stores, asked: Any) -> Any:
    run = stores.tracking.create_run(
        experiment_id=asked.experiment_id,
        user_id=asked.user_id,
        start_time=asked.start_time,
        tags=[RunTag.from_proto(tag) for tag in asked.tags],
        run_name=asked.run_name,
    )
    return pb.CreateRun.Response(run=run.to_proto())


def _update(stores: Stores, asked: Any) -> Any:
    info = stores.tracking.update_run_info(
        _run_id(asked), optional(asked, "status"), optional(asked, "end_time"), optional(asked, "run_name")
    )
    return pb.UpdateRun.Response(run_info=info.to_proto())


def _get(stores: Stores, asked: Any) -> Any:
    return pb.GetRun.Response(run=stores.tracking.get_run(_run_id(asked)).to_proto())


def _search(stores: Stores, asked: Any) -> Any:
    view = ViewType.from_proto(asked.run_view_type) if asked.HasField("run_view_type") else ViewType.ACTIVE_ONLY
    found = stores.tracking.search_runs(
        experiment_ids=list(asked.experiment_ids), run_view_type=view, **search_arguments(asked)
    )
    response = pb.SearchRuns.Response()
    return page_into(found, response.runs, response)


def _delete(stores: Stores, asked: Any) -> Any:
    stores.tracking.delete_run(asked.run_id)
    return pb.DeleteRun.Response()


def _restore(stores: Stores, asked: Any) -> Any:
    stores.tracking.restore_run(asked.run_id)
    return pb.RestoreRun.Response()


def _log_metric(stores: Stores, asked: Any) -> Any:
    metric = Metric(
        asked.key,
        asked.value,
        asked.timestamp,
        asked.step,
        model_id=asked.model_id or None,
        dataset_name=asked.dataset_name or None,
        dataset_digest=asked.dataset_digest or None,
        run_id=_run_id(asked),
    )
    stores.tracking.log_metric(_run_id(asked), metric)
    return pb.LogMetric.Response()


def _log_param(stores: Stores, asked: Any) -> Any:
    stores.tracking.log_param(_run_id(asked), Param(asked.key, asked.value))
    return pb.LogParam.Response()


def _log_batch(stores: Stores, asked: Any) -> Any:
    stores.tracking.log_batch(
        asked.run_id,
        metrics=[Metric.from_proto(metric) for metric in asked.metrics],
        params=[Param.from_proto(param) for param in asked.params],
        tags=[RunTag.from_proto(tag) for tag in asked.tags],
    )
    return pb.LogBatch.Response()


def _log_inputs(stores: Stores, asked: Any) -> Any:
    datasets = [DatasetInput.from_proto(each) for each in asked.datasets]
    stores.tracking.log_inputs(asked.run_id, datasets=datasets)
    return pb.LogInputs.Response()


def _log_outputs(stores: Stores, asked: Any) -> Any:
    models = [LoggedModelOutput.from_proto(each) for each in asked.models]
    stores.tracking.log_outputs(run_id=asked.run_id, models=models)
    return pb.LogOutputs.Response()


def _set_tag(stores: Stores, asked: Any) -> Any:
    stores.tracking.set_tag(_run_id(asked), RunTag(asked.key, asked.value))
    return pb.SetTag.Response()


def _delete_tag(stores: Stores, asked: Any) -> Any:
    stores.tracking.delete_tag(asked.run_id, asked.key)
    return pb.DeleteTag.Response()


def _history(stores: Stores, asked: Any) -> Any:
    size = optional(asked, "max_results")
    if size is not None and size <= 0:
        raise InvalidInput(f"max_results must be a positive whole number, given: {size}")
    found = stores.tracking.get_metric_history(
        _run_id(asked), asked.metric_key, max_results=size, page_token=asked.page_token or None
    )
    response = pb.GetMetricHistory.Response()
    return page_into(found, response.metrics, response)


def _shown(body: dict[str, Any]) -> dict[str, Any]:
    """Runs with the place of their files as clients are told it."""
    infos = [run["info"] for run in entities_in(body, "runs", "run")]
    for info in [*infos, *([body["run_info"]] if "run_info" in body else [])]:
        if info.get("artifact_uri", "").startswith("file:"):
            info["artifact_uri"] = artifact_uris.shown(artifact_uris.RUN, info["experiment_id"], info["run_id"])
    return body


OPERATIONS: Mapping[str, Operation] = {
    "create_run": Operation(pb.CreateRun, _create, _shown, is_owned=True),
    "update_run": Operation(pb.UpdateRun, _update, _shown, check_run),
    "get_run": Operation(pb.GetRun, _get, _shown),
    "search_runs": Operation(pb.SearchRuns, _search, _shown),
    "delete_run": Operation(pb.DeleteRun, _delete, check=check_run),
    "restore_run": Operation(pb.RestoreRun, _restore, check=check_run),
    "log_metric": Operation(pb.LogMetric, _log_metric, check=check_run_and_models),
    "log_param": Operation(pb.LogParam, _log_param, check=check_run),
    "log_batch": Operation(pb.LogBatch, _log_batch, check=check_run_and_models),
    "log_inputs": Operation(pb.LogInputs, _log_inputs, check=check_run),
    "log_outputs": Operation(pb.LogOutputs, _log_outputs, check=check_run_and_models),
    "set_tag": Operation(pb.SetTag, _set_tag, check=check_run),
    "delete_tag": Operation(pb.DeleteTag, _delete_tag, check=check_run),
    "get_metric_history": Operation(pb.GetMetricHistory, _history),
}
