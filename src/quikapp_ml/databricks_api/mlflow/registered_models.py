"""Registered models, their versions and aliases: the workspace registry, and the same in the words of Unity Catalog."""

from collections.abc import Mapping
from typing import Any

from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.protos import model_registry_pb2 as pb

from quikapp_ml.databricks_api.mlflow.operations import Operation, optional, search_arguments
from quikapp_ml.databricks_api.mlflow.owners import check_registered_model
from quikapp_ml.databricks_api.mlflow.stores import Stores


def _create(stores: Stores, asked: Any) -> Any:
    tags = [RegisteredModelTag(tag.key, tag.value) for tag in asked.tags]
    model = stores.models.create_registered_model(asked.name, tags, optional(asked, "description"))
    return pb.CreateRegisteredModel.Response(registered_model=model_proto(stores, model))


def _get(stores: Stores, asked: Any) -> Any:
    model = stores.models.get_registered_model(asked.name)
    return pb.GetRegisteredModel.Response(registered_model=model_proto(stores, model))


def _update(stores: Stores, asked: Any) -> Any:
    model = stores.models.update_registered_model(asked.name, optional(asked, "description"))
    return pb.UpdateRegisteredModel.Response(registered_model=model_proto(stores, model))


def _rename(stores: Stores, asked: Any) -> Any:
    model = stores.models.rename_registered_model(asked.name, asked.new_name)
    return pb.RenameRegisteredModel.Response(registered_model=model_proto(stores, model))


def _delete(stores: Stores, asked: Any) -> Any:
    stores.delete_model(asked.name)
    return pb.DeleteRegisteredModel.Response()


def _search(stores: Stores, asked: Any) -> Any:
    found = stores.models.search_registered_models(**search_arguments(asked))
    models = [model_proto(stores, each) for each in found]
    return pb.SearchRegisteredModels.Response(registered_models=models, next_page_token=found.token or None)


def _latest(stores: Stores, asked: Any) -> Any:
    found = stores.models.get_latest_versions(asked.name, list(asked.stages) or None)
    return pb.GetLatestVersions.Response(model_versions=[version_proto(stores, each) for each in found])


def _set_tag(stores: Stores, asked: Any) -> Any:
    stores.models.set_registered_model_tag(asked.name, RegisteredModelTag(asked.key, asked.value))
    return pb.SetRegisteredModelTag.Response()


def _delete_tag(stores: Stores, asked: Any) -> Any:
    stores.models.delete_registered_model_tag(asked.name, asked.key)
    return pb.DeleteRegisteredModelTag.Response()


def _set_alias(stores: Stores, asked: Any) -> Any:
    stores.models.set_registered_model_alias(asked.name, asked.alias, asked.version)
    return pb.SetRegisteredModelAlias.Response()


def _delete_alias(stores: Stores, asked: Any) -> Any:
    stores.models.delete_registered_model_alias(asked.name, asked.alias)
    return pb.DeleteRegisteredModelAlias.Response()


def _by_alias(stores: Stores, asked: Any) -> Any:
    version = stores.models.get_model_version_by_alias(asked.name, asked.alias)
    return pb.GetModelVersionByAlias.Response(model_version=version_proto(stores, version))


def _create_version(stores: Stores, asked: Any) -> Any:
    stores.models.get_registered_model(asked.name)  # before its files are copied
    return _made_version(stores, asked, stores.files_of_version(asked.source))


def create_version_to_fill(stores: Stores, asked: Any) -> Any:
    """A version whose files its client copies here before it is finished."""
    return _made_version(stores, asked, stores.new_version_folder().as_uri())


def _made_version(stores: Stores, asked: Any, kept: str) -> Any:
    logged = stores.tracking.get_logged_model(asked.model_id) if asked.model_id else None
    version = stores.models.create_model_version(
        asked.name,
        kept,
        run_id=asked.run_id or (logged.source_run_id if logged else None) or None,
        tags=[ModelVersionTag(tag.key, tag.value) for tag in asked.tags],
        run_link=asked.run_link or None,
        description=optional(asked, "description"),
    )
    if logged:  # as MLflow's server does: the store itself would ask whatever server is this process' default
        stores.tracking.set_model_versions_tags(asked.name, version.version, asked.model_id)
    return pb.CreateModelVersion.Response(model_version=version_proto(stores, version))


