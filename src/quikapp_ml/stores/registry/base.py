"""Registered models: names, immutable versions, movable aliases. One interface; a file a technology."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

CHAMPION = "champion"
"""Alias of the version that answers ("Production")."""

CHALLENGER = "challenger"
"""Alias of the version that is tried ("Staging")."""


@dataclass(frozen=True)
class ModelVersion:
    """One immutable version of a registered model; `semantic_version` is its tag, such as 3.1.0."""

    name: str
    number: int
    semantic_version: str
    created_at: datetime
    aliases: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NewVersion:
    """What is registered: a folder that a model class saved, and what is known about how it was made."""

    name: str
    folder: Path
    """The model's own files (`Model.save`), a card `card.md` among them."""
    model_class: str
    """Dotted path `package.module:Class` of the class that loads the folder."""
    semantic_version: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    table_versions: Mapping[str, int] = field(default_factory=dict)
    """The data it learnt from: table name → version."""
    tags: Mapping[str, str] = field(default_factory=dict)


class ModelRegistry(ABC):
    """Model versions and where their files are."""

    @abstractmethod
    def register(self, version: NewVersion) -> ModelVersion:
        """Copy the folder in, and give it the next number of its name."""

    @abstractmethod
    def names(self) -> list[str]:
        """Names of registered models, sorted."""

    @abstractmethod
    def versions(self, name: str) -> list[ModelVersion]:
        """Versions of a model, newest first; empty for an unknown name."""

    @abstractmethod
    def by_alias(self, name: str, alias: str) -> ModelVersion | None:
        """The version that the alias points to now."""

    @abstractmethod
    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Point the alias to the version. Raises NotFound without it."""

    @abstractmethod
    def remove_alias(self, name: str, alias: str) -> None:
        """Take the alias away; nothing happens when it is not set."""

    @abstractmethod
    def fetch(self, name: str, number: int, into: Path) -> Path:
        """Copy the version's model folder to `into` and return its path. Raises NotFound."""
