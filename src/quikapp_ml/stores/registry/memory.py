"""A registry in memory: for tests; nothing survives the process."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock

from quikapp_ml.errors import Conflict, NotFound
from quikapp_ml.stores.registry.base import ModelRegistry, ModelVersion, NewVersion, check_new_version


@dataclass(frozen=True)
class _Kept:
    version: ModelVersion
    model_class: str
    files: dict[Path, bytes]


class MemoryRegistry(ModelRegistry):
    """Versions and their files in dictionaries."""

    def __init__(self) -> None:
        self._kept: dict[str, list[_Kept]] = {}
        self._aliases: dict[tuple[str, str], int] = {}
        self._lock = RLock()

    def register(self, version: NewVersion) -> ModelVersion:
        """Read the folder in."""
        check_new_version(version)
        files = {
            path.relative_to(version.folder): path.read_bytes() for path in version.folder.rglob("*") if path.is_file()
        }
        with self._lock:
            kept = self._kept.setdefault(version.name, [])
            registered = ModelVersion(
                name=version.name,
                number=len(kept) + 1,
                semantic_version=version.semantic_version,
                created_at=datetime.now(UTC),
                metrics=dict(version.metrics),
                tags=dict(version.tags),
                table_versions=dict(version.table_versions),
            )
            kept.append(_Kept(registered, version.model_class, files))
        return registered

    def names(self) -> list[str]:
        """Names of registered models, sorted."""
        return sorted(self._kept)

    def versions(self, name: str) -> list[ModelVersion]:
        """Versions of a model, newest first."""
        with self._lock:
            return [self._with_aliases(kept.version) for kept in reversed(self._kept.get(name, []))]

    def by_alias(self, name: str, alias: str) -> ModelVersion | None:
        """The version that the alias points to now."""
        with self._lock:
            number = self._aliases.get((name, alias))
            return None if number is None else self._with_aliases(self._require(name, number).version)

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Point the alias to the version."""
        with self._lock:
            self._require(name, number)
            self._aliases[name, alias] = number

    def remove_alias(self, name: str, alias: str) -> None:
        """Take the alias away."""
        with self._lock:
            self._aliases.pop((name, alias), None)

    def fetch(self, name: str, number: int, into: Path) -> Path:
        """Write the version's files to `into`."""
        kept = self._require(name, number)
        if into.exists():
            raise Conflict(f"{into} exists already")
        for path, content in kept.files.items():
            (into / path).parent.mkdir(parents=True, exist_ok=True)
            (into / path).write_bytes(content)
        return into

    def fetch_artefact(self, name: str, number: int, into: Path) -> Path:
        """Write the files into an artefact that says by which class they are loaded, and no more."""
        model_class = self._require(name, number).model_class
        self.fetch(name, number, into / "artifacts" / "model")
        (into / "MLmodel").write_text(f"flavors: {{python_function: {{config: {{model_class: '{model_class}'}}}}}}\n")
        return into

    def _require(self, name: str, number: int) -> _Kept:
        kept = self._kept.get(name, [])
        if not 1 <= number <= len(kept):
            raise NotFound(f"registered model {name!r} has no version {number}")
        return kept[number - 1]

    def _with_aliases(self, version: ModelVersion) -> ModelVersion:
        found = (
            alias for (name, alias), number in self._aliases.items() if (name, number) == (version.name, version.number)
        )
        return replace(version, aliases=tuple(sorted(found)))
