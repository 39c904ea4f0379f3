"""Which model versions are made of which features and tables, and the other way round, as the registry knows it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from quikapp_ml.features.services import service_of
from quikapp_ml.stores.registry.base import ModelRegistry, ModelVersion

NEWEST_VERSIONS = 20
"""Of each model, so many versions are listed, and those with an alias."""


@dataclass(frozen=True)
class Source:
    """What a model version is told or learnt from: a feature view, a feature table, or another table."""

    source: str
    features: tuple[str, ...] = ()
    """The features that it reads there; none of a table that it only learnt from."""
    table_version: int | None = None
    """The version of the table that it learnt from; None of a view, whose values are those of the moment."""


@dataclass(frozen=True)
class ModelSources:
    """A model version, its feature service, and all that it is told or learnt from."""

    model: str
    version: int
    semantic_version: str
    aliases: tuple[str, ...]
    feature_service: str | None
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class ModelUse:
    """A model version that reads or learnt from a source."""

    model: str
    version: int
    features: tuple[str, ...] = ()
    table_version: int | None = None
    aliases: tuple[str, ...] = ()
    feature_service: str | None = None


def sources_of_models(registry: ModelRegistry, newest: int | None = None) -> list[ModelSources]:
    """Every version of every model, newest first of each; of many, the `newest` and those with an alias."""
    return [
        _sources_of(version)
        for model in registry.names()
        for place, version in enumerate(registry.versions(model))
        if newest is None or place < newest or version.aliases
    ]


def uses_of_sources(models: Iterable[ModelSources]) -> dict[str, tuple[ModelUse, ...]]:
    """The other direction: every view or table, and the versions that read it or learnt from it."""
    uses = [
        (one.source, ModelUse(m.model, m.version, one.features, one.table_version, m.aliases, m.feature_service))
        for m in models
        for one in m.sources
    ]
    found: dict[str, list[ModelUse]] = {}
    for source, use in uses:
        found.setdefault(source, []).append(use)
    return {source: tuple(of_source) for source, of_source in found.items()}


def _sources_of(version: ModelVersion) -> ModelSources:
    service = service_of(version.name, version.tags)
    inputs: Mapping[str, tuple[str, ...]] = service.inputs if service else {}
    names = sorted({*inputs, *version.table_versions})
    return ModelSources(
        model=version.name,
        version=version.number,
        semantic_version=version.semantic_version,
        aliases=version.aliases,
        feature_service=service.name if service else None,
        sources=tuple(Source(name, inputs.get(name, ()), version.table_versions.get(name)) for name in names),
    )
