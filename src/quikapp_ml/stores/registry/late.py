"""A registry that is opened by its first use: MLflow takes seconds to import, and answers must not wait for it."""

from collections.abc import Callable
from pathlib import Path
from threading import Lock

from quikapp_ml.stores.registry.base import ModelRegistry, ModelVersion, NewVersion


class LateRegistry(ModelRegistry):
    """Passes every call on. When opening fails, the next call tries again."""

    def __init__(self, open_now: Callable[[], ModelRegistry]) -> None:
        self._open_now = open_now
        self._opened: ModelRegistry | None = None
        self._lock = Lock()

    def register(self, version: NewVersion) -> ModelVersion:
        """Pass on."""
        return self._registry.register(version)

    def names(self) -> list[str]:
        """Pass on."""
        return self._registry.names()

    def versions(self, name: str) -> list[ModelVersion]:
        """Pass on."""
        return self._registry.versions(name)

    def by_alias(self, name: str, alias: str) -> ModelVersion | None:
        """Pass on."""
        return self._registry.by_alias(name, alias)

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Pass on."""
        self._registry.set_alias(name, alias, number)

    def remove_alias(self, name: str, alias: str) -> None:
        """Pass on."""
        self._registry.remove_alias(name, alias)

    def fetch(self, name: str, number: int, into: Path) -> Path:
        """Pass on."""
        return self._registry.fetch(name, number, into)

    def fetch_artefact(self, name: str, number: int, into: Path) -> Path:
        """Pass on."""
        return self._registry.fetch_artefact(name, number, into)

    @property
    def _registry(self) -> ModelRegistry:
        with self._lock:
            if self._opened is None:
                self._opened = self._open_now()
            return self._opened
