"""Logged models: the operations of `/api/2.0/mlflow/logged-models`."""

from collections.abc import Mapping
from typing import Any

from mlflow.entities import LoggedModelParameter, LoggedModelStatus, LoggedModelTag
from mlflow.protos import service_pb2 as pb

from quikapp_ml.databricks_api.mlflow import artifact_uris
from quikapp_ml.databricks_api.mlflow.operations import Operation, entities_in, page_into
from quikapp_ml.databricks_api.mlflow.owners import check_logged_model
from quikapp_ml.databricks_api.mlflow.stores import Stores
from quikapp_ml.errors import Conflict


def _create(stores: Stores, asked: Any) -> Any:
    model = stores.tracking.create_logged_model(
        experiment_id=asked.experiment_id,
        name=asked.name or None,
        model_type=asked.model_type,
        source_run_id=asked.source_run_id,
        params=[LoggedModelParameter.from_proto(each) for each in asked.params],
        tags=[LoggedModelTag(tag.key, tag.value) for tag in asked.tags],
    )
    return pb.CreateLoggedModel.Response(model=model.to_proto())


def _get(stores: Stores, asked: Any) -> Any:
    return pb.GetLoggedModel.Response(model=stores.tracking.get_logged_model(asked.model_id).to_proto())


def _finalize(stores: Stores, asked: Any) -> Any:
    status = LoggedModelStatus.from_int(asked.status)
    with stores.changing:
        if stores.tracking.get_logged_model(asked.model_id).status == LoggedModelStatus.READY != status:
            raise Conflict(f"logged model {asked.model_id} is ready, and stays so: others may load it")
        finished = stores.tracking.finalize_logged_model(asked.model_id, status)
    return pb.FinalizeLoggedModel.Response(model=finished.to_proto())


def _delete(stores: Stores, asked: Any) -> Any:
    stores.tracking.delete_logged_model(asked.model_id)
    return pb.DeleteLoggedModel.Response()


def _search(stores: Stores, asked: Any) -> Any:
    order_by = [{"field_name": each.field_name, "ascending": each.ascending} for each in asked.order_by]
    found = stores.tracking.search_logged_models(
        experiment_ids=list(asked.experiment_ids),
        filter_string=asked.filter or None,
        max_results=asked.max_results or None,
        order_by=order_by or None,
        page_token=asked.page_token or None,
    )
    response = pb.SearchLoggedModels.Response()
    return page_into(found, response.models, response)


def _log_params(stores: Stores, asked: Any) -> Any:
    params = [LoggedModelParameter.from_proto(each) for each in asked.params]
    stores.tracking.log_logged_model_params(asked.model_id, params)
    return pb.LogLoggedModelParamsRequest.Response()


def _set_tags(stores: Stores, asked: Any) -> Any:
    tags = [LoggedModelTag(tag.key, tag.value) for tag in asked.tags]
    stores.tracking.set_logged_model_tags(asked.model_id, tags)
    return pb.SetLoggedModelTags.Response()


def _delete_tag(stores: Stores, asked: Any) -> Any:
    stores.tracking.delete_logged_model_tag(asked.model_id, asked.tag_key)
    return pb.DeleteLoggedModelTag.Response()


def _shown(body: dict[str, Any]) -> dict[str, Any]:
    """Models with the place of their files as clients are told it."""
    for each in entities_in(body, "models", "model"):
        info = each["info"]
        if info.get("artifact_uri", "").startswith("file:"):
            info["artifact_uri"] = artifact_uris.shown(
                artifact_uris.LOGGED_MODEL, info["experiment_id"], info["model_id"]
            )
    return body


OPERATIONS: Mapping[str, Operation] = {
    "create_logged_model": Operation(pb.CreateLoggedModel, _create, _shown, is_owned=True),
    "get_logged_model": Operation(pb.GetLoggedModel, _get, _shown),
    "finalize_logged_model": Operation(pb.FinalizeLoggedModel, _finalize, _shown, check_logged_model),
    "delete_logged_model": Operation(pb.DeleteLoggedModel, _delete, check=check_logged_model),
    "search_logged_models": Operation(pb.SearchLoggedModels, _search, _shown),
    "log_logged_model_params": Operation(pb.LogLoggedModelParamsRequest, _log_params, check=check_logged_model),
    "set_logged_model_tags": Operation(pb.SetLoggedModelTags, _set_tags, check=check_logged_model),
    "delete_logged_model_tag": Operation(pb.DeleteLoggedModelTag, _delete_tag, check=check_logged_model),
}
