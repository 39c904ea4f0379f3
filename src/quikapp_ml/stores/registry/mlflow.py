"""Registered models in MLflow: a tracking run, a logged model and a registered version for each, without pickle.

References: https://mlflow.org/docs/latest/ml/model/models-from-code/
"""

import fcntl
import json
import re
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import unquote, urlparse

from sqlalchemy.exc import SQLAlchemyError

from quikapp_ml import __version__
from quikapp_ml.errors import Conflict, Damaged, InvalidInput, NotFound, StorageFailed, Unavailable
from quikapp_ml.stores.registry.base import (
    CARD_FILE,
    RESERVED_TAGS,
    ModelRegistry,
    ModelVersion,
    NewVersion,
    check_new_version,
)
from quikapp_ml.stores.registry.late_import import import_late
from quikapp_ml.stores.registry.version_files import check_files, note_files

KNOWN_WARNINGS = (
    ".*Any type hint is inferred as AnyType",  # about a class of MLflow's own, on import
    "The ``noload`` loader strategy is deprecated",  # MLflow 3.17's store under SQLAlchemy 2.1
    ".*An input example was not provided",  # ours would be made up; the signature is declared by the class
)
"""What MLflow says about itself."""


@contextmanager
def known_warnings_ignored() -> Iterator[None]:
    """Let MLflow's own remarks pass, around its import, its opening and its saving.

    Not around every call: the filters belong to the whole process, and the service asks from a thread of its own.
    """
    with warnings.catch_warnings():
        for message in KNOWN_WARNINGS:
            warnings.filterwarnings("ignore", message)
        yield


with known_warnings_ignored():
    import mlflow.artifacts
    import mlflow.pyfunc
    from mlflow import MlflowClient
    from mlflow.entities import (
        Dataset,
        DatasetInput,
        InputTag,
        LoggedModel,
        LoggedModelOutput,
        LoggedModelStatus,
        Metric,
        Param,
    )
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model as MlflowModel
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

MODEL_FOLDER = "model"
PAGE = 200
_SAVING = Lock()  # MLflow hands the model of a code file over in a global, and Python's warning filters are one
_USER_INFO = re.compile(r"//[^/@\s]+@")
_ERRORS: Mapping[str, type[InvalidInput] | type[NotFound] | type[Conflict]] = {
    "RESOURCE_DOES_NOT_EXIST": NotFound,
    "INVALID_PARAMETER_VALUE": InvalidInput,
    "BAD_REQUEST": InvalidInput,
    "RESOURCE_ALREADY_EXISTS": Conflict,
}


