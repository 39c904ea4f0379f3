"""The registry as Unity Catalog's clients ask it: the same models, with aliases as objects and files copied in."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mlflow.protos import databricks_uc_registry_messages_pb2 as uc
from mlflow.protos import model_registry_pb2 as pb

from quikapp_ml.databricks_api.mlflow import registered_models as plain
from quikapp_ml.databricks_api.mlflow.operations import Operation, entities_in
from quikapp_ml.databricks_api.mlflow.owners import check_registered_model
from quikapp_ml.databricks_api.mlflow.stores import Stores


def _finish(stores: Stores, asked: Any) -> Any:
    stores.finish_version(asked.name, asked.version)
    return plain.get_version(stores, asked)


def _emit_lineage(stores: Stores, asked: Any) -> Any:
    """Checks that the version is there; what it was made of is in its run, whose id it has."""
    stores.models.get_model_version(asked.name, asked.version)
    return uc.EmitModelVersionLineageResponse()


def _says_where_files_go(_stores: Stores, _asked: Any) -> Any:
    return uc.IsDatabricksSdkModelsArtifactRepositoryEnabledResponse(
        is_databricks_sdk_models_artifact_repository_enabled=True
    )


def _in_unity_words(body: dict[str, Any]) -> dict[str, Any]:
    for version in entities_in(body, "model_versions", "model_version"):
        number = version["version"]
        version["aliases"] = [{"alias": alias, "version": number} for alias in version.get("aliases", [])]
    for model in entities_in(body, "registered_models", "registered_model"):
        model.pop("latest_versions", None)
    return body


OPERATIONS: Mapping[str, Operation] = {
    **{name: replace(each, then=_in_unity_words) for name, each in plain.OPERATIONS.items()},
    "create_model_version": Operation(
        pb.CreateModelVersion, plain.create_version_to_fill, _in_unity_words, check_registered_model
    ),
    "finalize_model_version": Operation(
        uc.FinalizeModelVersionRequest, _finish, _in_unity_words, check_registered_model
    ),
    "emit_model_version_lineage": Operation(uc.EmitModelVersionLineageRequest, _emit_lineage),
    "is_sdk_repository_enabled": Operation(
        uc.IsDatabricksSdkModelsArtifactRepositoryEnabledRequest, _says_where_files_go
    ),
}
