"""Model versions that decisions were made by, loaded again: from the registry, or from the package."""

import shutil
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Any, Self

import orjson

from quikapp_ml.entities.decisions import ModelRef
from quikapp_ml.errors import NotFound
from quikapp_ml.models.base import Model
from quikapp_ml.serving.loading import STARTER_METADATA
from quikapp_ml.serving.served_model import ServedModel
from quikapp_ml.stores.registry.base import ModelRegistry, ModelVersion

MOST_KEPT = 16


@dataclass(frozen=True)
class Pinned:
    """A version in memory."""

    model: Model
    ref: ModelRef
    number: int | None


class PinnedModels:
    """Versions by their numbers. Used in a `with`: what was fetched is deleted at its end."""

    def __init__(
        self, registry: ModelRegistry, starters: Mapping[str, Path], model_classes: Mapping[str, type[Model]]
    ) -> None:
        self._registry = registry
        self._starters = starters
        self._classes = model_classes
        self._folder: Path | None = None
        self._kept: OrderedDict[tuple[str, ...], Any] = OrderedDict()
        self._n_fetched = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Delete what was fetched."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def version(self, ref: ModelRef, number: int | None) -> Pinned:
        """The version that a decision names. Raises NotFound when it is no longer kept anywhere."""
        if number is not None:
            kept = self._kept.get(("number", ref.name, str(number)))
            if kept is not None and kept.ref == ref:
                return self.by_number(ref.name, number)
            found = self._version(ref.name, number)
            if found.semantic_version != ref.version:
                raise NotFound(
                    f"number {number} of {ref.name} is version {found.semantic_version} in this registry, "
                    f"the decision was made by {ref.version}"
                )
            return self._load(found)
        starter: Pinned = self._remembered(("starter", ref.name, ref.version), lambda: self._starter(ref))
        return starter

    def by_number(self, name: str, number: int) -> Pinned:
        """The version of that number. Raises NotFound."""
        kept: Pinned | None = self._kept.get(("number", name, str(number)))
        return kept or self._load(self._version(name, number))

    def by_alias(self, name: str, alias: str) -> Pinned:
        """The version that the alias points to now. Raises NotFound."""
        found = self._registry.by_alias(name, alias)
        if found is None:
            raise NotFound(f"model {name!r} has no alias {alias!r}; `quikapp-ml models list` shows those that it has")
        return self._load(found)

    def served(self, name: str, number: int) -> ServedModel:
        """The artefact as an endpoint serves it. Raises NotFound."""
        served: ServedModel = self._remembered(
            ("served", name, str(number)),
            lambda: ServedModel.load(self._registry.fetch_artefact(name, number, self._place())),
        )
        return served

    def _version(self, name: str, number: int) -> ModelVersion:
        for version in self._registry.versions(name):
            if version.number == number:
                return version
        raise NotFound(f"version {number} of model {name!r} is no longer in the registry")

    def _load(self, version: ModelVersion) -> Pinned:
        name, number = version.name, version.number

        def load() -> Pinned:
            folder = self._registry.fetch(name, number, self._place())
            try:
                model = self._classes[name].load(folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)  # it is in memory now, or will never be
            return Pinned(model, ModelRef(name, version.semantic_version), number)

        pinned: Pinned = self._remembered(("number", name, str(number)), load)
        return pinned

    def _starter(self, ref: ModelRef) -> Pinned:
        folder = self._starters.get(ref.name)
        if folder is not None and _semantic_version(folder) == ref.version:
            return Pinned(self._classes[ref.name].load(folder), ref, None)
        for version in self._registry.versions(ref.name):
            if version.semantic_version == ref.version:
                return self._load(version)
        raise NotFound(f"version {ref.version} of {ref.name!r} is neither in the package nor in the registry any more")

    def _remembered(self, key: tuple[str, ...], load: Callable[[], Any]) -> Any:
        if key not in self._kept:
            self._kept[key] = load()
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _place(self) -> Path:
        if self._folder is None:
            self._folder = Path(mkdtemp(prefix="quikapp-ml-versions-"))
        self._n_fetched += 1
        return self._folder / str(self._n_fetched)


def _semantic_version(folder: Path) -> str:
    return str(orjson.loads((folder / STARTER_METADATA).read_bytes())["semantic_version"])
