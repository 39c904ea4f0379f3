"""What is published of feature tables: how it lies in an online store, and how it is read without the lake."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Literal

import orjson

from quikapp_ml.errors import InvalidInput, NotFound, Problem
from quikapp_ml.stores.online.base import OnlineStore

Status = Literal["present", "not_found", "expired"]

PUBLISHED = "published_tables"
"""Namespace: table name → what must be known to read it."""

PUBLISHED_AT = "published_at"
"""Namespace: table name → when a run last found it as new as its table, unix seconds."""

FORMS: Mapping[str, str] = {
    "text": "a text",
    "integer": "a whole number",
    "boolean": "true or false",
    "plain": "a text, a whole number, true or false",
    "date": "a date, such as 2026-11-23",
    "time": "a time with its zone, such as 2026-11-23T08:00:00+00:00",
}
"""Kinds of parts of keys, in words. `plain` is what tables have that were published before these were told apart."""

AS_THEY_ARE = frozenset({"text", "integer", "boolean", "plain"})
"""Kinds of values that JSON has as they are."""

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
    unknown = ", ".join(feature for feature in chosen if feature not in published.features)
    if unknown:
        known = ", ".join(published.features)
        message = f"table {name} has no published feature {unknown}; it has {known}"
        raise InvalidInput(message, (Problem("features", "unknown_feature", message, unknown, known),))
    names = [_asked(name, published.keys, index, key) for index, key in enumerate(keys)]
    kinds = {feature: published.features[feature] for feature in chosen}
    written_otherwise = {feature: kind for feature, kind in kinds.items() if kind not in AS_THEY_ARE}
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


def published_namespaces(online: OnlineStore) -> list[str]:
    """Where all that is published lies."""
    return [PUBLISHED, PUBLISHED_AT, *(namespace_of(name) for name, _ in online.items(PUBLISHED))]


def document_key(table: str, kinds: Mapping[str, str], given: Mapping[str, Any]) -> str:
    """Key of an entity's document; dates and times may be ISO texts. Raises InvalidInput, naming each part."""
    parts, problems = [], []
    for name, kind in kinds.items():
        value = given.get(name)
        try:
            parts.append(_key_part(kind, value))
        except ValueError:
            what = "is lacking" if value is None else f"is {FORMS[kind]}, not {value!r}"
            problems.append(Problem(name, "wrong_key", f"{name} {what}", repr(value)[:200], FORMS[kind]))
    if problems:
        told = ", ".join(problem.message for problem in problems)
        raise InvalidInput(f"key of table {table}: {told}; its keys are {', '.join(kinds)}", tuple(problems))
    return orjson.dumps(parts).decode()


def _asked(table: str, kinds: Mapping[str, str], index: int, given: Mapping[str, Any]) -> str:
    """`document_key` of the key at that place of a question. Raises InvalidInput for other parts, too."""
    try:
        key = document_key(table, kinds, given)
    except InvalidInput as error:
        problems = tuple(replace(problem, path=f"keys.{index}.{problem.path}") for problem in error.problems)
        raise InvalidInput(f"keys.{index}: {error}", problems) from None
    if len(given) > len(kinds):
        message = f"{', '.join(given.keys() - kinds)} is no key of table {table}; its keys are {', '.join(kinds)}"
        problem = Problem(f"keys.{index}", "wrong_key", message, repr(dict(given))[:200], ", ".join(kinds))
        raise InvalidInput(f"keys.{index}: {message}", (problem,))
    return key


def _key_part(kind: str, value: Any) -> Any:
    """A part of a key as JSON has it. Raises ValueError for a value of another kind."""
    match kind, value:
        case "text", str():
            return value
        case ("integer", bool()) | (_, None):
            raise ValueError
        case ("integer", int()) | ("boolean", bool()) | ("plain", str() | int()):
            return value
        case "date", str():
            return date.fromisoformat(value).isoformat()
        case "time", str():
            return _key_part(kind, datetime.fromisoformat(value))
        case "time", datetime(tzinfo=tzinfo()):
            return encode(kind, value)
        case "date", date() if not isinstance(value, datetime):
            return encode(kind, value)
    raise ValueError


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
