"""The models that answer: loaded before the first request, swapped when an alias moves, never taken away.

What a name answers with is, from the best to the least: the version that the registry's alias points to, the version
that it pointed to when this home was last served (kept in the cache), the starter model of the package.
"""

import logging
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import orjson

from quikapp_ml.entities.decisions import ModelRef
from quikapp_ml.errors import Damaged, Unavailable
from quikapp_ml.models.base import Model
from quikapp_ml.stores.registry.base import CHALLENGER, CHAMPION, ModelRegistry, ModelVersion

logger = logging.getLogger(__name__)

STARTER_METADATA = "metadata.json"
CURRENT_FILE = "current.json"
CLOSE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that answers, and what it is called in answers."""

    model: Model
    ref: ModelRef
    number: int | None
    """Number of the version in the registry; None for a starter model that is not registered yet."""
    alias: str | None


@dataclass(frozen=True, slots=True)
class _Kept:
    """A model in memory and the folder of the cache that it came from; None for a starter."""

    loaded: Loaded
    folder: str | None


class ModelHost:
    """One model a name. `get` is a look into a dictionary; all loading is done by a thread of its own.

    A swap is one assignment: who has got the old model finishes with it.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        starters: Mapping[str, Path],
        model_classes: Mapping[str, type[Model]],
        cache: Path,
        poll_seconds: float,
        *,
        max_asking_seconds: float = 15.0,
    ) -> None:
        self._registry = registry
        self._starters = starters
        self._classes = model_classes
        self._cache = _Cache(cache)
        self._poll_seconds = poll_seconds
        self._max_asking_seconds = max_asking_seconds
        self._kept: dict[str, _Kept] = {}
        self._refused: dict[str, str] = {}
        self._told: dict[str, str] = {}
        self._failures = 0
        self._swaps = 0
        self._registry_error: str | None = None
        self._asking_since: float | None = None
        self._refreshing = Lock()
        self._closing = Event()
        self._thread = Thread(target=self._poll, name="model-host", daemon=True)

    def start(self) -> None:
        """Load what is on this disk, then begin to follow the aliases."""
        for name in self._classes:
            kept = self._from_cache(name) or self._from_starter(name)
            if kept is not None:
                self._kept[name] = kept
        self._thread.start()

    def get(self, name: str) -> Loaded:
        """The model that answers for the name now. Raises Unavailable when there is none."""
        kept = self._kept.get(name)
        if kept is None:
            raise Unavailable(f"no version of model {name!r} is loaded; loaded are {sorted(self._kept)}", 5)
        return kept.loaded

    def loaded(self) -> list[Loaded]:
        """All models that answer now, in the order of their names."""
        return [kept.loaded for _, kept in sorted(self._kept.items())]

    def refresh(self) -> int:
        """Ask the registry once for each name, load what has moved, and return how many models were swapped.

        Raises Unavailable when the registry does not answer; the loaded models go on.
        """
        with self._refreshing:
            return sum(self._refresh(name) for name in self._classes)

    def close(self) -> None:
        """Stop following the aliases; the loaded models stay."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout=CLOSE_SECONDS)

    @property
    def failures(self) -> int:
        """How many times a version could not be loaded."""
        return self._failures

    @property
    def swaps(self) -> int:
        """How many times another version took over."""
        return self._swaps

    @property
    def registry_error(self) -> str | None:
        """Why the registry could not be asked the last time; None while it answers."""
        return self._registry_error

    @property
    def follows_registry(self) -> bool:
        """Whether the registry answered when it was last asked, and no question to it has been open for too long."""
        asking_since = self._asking_since
        is_stuck = asking_since is not None and time.monotonic() - asking_since > self._max_asking_seconds
        return self._registry_error is None and not is_stuck

    def _poll(self) -> None:
        while not self._closing.is_set():
            self._asking_since = time.monotonic()
            try:
                self.refresh()
            except Exception as error:  # noqa: BLE001 the thread must outlive whatever a registry does
                self._tell_registry(str(error) or repr(error))
            else:
                self._tell_registry(None)
            self._asking_since = None
            self._closing.wait(self._poll_seconds)

    def _tell_registry(self, error: str | None) -> None:
        if error is not None and self._registry_error is None:
            logger.warning("the model registry does not answer; the loaded models go on: %s", error)
        elif error is None and self._registry_error is not None:
            logger.info("the model registry answers again")
        self._registry_error = error

    def _refresh(self, name: str) -> bool:
        version, alias = self._pointed_at(name)
        if version is None:
            return False
        folder = _folder_name(version)
        kept = self._kept.get(name)
        if kept is not None and kept.folder == folder:
            if kept.loaded.alias != alias:
                self._take(name, replace(kept, loaded=replace(kept.loaded, alias=alias)))
            return False
        if self._refused.get(name) == folder:
            return False
        try:
            model = self._load(version, folder)
        except Exception as error:  # noqa: BLE001 a damaged version can fail in any way; the old one goes on
            self._count_failure(name, folder, error)
            return False
        loaded = Loaded(model, ModelRef(name, version.semantic_version), version.number, alias)
        self._swaps += 1
        self._take(name, _Kept(loaded, folder))
        self._told.pop(name, None)
        logger.info("model %s: version %s (number %d) answers now", name, version.semantic_version, version.number)
        return True

    def _pointed_at(self, name: str) -> tuple[ModelVersion | None, str]:
        champion = self._registry.by_alias(name, CHAMPION)
        if champion is not None:
            return champion, CHAMPION
        return self._registry.by_alias(name, CHALLENGER), CHALLENGER

    def _load(self, version: ModelVersion, folder: str) -> Model:
        place = self._cache.place(version.name, folder)
        model_class = self._classes[version.name]
        if place.exists():
            try:
                return model_class.load(place)
            except Exception as error:  # noqa: BLE001 our copy may be damaged in any way, and the registry has the version
                logger.warning("the cached copy of model %s is fetched anew: %r", version.name, error)
                shutil.rmtree(place)
        try:
            return model_class.load(self._registry.fetch(version.name, version.number, place))
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise

    def _take(self, name: str, kept: _Kept) -> None:
        self._kept[name] = kept
        try:
            self._cache.remember(name, kept)
        except OSError as error:
            logger.warning("model %s answers, but the next start will not know it: %s", name, error)

    def _count_failure(self, name: str, folder: str, error: Exception) -> None:
        self._failures += 1
        if not isinstance(error, Unavailable):
            self._refused[name] = folder  # it will not get better: ask for it again when the alias has moved
        told = f"{folder}: {error!r}"
        if self._told.get(name) != told:
            self._told[name] = told
            logger.error("model %s, version %s cannot be loaded; what answers goes on", name, folder, exc_info=error)

    def _from_cache(self, name: str) -> _Kept | None:
        try:
            return self._cache.recall(name, self._classes[name])
        except Exception as error:  # noqa: BLE001 a damaged cache must not keep the starter from answering
            self._failures += 1
            logger.warning("the cached version of model %s is not used: %r", name, error)
            return None

    def _from_starter(self, name: str) -> _Kept | None:
        folder = self._starters.get(name)
        if folder is None:
            return None
        try:
            metadata = _read_json(folder / STARTER_METADATA)
            model = self._classes[name].load(folder)
            ref = ModelRef(name, str(metadata["semantic_version"]))
            return _Kept(Loaded(model, ref, None, str(metadata["alias"])), None)
        except Exception:  # a broken package must not keep the other models from answering
            self._failures += 1
            logger.exception("the starter model in %s cannot be loaded", folder)
            return None


class _Cache:
    """Folder of fetched versions: one folder a model, in it one folder a version, and which of them answered last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def place(self, name: str, folder: str) -> Path:
        """Where a version's files belong."""
        return self._folder / name / folder

    def remember(self, name: str, kept: _Kept) -> None:
        """Note what answers now, and forget the versions that answered before."""
        home = self._folder / name
        home.mkdir(parents=True, exist_ok=True)
        loaded = kept.loaded
        note = {
            "folder": kept.folder,
            "number": loaded.number,
            "semantic_version": loaded.ref.version,
            "alias": loaded.alias,
        }
        written = home / f".{CURRENT_FILE}"
        written.write_bytes(orjson.dumps(note))
        written.replace(home / CURRENT_FILE)
        for other in home.iterdir():
            if other.is_dir() and other.name != kept.folder:
                shutil.rmtree(other, ignore_errors=True)

    def recall(self, name: str, model_class: type[Model]) -> _Kept | None:
        """Load what answered last; None when there is no note of it. Raises Damaged."""
        note_file = self._folder / name / CURRENT_FILE
        if not note_file.exists():
            return None
        note = _read_json(note_file)
        folder, number = str(note["folder"]), int(note["number"])
        model = model_class.load(self.place(name, folder))
        return _Kept(Loaded(model, ModelRef(name, str(note["semantic_version"])), number, str(note["alias"])), folder)


def _folder_name(version: ModelVersion) -> str:
    """The number alone is not enough: a new registry begins with 1 again."""
    return f"{version.number}-{int(version.created_at.timestamp() * 1000)}"


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = orjson.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise Damaged(f"{file} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise Damaged(f"{file} must hold a JSON object")
    return content