def get_version(stores: Stores, asked: Any) -> Any:
    """One version of a model."""
    version = stores.models.get_model_version(asked.name, asked.version)
    return pb.GetModelVersion.Response(model_version=version_proto(stores, version))


def _update_version(stores: Stores, asked: Any) -> Any:
    version = stores.models.update_model_version(asked.name, asked.version, optional(asked, "description"))
    return pb.UpdateModelVersion.Response(model_version=version_proto(stores, version))


def _delete_version(stores: Stores, asked: Any) -> Any:
    stores.delete_version(asked.name, asked.version)
    return pb.DeleteModelVersion.Response()


def _search_versions(stores: Stores, asked: Any) -> Any:
    found = stores.models.search_model_versions(**search_arguments(asked))
    versions = [version_proto(stores, each) for each in found]
    return pb.SearchModelVersions.Response(model_versions=versions, next_page_token=found.token or None)


def _download_uri(stores: Stores, asked: Any) -> Any:
    version = stores.models.get_model_version(asked.name, asked.version)
    return pb.GetModelVersionDownloadUri.Response(artifact_uri=version_proto(stores, version).source)


def _set_version_tag(stores: Stores, asked: Any) -> Any:
    stores.models.set_model_version_tag(asked.name, asked.version, ModelVersionTag(asked.key, asked.value))
    return pb.SetModelVersionTag.Response()


def _delete_version_tag(stores: Stores, asked: Any) -> Any:
    stores.models.delete_model_version_tag(asked.name, asked.version, asked.key)
    return pb.DeleteModelVersionTag.Response()


def version_proto(stores: Stores, version: Any) -> Any:
    """A version with the place of its files as clients are told it."""
    proto = version.to_proto()
    proto.source = stores.shown_source(version.source) or f"models:/{version.name}/{version.version}"
    if version.source.startswith("file:") and stores.is_unfinished(stores.below_root(version.source)):
        proto.status = pb.PENDING_REGISTRATION
    return proto


def model_proto(stores: Stores, model: Any) -> Any:
    """A model with the places of its latest versions as clients are told them."""
    proto = model.to_proto()
    del proto.latest_versions[:]
    proto.latest_versions.extend([version_proto(stores, each) for each in model.latest_versions])
    return proto


_MAY = check_registered_model

OPERATIONS: Mapping[str, Operation] = {
    "create_registered_model": Operation(pb.CreateRegisteredModel, _create, is_owned=True),
    "get_registered_model": Operation(pb.GetRegisteredModel, _get),
    "update_registered_model": Operation(pb.UpdateRegisteredModel, _update, check=_MAY),
    "rename_registered_model": Operation(pb.RenameRegisteredModel, _rename, check=_MAY),
    "delete_registered_model": Operation(pb.DeleteRegisteredModel, _delete, check=_MAY),
    "search_registered_models": Operation(pb.SearchRegisteredModels, _search),
    "get_latest_versions": Operation(pb.GetLatestVersions, _latest),
    "set_registered_model_tag": Operation(pb.SetRegisteredModelTag, _set_tag, check=_MAY),
    "delete_registered_model_tag": Operation(pb.DeleteRegisteredModelTag, _delete_tag, check=_MAY),
    "set_registered_model_alias": Operation(pb.SetRegisteredModelAlias, _set_alias, check=_MAY),
    "delete_registered_model_alias": Operation(pb.DeleteRegisteredModelAlias, _delete_alias, check=_MAY),
    "get_model_version_by_alias": Operation(pb.GetModelVersionByAlias, _by_alias),
    "create_model_version": Operation(pb.CreateModelVersion, _create_version, check=_MAY),
    "get_model_version": Operation(pb.GetModelVersion, get_version),
    "update_model_version": Operation(pb.UpdateModelVersion, _update_version, check=_MAY),
    "delete_model_version": Operation(pb.DeleteModelVersion, _delete_version, check=_MAY),
    "search_model_versions": Operation(pb.SearchModelVersions, _search_versions),
    "get_model_version_download_uri": Operation(pb.GetModelVersionDownloadUri, _download_uri),
    "set_model_version_tag": Operation(pb.SetModelVersionTag, _set_version_tag, check=_MAY),
    "delete_model_version_tag": Operation(pb.DeleteModelVersionTag, _delete_version_tag, check=_MAY),
}
