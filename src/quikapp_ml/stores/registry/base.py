"""Registered models: names, immutable versions, movable aliases. One interface; a file a technology."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from quikapp_ml.errors import InvalidInput, NotFound

CHAMPION = "champion"
"""Alias of the version that answers ("Production")."""

CHALLENGER = "challenger"
"""Alias of the version that is tried ("Staging")."""

CARD_FILE = "card.md"
RESERVED_TAGS = frozenset({"semantic_version", "metrics", "table_versions"})
"""Tags that a registry may use for the fields of the same names."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")
_SEMANTIC_VERSION = re.compile(r"\d+\.\d+\.\d+")
_MODEL_CLASS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


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
    table_versions: Mapping[str, int] = field(default_factory=dict)
    """The data it learnt from: table name → version."""


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
    """Model versions and where their files are. Every method raises Unavailable when the registry does not answer."""

    @abstractmethod
    def register(self, version: NewVersion) -> ModelVersion:
        """Copy the folder in, and give it the next number of its name.

        Raises InvalidInput and NotFound as `check_new_version` does.
        """

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
        """Copy the version's model folder to `into`, whole or not at all, and return its path.

        Raises NotFound without the version, and Conflict when `into` is there already.
        """

    @abstractmethod
    def fetch_artefact(self, name: str, number: int, into: Path) -> Path:
        """Copy the version's whole MLflow artefact (`MLmodel` and all) to `into`, as `fetch` does."""


def check_new_version(version: NewVersion) -> None:
    """Refuse what cannot be registered: InvalidInput names the field, NotFound the folder that is not there."""
    forms = (
        ("name", _NAME, version.name, "letters, digits, - _ and ."),
        ("semantic_version", _SEMANTIC_VERSION, version.semantic_version, "three numbers, such as 3.1.0"),
        ("model_class", _MODEL_CLASS, version.model_class, "package.module:Class"),
    )
    for what, form, given, allowed in forms:
        if not form.fullmatch(given):
            raise InvalidInput(f"{what} {given!r} of a new model version must be {allowed}")
    for name, value in version.metrics.items():
        if not math.isfinite(value):
            raise InvalidInput(f"metric {name} of {version.name} is {value}; it must be a finite number")
    reserved = sorted(RESERVED_TAGS & set(version.tags))
    if reserved:
        raise InvalidInput(f"tags {reserved} of {version.name} are kept for the fields of the same names")
    if not version.folder.is_dir():
        raise NotFound(f"the model folder {version.folder} of {version.name} does not exist")
    if not (version.folder / CARD_FILE).is_file():
        raise InvalidInput(f"the model folder {version.folder} of {version.name} has no {CARD_FILE}")
