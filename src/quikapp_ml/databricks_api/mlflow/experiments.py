"""Experiments: the operations of `/api/2.0/mlflow/experiments`."""

from collections.abc import Mapping
from typing import Any

from mlflow.entities import ExperimentTag
from mlflow.protos import service_pb2 as pb

from quikapp_ml.databricks_api.mlflow import artifact_uris
from quikapp_ml.databricks_api.mlflow.operations import Operation, entities_in, page_into, search_arguments
from quikapp_ml.databricks_api.mlflow.owners import check_experiment
from quikapp_ml.databricks_api.mlflow.stores import Stores
from quikapp_ml.errors import FeatureDisabled, NotFound


def _create(stores: Stores, asked: Any) -> Any:
    if asked.artifact_location:
        raise FeatureDisabled("artifact_location is not available here: this service keeps all artefacts itself")
    tags = [ExperimentTag.from_proto(tag) for tag in asked.tags]
    return pb.CreateExperiment.Response(
        experiment_id=stores.tracking.create_experiment(asked.name, artifact_location=None, tags=tags)
    )


def _get(stores: Stores, asked: Any) -> Any:
    return pb.GetExperiment.Response(experiment=stores.tracking.get_experiment(asked.experiment_id).to_proto())


def _get_by_name(stores: Stores, asked: Any) -> Any:
    found = stores.tracking.get_experiment_by_name(asked.experiment_name)
    if found is None:
        raise NotFound(f"there is no experiment named {asked.experiment_name!r}")
    return pb.GetExperimentByName.Response(experiment=found.to_proto())


def _search(stores: Stores, asked: Any) -> Any:
    found = stores.tracking.search_experiments(view_type=asked.view_type or pb.ACTIVE_ONLY, **search_arguments(asked))
    response = pb.SearchExperiments.Response()
    return page_into(found, response.experiments, response)


def _update(stores: Stores, asked: Any) -> Any:
    if asked.new_name:
        stores.tracking.rename_experiment(asked.experiment_id, asked.new_name)
    return pb.UpdateExperiment.Response()


def _delete(stores: Stores, asked: Any) -> Any:
    stores.tracking.delete_experiment(asked.experiment_id)
    return pb.DeleteExperiment.Response()


def _restore(stores: Stores, asked: Any) -> Any:
    stores.tracking.restore_experiment(asked.experiment_id)
    return pb.RestoreExperiment.Response()


def _set_tag(stores: Stores, asked: Any) -> Any:
    stores.tracking.set_experiment_tag(asked.experiment_id, ExperimentTag(asked.key, asked.value))
    return pb.SetExperimentTag.Response()


def _delete_tag(stores: Stores, asked: Any) -> Any:
    stores.tracking.delete_experiment_tag(asked.experiment_id, asked.key)
    return pb.DeleteExperimentTag.Response()


def _shown(body: dict[str, Any]) -> dict[str, Any]:
    """Experiments with the place of their files as clients are told it."""
    for each in entities_in(body, "experiments", "experiment"):
        if each["artifact_location"].startswith("file:"):
            each["artifact_location"] = f"{artifact_uris.ROOT}/{each['experiment_id']}"
    return body


OPERATIONS: Mapping[str, Operation] = {
    "create_experiment": Operation(pb.CreateExperiment, _create, is_owned=True),
    "get_experiment": Operation(pb.GetExperiment, _get, _shown),
    "get_experiment_by_name": Operation(pb.GetExperimentByName, _get_by_name, _shown),
    "search_experiments": Operation(pb.SearchExperiments, _search, _shown),
    "update_experiment": Operation(pb.UpdateExperiment, _update, check=check_experiment),
    "delete_experiment": Operation(pb.DeleteExperiment, _delete, check=check_experiment),
    "restore_experiment": Operation(pb.RestoreExperiment, _restore, check=check_experiment),
    "set_experiment_tag": Operation(pb.SetExperimentTag, _set_tag, check=check_experiment),
    "delete_experiment_tag": Operation(pb.DeleteExperimentTag, _delete_tag, check=check_experiment),
}
