"""Feature values of many entities at once, and the catalogue: what is computed, of whom, how new, who uses it."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from quikapp_ml.errors import InvalidInput, NotFound, Problem, QuikAppMLError
from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.features.aggregates import Derived, Feature
from quikapp_ml.features.base import FeatureView
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.serving.lineage import NEWEST_VERSIONS, ModelSources, ModelUse, sources_of_models, uses_of_sources
from quikapp_ml.stores.online.base import OnlineStore
from quikapp_ml.stores.online.published import Published, Status, published_tables, read_published
from quikapp_ml.stores.registry.base import ModelRegistry

TABLES_OF_VIEWS = "quikapp_ml.features."
"""Before the name of a view: the table that the pipeline makes of it each night."""

Kept = Literal["live", "published"]


@dataclass(frozen=True)
class EntityFeatures:
    """The values of one entity; those that are missing are null, and without `present` there are none."""

    key: Mapping[str, Any]
    status: Status
    values: Mapping[str, Any] = field(default_factory=dict)
    event_time: datetime | None = None
    """When the newest of it happened, where that is known."""


@dataclass(frozen=True)
class FeaturesAnswer:
    """Values by entity, in the order of the keys."""

    source: str
    """The view or table."""
    entities: tuple[EntityFeatures, ...]


@dataclass(frozen=True)
class CatalogueFeature:
    """One feature."""

    name: str
    aggregate: str
    """How it is computed; of a published table, the type of its values."""


@dataclass(frozen=True)
class CatalogueEntry:
    """A view that is counted with each event, or a feature table that was published."""

    name: str
    kept: Kept
    comment: str
    entity_key: tuple[str, ...]
    event_kinds: tuple[str, ...]
    features: tuple[CatalogueFeature, ...]
    used_by: tuple[ModelUse, ...]
    as_of: str | None = None
    """The newest event counted; of a table, when it was last published."""
    table_version: int | None = None


@dataclass(frozen=True)
class Catalogue:
    """All features, and of each model version what it is made of; both directions know the newest versions.

    `uses_known` is false while the model registry does not answer, `published_known` while the online store does not.
    """

    sources: tuple[CatalogueEntry, ...]
    models: tuple[ModelSources, ...]
    uses_known: bool
    published_known: bool


class OnlineFeatureService:
    """Answers from what the service counts itself (`view`), and from published feature tables (`table`)."""

    def __init__(
        self,
        features: OnlineFeatures,
        online: OnlineStore,
        registry: ModelRegistry,
        now: Callable[[], float],
        views: Sequence[FeatureView] = FEATURE_VIEWS,
    ) -> None:
        self._features = features
        self._online = online
        self._registry = registry
        self._now = now
        self._views = {view.name: view for view in views}

    def of_view(self, name: str, keys: Sequence[Mapping[str, Any]], names: Sequence[str] | None) -> FeaturesAnswer:
        """Values now. Raises NotFound for an unknown view, InvalidInput naming feature or key."""
        view = self._views.get(name)
        if view is None:
            raise NotFound(f"there is no feature view {name!r}; there are {', '.join(self._views)}")
        chosen = tuple(view.features if names is None else names)
        _check_features(name, chosen, tuple(view.features))
        parts = [_key_of(view, index, key) for index, key in enumerate(keys)]
        values, touched = self._features.read(name, parts, self._now(), chosen)
        found = zip(keys, values.tolist(), touched, strict=True)
        return FeaturesAnswer(name, tuple([_entity(*one, chosen) for one in found]))

    def of_table(self, name: str, keys: Sequence[Mapping[str, Any]], names: Sequence[str] | None) -> FeaturesAnswer:
        """Values as they were published. Raises NotFound for a table that is not, InvalidInput as `of_view`."""
        now = datetime.fromtimestamp(self._now(), UTC)
        found = zip(keys, read_published(self._online, name, keys, names, now), strict=True)
        return FeaturesAnswer(
            name, tuple([EntityFeatures(key, one.status, one.values, one.event_time) for key, one in found])
        )

    def catalogue(self) -> Catalogue:
        """All views and published tables; without those, or the models, while what knows them does not answer."""
        try:
            models, uses_known = sources_of_models(self._registry, NEWEST_VERSIONS), True
        except QuikAppMLError:
            models, uses_known = [], False
        uses = uses_of_sources(models)
        try:
            published, published_known = published_tables(self._online), True
        except QuikAppMLError:
            published, published_known = {}, False
        newest = self._features.newest_at
        as_of = None if newest is None else _iso(newest)
        views = [_view_entry(view, as_of, uses) for view in self._views.values()]
        tables = [_table_entry(name, mark, at, uses) for name, (mark, at) in published.items()]
        return Catalogue((*views, *tables), tuple(models), uses_known, published_known)

    def ages(self) -> dict[str, float]:
        """Seconds since the newest event counted (`live`), and since each table was last published."""
        now, newest = self._now(), self._features.newest_at
        ages = {} if newest is None else {"live": now - newest}
        try:
            times = {name: at for name, (_, at) in published_tables(self._online).items() if at is not None}
        except QuikAppMLError:  # numbers are shown while a store is away
            times = {}
        return {**ages, **{name: now - at for name, at in times.items()}}


def described(feature: Feature) -> str:
    """A feature in words: its aggregate and arguments, as declared."""
    return feature.formula if isinstance(feature, Derived) else repr(feature)


def _check_features(source: str, asked: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in asked if name not in known]
    if unknown:
        message = f"{source} has no feature {', '.join(unknown)}"
        problem = Problem("features", "unknown_feature", message, ", ".join(unknown), ", ".join(known))
        raise InvalidInput(f"{message}; it has {', '.join(known)}", (problem,))


def _key_of(view: FeatureView, index: int, key: Mapping[str, Any]) -> tuple[str, ...]:
    wanted = view.entity_key
    if len(key) == len(wanted):
        parts = tuple([key.get(part) for part in wanted])
        if set(map(type, parts)) == {str}:
            return parts  # type: ignore[return-value]  # just looked
    message = f"a key of {view.name} has {' and '.join(wanted)}, as texts"
    problem = Problem(f"keys.{index}", "wrong_key", message, str(dict(key))[:200], ", ".join(wanted))
    raise InvalidInput(f"keys.{index}: {message}; given was {dict(key)}", (problem,))


def _entity(
    key: Mapping[str, Any], values: Iterable[float], touched: float | None, names: tuple[str, ...]
) -> EntityFeatures:
    if touched is None:
        return EntityFeatures(key, "not_found")
    at = None if math.isnan(touched) else datetime.fromtimestamp(touched, UTC)
    return EntityFeatures(key, "present", dict(zip(names, values, strict=True)), at)


def _view_entry(view: FeatureView, as_of: str | None, uses: Mapping[str, tuple[ModelUse, ...]]) -> CatalogueEntry:
    return CatalogueEntry(
        name=view.name,
        kept="live",
        comment=view.comment,
        entity_key=view.entity_key,
        event_kinds=view.kinds,
        features=tuple(CatalogueFeature(name, described(one)) for name, one in view.features.items()),
        used_by=(*uses.get(view.name, ()), *uses.get(TABLES_OF_VIEWS + view.name, ())),
        as_of=as_of,
    )


def _table_entry(
    name: str, mark: Published, at: float | None, uses: Mapping[str, tuple[ModelUse, ...]]
) -> CatalogueEntry:
    return CatalogueEntry(
        name=name,
        kept="published",
        comment=mark.description,
        entity_key=tuple(mark.keys),
        event_kinds=(),
        features=tuple(CatalogueFeature(feature, kind) for feature, kind in mark.features.items()),
        used_by=uses.get(name, ()),
        as_of=None if at is None else _iso(at),
        table_version=mark.version,
    )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
