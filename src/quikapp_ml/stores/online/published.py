"""What is published of feature tables: how it lies in an online store, and how it is read without the lake."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import orjson

from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.stores.online.base import OnlineStore

Status = Literal["present", "not_found", "expired"]

PUBLISHED = "published_tables"
"""Namespace: table name → what must be known to read it."""

PUBLISHED_AT = "published_at"
"""Namespace: table name → when a run last found it as new as its table, unix seconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class OnlineFeatureValues:
    """The values of one entity. Without `present` there are none: what is too old is no longer true."""

    status: Status
    values: Mapping[str, Any] = field(default_factory=dict)
    event_time: datetime | None = None
    """When the values happened; None of a table without times."""


@dataclass(frozen=True)
class Published:
    """What must be known to read a published table without the lake."""

    version: int
    keys: Mapping[str, str]
    features: Mapping[str, str]
    ttl_seconds: float | None
    description: str = ""


def read_published(
    online: OnlineStore, name: str, keys: Sequence[Mapping[str, Any]], features: Sequence[str] | None, now: datetime
) -> list[OnlineFeatureValues]:
    """Values of the entities, in the order of the keys. Raises NotFound for a table that was not published."""
    published = read_mark(online, name)
    chosen = list(published.features) if features is None else list(features)
    unknown = [feature for feature in chosen if feature not in published.features]
    if unknown:
        raise InvalidInput(
            f"table {name} has no published feature {', '.join(unknown)}; it has {', '.join(published.features)}"
        )
    names = [document_key(name, published.keys, key) for key in keys]
    kinds = {feature: published.features[feature] for feature in chosen}
    written_otherwise = {feature: kind for feature, kind in kinds.items() if kind != "plain"}
    ttl = published.ttl_seconds
    documents = online.get(namespace_of(name), names)
    return [_answer(document, ttl, now, chosen, written_otherwise) for document in documents]


def _answer(
    document: bytes | None, ttl: float | None, now: datetime, features: Sequence[str], kinds: Mapping[str, str]
) -> OnlineFeatureValues:
    """The features of one document; `kinds` of those that JSON may have in another form."""
    if document is None:
        return OnlineFeatureValues("not_found")
    found = orjson.loads(document)
    at = _decode("time", found["at"]) if "at" in found else None
    if at is not None and ttl is not None and (now - at).total_seconds() > ttl:
        return OnlineFeatureValues("expired", event_time=at)
    stored = found["values"]  # by name: a feature that came later may not have reached this entity yet
    values = {name: stored.get(name) for name in features}
    for name, kind in kinds.items():
        value = values[name]
        if type(value) is not float:  # which is what most are: as it was
            values[name] = _decode(kind, value)
    return OnlineFeatureValues("present", values, at)


def read_mark(online: OnlineStore, name: str) -> Published:
    """What is published of a table. Raises NotFound without it."""
    (document,) = online.get(PUBLISHED, [name])
    if document is None:
        known = ", ".join(sorted(key for key, _ in online.items(PUBLISHED))) or "none"
        raise NotFound(f"table {name} is not published; publish it with publish_table. Published are: {known}")
    return Published(**orjson.loads(document))


def published_tables(online: OnlineStore) -> dict[str, tuple[Published, float | None]]:
    """All published tables by name, and when each was last found as new as its table, unix seconds."""
    times = {name: float(orjson.loads(document)) for name, document in online.items(PUBLISHED_AT)}
    marks = sorted(online.items(PUBLISHED))
    return {name: (Published(**orjson.loads(document)), times.get(name)) for name, document in marks}


def document_key(table: str, kinds: Mapping[str, str], given: Mapping[str, Any]) -> str:
    """Key of an entity's document. Raises InvalidInput when a part of it lacks."""
    lacking = [name for name in kinds if given.get(name) is None]
    if lacking:
        raise InvalidInput(f"key {dict(given)} of table {table} lacks {', '.join(lacking)}; keys: {', '.join(kinds)}")
    return orjson.dumps([encode(kind, given[name]) for name, kind in kinds.items()]).decode()


def namespace_of(name: str) -> str:
    """Namespace of a table's documents: key of the entity → its values."""
    return f"feature_table/{name}"


def encode(kind: str, value: Any) -> Any:
    """A value as JSON has it."""
    if value is None:
        return None
    if kind.startswith("list:"):
        return [encode(kind.removeprefix("list:"), one) for one in value]
    if kind == "float":
        return value if math.isfinite(value) else str(value)  # JSON knows no NaN
    if kind == "time":
        return (value - _EPOCH) // _MICROSECOND
    return value.isoformat() if kind == "date" else value


def _decode(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind.startswith("list:"):
        return [_decode(kind.removeprefix("list:"), one) for one in value]
    if kind == "float":
        return float(value)
    if kind == "time":
        return _EPOCH + value * _MICROSECOND
    return date.fromisoformat(value) if kind == "date" else value