class MlflowRegistry(ModelRegistry):
    """Any MLflow tracking URI. With a database URI this process is the server, and files go to `artifact_root`."""

    def __init__(self, tracking_uri: str, experiment: str, artifact_root: Path) -> None:
        self._uri = tracking_uri
        self._experiment = experiment
        self._artifact_root = artifact_root.absolute()
        with _in_our_words(), known_warnings_ignored():
            if tracking_uri.startswith("sqlite:"):
                prepare_sqlite(tracking_uri, self._artifact_root)
            self._client = MlflowClient(tracking_uri=tracking_uri)

    def register(self, version: NewVersion) -> ModelVersion:
        """Log a tracking run with the model as an artefact that any MLflow can load, and register it."""
        check_new_version(version)
        signature = _signature(version.model_class)
        with _in_our_words():
            run_id = self._start_run(version)
            try:
                logged = self._log_model(version, run_id, signature)
                registered = self._create_version(version, run_id, logged)
            except BaseException:
                with suppress(MlflowException):
                    self._client.set_terminated(run_id, "FAILED")
                raise
            self._client.set_terminated(run_id, "FINISHED")
        return _model_version(registered, ())

    def names(self) -> list[str]:
        """Names of registered models, sorted."""
        with _in_our_words():
            return sorted(model.name for model in _all_pages(self._client.search_registered_models))

    def versions(self, name: str) -> list[ModelVersion]:
        """Versions of a model, newest first."""
        with _in_our_words():
            aliases = self._aliases(name)
            if aliases is None:
                return []
            found = _all_pages(self._client.search_model_versions, filter_string=f"name='{name}'")
            versions = [_model_version(each, aliases.get(int(each.version), ())) for each in found]
        return sorted(versions, key=lambda version: -version.number)

    def by_alias(self, name: str, alias: str) -> ModelVersion | None:
        """The version that the alias points to now."""
        try:
            with _in_our_words():
                found = self._client.get_model_version_by_alias(name, alias)
                return _model_version(found, found.aliases)
        except (NotFound, InvalidInput):  # MLflow calls an alias that is not set an invalid value
            return None

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Point the alias to the version."""
        with _in_our_words():
            self._client.get_model_version(name, str(number))
            self._client.set_registered_model_alias(name, alias, str(number))

    def remove_alias(self, name: str, alias: str) -> None:
        """Take the alias away."""
        try:
            with _in_our_words():
                self._client.delete_registered_model_alias(name, alias)
        except NotFound:
            return

    def fetch(self, name: str, number: int, into: Path) -> Path:
        """Download the version's model folder."""
        return self._download(name, number, f"/artifacts/{MODEL_FOLDER}", into)

    def fetch_artefact(self, name: str, number: int, into: Path) -> Path:
        """Download all of it."""
        return self._download(name, number, "", into)

    def _download(self, name: str, number: int, part: str, into: Path) -> Path:
        if into.exists():
            raise Conflict(f"{into} exists already")
        into.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into.parent, prefix=".fetching-") as folder, _in_our_words():
            source = self._client.get_model_version_download_uri(name, str(number))
            downloaded = mlflow.artifacts.download_artifacts(
                artifact_uri=f"{source}{part}", dst_path=folder, tracking_uri=self._uri
            )
            if source.startswith("file:"):
                check_files(_path_of(source), part, Path(downloaded))
            Path(downloaded).rename(into)
        return into

    def _start_run(self, version: NewVersion) -> str:
        run = self._client.create_run(
            self._experiment_id(), run_name=f"{version.name} {version.semantic_version}", tags=_all_tags(version)
        )
        run_id = str(run.info.run_id)
        self._client.log_batch(run_id, params=[Param(name, value) for name, value in version.parameters.items()])
        self._client.log_inputs(run_id, datasets=[_dataset(*item) for item in version.table_versions.items()])
        self._client.log_artifact(run_id, str(version.folder / CARD_FILE))
        return run_id

    def _experiment_id(self) -> str:
        existing = self._client.get_experiment_by_name(self._experiment)
        if existing is not None:
            return str(existing.experiment_id)
        is_ours = not self._uri.startswith(("http", "databricks"))
        location = self._artifact_root.as_uri() if is_ours else None
        try:
            return str(self._client.create_experiment(self._experiment, artifact_location=location))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return str(self._client.get_experiment_by_name(self._experiment).experiment_id)

    def _log_model(self, version: NewVersion, run_id: str, signature: ModelSignature) -> LoggedModel:
        logged = self._client.create_logged_model(
            self._experiment_id(), name=version.name.rpartition(".")[2], source_run_id=run_id, tags=_all_tags(version)
        )
        model_id = logged.model_id
        self._client.log_outputs(run_id, models=[LoggedModelOutput(model_id, step=0)])
        now = int(datetime.now(UTC).timestamp() * 1000)
        metrics = [Metric(name, value, now, 0, model_id=model_id) for name, value in version.metrics.items()]
        self._client.log_batch(run_id, metrics=metrics)
        description = MlflowModel(
            artifact_path=logged.artifact_location, run_id=run_id, model_uuid=model_id, model_id=model_id
        )
        with tempfile.TemporaryDirectory(prefix="quikapp-ml-model-") as folder:
            artefact = _save_artefact(version, Path(folder), signature, description)
            self._client.log_model_artifacts(model_id, str(artefact))
        if logged.artifact_location.startswith("file:"):
            note_files(_path_of(logged.artifact_location))
        return self._client.finalize_logged_model(model_id, LoggedModelStatus.READY)

    def _create_version(self, version: NewVersion, run_id: str, logged: LoggedModel) -> Any:
        try:
            self._client.create_registered_model(version.name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        return self._client.create_model_version(
            version.name,
            source=logged.artifact_location,
            run_id=run_id,
            tags=_all_tags(version),
            description=(version.folder / CARD_FILE).read_text(encoding="utf-8")[:5000],
            model_id=logged.model_id,
        )

    def _aliases(self, name: str) -> dict[int, tuple[str, ...]] | None:
        try:
            model = self._client.get_registered_model(name)
        except MlflowException as error:
            if error.error_code in _ERRORS:
                return None
            raise
        numbers: dict[int, tuple[str, ...]] = {}
        for alias, number in sorted(model.aliases.items()):
            numbers[int(number)] = (*numbers.get(int(number), ()), alias)
        return numbers


def _path_of(uri: str) -> Path:
    return Path(unquote(urlparse(uri).path))


def _save_artefact(version: NewVersion, folder: Path, signature: ModelSignature, description: MlflowModel) -> Path:
    model = folder / MODEL_FOLDER  # MLflow keeps the folder's name
    shutil.copytree(version.folder, model)
    artefact = folder / "artefact"
    with _SAVING, known_warnings_ignored():
        mlflow.pyfunc.save_model(
            artefact,
            python_model=str(Path(__file__).with_name("pyfunc_model.py")),
            artifacts={"model": str(model)},
            model_config={"model_class": version.model_class},
            signature=signature,
            pip_requirements=[f"quikapp-ml=={__version__}"],
            mlflow_model=description,
        )
    return artefact


def _signature(model_class: str) -> ModelSignature:
    module, _, name = model_class.partition(":")
    try:
        found = getattr(import_module(module), name)
        columns = (found.inputs, found.outputs)
    except (ImportError, AttributeError) as error:
        raise InvalidInput(f"model class {model_class} cannot be used: {error}") from error
    schemas = [Schema([ColSpec(kind, column) for column, kind in each.items()]) for each in columns]
    return ModelSignature(*schemas)


def _dataset(table: str, number: int) -> DatasetInput:
    source = json.dumps({"delta_table_name": table, "delta_table_version": number})
    dataset = Dataset(name=table, digest=str(number), source_type="delta_table", source=source)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _all_tags(version: NewVersion) -> dict[str, str]:
    """Tags with what a registry's listing must show without asking for the run of each version."""
    return {
        **version.tags,
        "semantic_version": version.semantic_version,
        "metrics": json.dumps(dict(version.metrics)),
        "table_versions": json.dumps(dict(version.table_versions)),
    }


def _model_version(found: Any, aliases: Iterable[str]) -> ModelVersion:
    tags = dict(found.tags)
    return ModelVersion(
        name=found.name,
        number=int(found.version),
        semantic_version=tags.get("semantic_version", "0.0.0"),
        created_at=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
        aliases=tuple(sorted(aliases)),
        metrics=json.loads(tags.get("metrics", "{}")),
        tags={name: value for name, value in tags.items() if name not in RESERVED_TAGS},
        table_versions=json.loads(tags.get("table_versions", "{}")),
    )


def _all_pages(search: Any, **given: Any) -> Iterator[Any]:
    token = None
    while True:
        page = search(max_results=PAGE, page_token=token, **given)
        yield from page
        token = page.token
        if not token:
            return


def prepare_sqlite(uri: str, artifact_root: Path) -> None:
    """Make the database, one process at a time, with its files beside it.

    MLflow's own client would let two processes migrate one new file at once, retry for minutes on one that cannot be
    opened, and give the Default experiment a folder below the current one.
    """
    path = Path(uri.partition(":///")[2]).absolute()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.with_name(f"{path.name}.lock").open("w") as lock, closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
            fcntl.flock(lock, fcntl.LOCK_EX)
            import_late("mlflow.store.tracking.sqlalchemy_store").SqlAlchemyStore(uri, artifact_root.as_uri())
    except sqlite3.DatabaseError as error:
        is_damaged = error.sqlite_errorcode in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
        raise (Damaged if is_damaged else StorageFailed)(f"MLflow's database {path}: {error}") from error


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Say what MLflow, its database and the disk say in the words of our errors."""
    try:
        yield
    except MlflowException as error:
        message = _USER_INFO.sub("//", str(error))
        raise _ERRORS.get(error.error_code, Unavailable)(f"MLflow: {message}") from error
    except (SQLAlchemyError, OSError) as error:
        raise StorageFailed(f"MLflow: {_USER_INFO.sub('//', str(error))}") from error
