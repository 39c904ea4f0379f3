"""The project's own tracking store and model registry, by MLflow's classes; imported by the first request only."""

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import unquote, urlparse
from uuid import uuid4

from mlflow.entities import LoggedModelStatus
from mlflow.exceptions import MlflowException
from mlflow.tracking._model_registry.utils import _get_store as open_model_registry
from mlflow.tracking._tracking_service.utils import _get_store as open_tracking

from quikapp_ml.databricks_api.mlflow import artifact_uris, version_copies
from quikapp_ml.errors import Conflict, InvalidInput, NotFound
from quikapp_ml.stores.registry.mlflow import known_warnings_ignored, prepare_sqlite
from quikapp_ml.stores.registry.version_files import note_files, unfinished_mark

_PAGE = 1000
VERSIONS = "versions"
"""Folder of the files that registered versions have of their own."""


class Stores:
    """Runs, registered models, and where their files are.

    The files lie below `artifact_root`; a client is told `dbfs:/databricks/mlflow-tracking/…` instead, the only form
    in which it asks a workspace's Files API for them.
    """

    def __init__(self, tracking_uri: str, artifact_root: Path) -> None:
        self.root = artifact_root.absolute()
        self.changing = Lock()
        """Held while files change, and while they are closed to changes: one of the two comes first."""
        with known_warnings_ignored():
            if tracking_uri.startswith("sqlite:"):
                prepare_sqlite(tracking_uri, self.root)
            self.tracking: Any = open_tracking(tracking_uri, self.root.as_uri())
            self.models: Any = open_model_registry(tracking_uri)

    def run_folder(self, experiment_id: str, run_id: str) -> Path:
        """Where the files of a run are. Raises NotFound."""
        info = self.tracking.get_run(run_id).info
        return self._folder(info.experiment_id, experiment_id, info.artifact_uri, f"run {run_id}")

    def logged_model_folder(self, experiment_id: str, model_id: str, *, writes: bool = False) -> Path:
        """Where the files of a logged model are. Raises NotFound; Conflict when it is ready and not to change."""
        model = self.tracking.get_logged_model(model_id)
        if writes and model.status == LoggedModelStatus.READY:  # versions that others load may stand on it
            raise Conflict(f"logged model {model_id} is ready: its files do not change any more")
        if writes:
            self._check_nothing_stands_on(model_id, f"logged model {model_id}")
        return self._folder(model.experiment_id, experiment_id, model.artifact_location, f"logged model {model_id}")

    def run_files(self, experiment_id: str, run_id: str, *, writes: bool = False) -> Path:
        """The folder of a run whose only child is the folder of its artefacts, as a workspace has it.

        Raises NotFound; Conflict when they are not to change, for a version that came past this service stands on them.
        """
        folder = self.run_folder(experiment_id, run_id).parent
        if writes:
            self._check_nothing_stands_on(run_id, f"run {run_id}")
        return folder

    def version_folder(self, name: str, version: str, *, writes: bool = False) -> Path:
        """Where the files of a registered version are. Raises NotFound; Conflict when it is whole and not to change."""
        folder = self.below_root(self.models.get_model_version_download_uri(name, version))
        if writes and not self.is_unfinished(folder):
            raise Conflict(f"version {version} of {name} is registered: its files do not change any more")
        return folder

    def new_version_folder(self) -> Path:
        """A folder for the files of a version, which may be written until it is finished."""
        folder = self.root / VERSIONS / uuid4().hex
        folder.mkdir(parents=True)
        unfinished_mark(folder).touch()
        return folder

    def finish_version(self, name: str, version: str) -> None:
        """Let nobody change the files of a version any more."""
        folder = self.version_folder(name, version)
        with self.changing:
            unfinished_mark(folder).unlink(missing_ok=True)
        note_files(folder)

    def delete_version(self, name: str, version: str) -> None:
        """Forget a version, with the files that it has of its own. Raises what the registry raises."""
        source = self.models.get_model_version(name, version).source
        self.models.delete_model_version(name, version)
        self._remove_own_files([source])

    def delete_model(self, name: str) -> None:
        """Forget a model and its versions, with the files that they have of their own."""
        sources: list[str] = []
        token: str | None = ""
        while token is not None:
            found = self.models.search_model_versions(f"name='{name}'", max_results=_PAGE, page_token=token or None)
            sources += [each.source for each in found]
            token = found.token or None
        self.models.delete_registered_model(name)
        self._remove_own_files(sources)

    def is_unfinished(self, folder: Path) -> bool:
        """Whether the files of a version are still on their way."""
        return folder.parent == self.root.resolve() / VERSIONS and unfinished_mark(folder).exists()

    def below_root(self, uri: str) -> Path:
        """The folder that a file URI names, when the service keeps it. Raises NotFound: it gives away no other."""
        folder = Path(unquote(urlparse(uri).path)).resolve() if uri.startswith("file:") else None
        if folder is None or not folder.is_relative_to(self.root.resolve()):
            raise NotFound("the files of this run or model are not kept by this service")
        return folder

    def files_of_version(self, shown: str) -> str:
        """URI of the files that a new version will have, from where a client says that they are.

        They never change: they are those of a logged model that is ready, or a copy. Raises InvalidInput for any place
        but a run or a logged model: it might name any file.
        """
        place = artifact_uris.parse(shown)
        if place is None:
            raise InvalidInput(f"source must be below {artifact_uris.ROOT}, given: {shown[:200]!r}")
        folder = self.logged_model_folder if place.kind == artifact_uris.LOGGED_MODEL else self.run_folder
        own = folder(place.experiment_id, place.item_id).resolve()
        below = (own / place.rest).resolve()
        if not below.is_relative_to(own):  # beside it are the files of models that were granted to others
            raise InvalidInput(f"source {shown[:200]!r} leads out of the folder of its run or model")
        is_frozen = place.kind == artifact_uris.LOGGED_MODEL and self._is_ready(place.item_id)
        files = below if is_frozen else version_copies.copy(below, self.root / VERSIONS, shown)
        if not is_frozen or below == own:
            note_files(files)
        return files.as_uri()

    def shown_source(self, kept: str) -> str:
        """What clients are told instead of where the files of a registered version are."""
        kind, item_id, rest = artifact_uris.split_kept(kept)
        if not kind:
            return self._copied_from(kept) if kept.startswith("file:") else kept
        find: Callable[[str], Any] = self.tracking.get_logged_model
        if kind == artifact_uris.RUN:
            find = self._run_info
        try:
            experiment_id = str(find(item_id).experiment_id)
        except MlflowException:  # the run is gone; its version is not
            experiment_id = "0"
        return artifact_uris.shown(kind, experiment_id, item_id) + rest

    def _copied_from(self, kept: str) -> str:
        folder = self.below_root(kept)
        return version_copies.copied_from(folder) if folder.parent == self.root.resolve() / VERSIONS else ""

    def _remove_own_files(self, sources: list[str]) -> None:
        for source in sources:
            folder = Path(unquote(urlparse(source).path)) if source.startswith("file:") else None
            if folder is not None and folder.parent.resolve() == self.root.resolve() / VERSIONS:
                with self.changing:  # an upload of this moment makes its folder anew, or comes too late
                    version_copies.remove(folder)

    def _is_ready(self, model_id: str) -> bool:
        return bool(self.tracking.get_logged_model(model_id).status == LoggedModelStatus.READY)

    def _check_nothing_stands_on(self, item_id: str, what: str) -> None:
        """Versions made by another door (an MLflow of this machine, an earlier release) may have no copy."""
        for stands in (f"source_path LIKE '%/{item_id}/artifacts%'", f"source_path = 'models:/{item_id}'"):
            found = self.models.search_model_versions(filter_string=stands, max_results=1)
            if found:
                raise Conflict(
                    f"version {found[0].version} of {found[0].name} stands on {what}: its files do not change any more"
                )

    def _run_info(self, run_id: str) -> Any:
        return self.tracking.get_run(run_id).info

    def _folder(self, experiment_id: str, asked: str, uri: str, what: str) -> Path:
        if str(experiment_id) != asked:
            raise NotFound(f"{what} is not in experiment {asked}")
        return self.below_root(uri)
