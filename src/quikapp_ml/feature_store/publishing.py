"""Feature tables in the online store: the newest known values of each entity, read back with their state."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.feature_store.tables import FeatureTable
from quikapp_ml.stores.online.base import OnlineStore

Status = Literal["present", "not_found", "expired"]

PUBLISHED = "feature_tables"
"""Namespace: table name → what is published of it."""

DOCUMENTS_A_WRITE = 10_000
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
class _Published:
    """What must be known to read a published table without the lake."""

    version: int
    keys: Mapping[str, str]
    features: Mapping[str, str]
    ttl_seconds: float | None


def publish(table: FeatureTable, rows: pa.Table, online: OnlineStore, now: datetime, overwrite: bool) -> int:
    """Write the newest rows that had happened and were known by now, and return how many entities were written.

    Publishing again what is published writes nothing. The mark of the version comes last: a run that was cut off is
    made whole by the next. With `overwrite`, entities that the table no longer has go too.
    """
    kinds = {name: _kind(table, name) for name in (*table.entity_keys, *table.features)}
    has_clock = table.timestamp_key is not None
    before = _read_published(online, table.name)
    if before is not None and before.version == table.version and not has_clock:
        return 0
    newest = _newest_known(table, rows, now)
    documents = dict(_documents(table, newest, kinds))
    namespace = _namespace(table.name)
    changed = _changed(online, namespace, documents)
    gone = [key for key, _ in online.items(namespace) if key not in documents] if overwrite else []
    writes: list[tuple[str, bytes | None]] = [*changed.items(), *((key, None) for key in gone)]
    for start in range(0, len(writes), DOCUMENTS_A_WRITE):
        online.write({namespace: dict(writes[start : start + DOCUMENTS_A_WRITE])})
    ttl = None if table.ttl is None else table.ttl.total_seconds()
    mark = {
        "version": table.version,
        "keys": {name: kinds[name] for name in table.entity_keys},
        "features": {name: kinds[name] for name in table.features},
        "ttl_seconds": ttl,
    }
    online.write({PUBLISHED: {table.name: orjson.dumps(mark)}})
    return len(changed)


def read_published(
    online: OnlineStore, name: str, keys: Sequence[Mapping[str, Any]], features: Sequence[str] | None, now: datetime
) -> list[OnlineFeatureValues]:
    """Values of the entities, in the order of the keys. Raises NotFound for a table that was not published."""
    published = _read_published(online, name)
    if published is None:
        raise NotFound(f"table {name} is not published; publish it with publish_table")
    chosen = list(published.features) if features is None else list(features)
    unknown = [feature for feature in chosen if feature not in published.features]
    if unknown:
        raise InvalidInput(
            f"table {name} has no published feature {', '.join(unknown)}; it has {', '.join(published.features)}"
        )
    names = [_document_key(name, published.keys, key) for key in keys]
    return [_answer(found, published, chosen, now) for found in online.get(_namespace(name), names)]


def unpublish(online: OnlineStore, name: str) -> None:
    """Take the table's values away; the mark first, so that no half a table is read."""
    online.write({PUBLISHED: {name: None}})
    online.write({_namespace(name): {key: None for key, _ in online.items(_namespace(name))}})


def _newest_known(table: FeatureTable, rows: pa.Table, now: datetime) -> pa.Table:
    if table.timestamp_key is None:
        return rows
    clocks = [table.timestamp_key, *([table.known_time_key] if table.known_time_key else [])]
    limit = pa.scalar(now, pa.timestamp("us", tz="UTC"))
    for clock in clocks:
        rows = rows.filter(pc.less_equal(rows.column(clock), limit))
    rows = rows.sort_by([(clock, "ascending") for clock in clocks])
    rows = rows.append_column("__row", pa.array(range(rows.num_rows), pa.int64()))
    last = rows.group_by(list(table.entity_keys)).aggregate([("__row", "max")])
    return rows.take(last.column("__row_max")).drop_columns(["__row"])


def _documents(table: FeatureTable, rows: pa.Table, kinds: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    keys = {name: kinds[name] for name in table.entity_keys}
    for row in rows.to_pylist():
        document = {"values": [_encode(kinds[name], row[name]) for name in table.features]}
        if table.timestamp_key is not None:
            document["at"] = _encode("time", row[table.timestamp_key])
        yield _document_key(table.name, keys, row), orjson.dumps(document)


def _changed(online: OnlineStore, namespace: str, documents: Mapping[str, bytes]) -> dict[str, bytes]:
    kept = online.get(namespace, list(documents))
    return {key: document for (key, document), old in zip(documents.items(), kept, strict=True) if document != old}


def _answer(
    document: bytes | None, published: _Published, features: Sequence[str], now: datetime
) -> OnlineFeatureValues:
    if document is None:
        return OnlineFeatureValues("not_found")
    found = orjson.loads(document)
    at = _decode("time", found["at"]) if "at" in found else None
    if at is not None and published.ttl_seconds is not None and (now - at).total_seconds() > published.ttl_seconds:
        return OnlineFeatureValues("expired", event_time=at)
    values = dict(zip(published.features, found["values"], strict=True))
    return OnlineFeatureValues(
        "present", {name: _decode(published.features[name], values[name]) for name in features}, at
    )


def _read_published(online: OnlineStore, name: str) -> _Published | None:
    (document,) = online.get(PUBLISHED, [name])
    return None if document is None else _Published(**orjson.loads(document))


def _document_key(table: str, kinds: Mapping[str, str], given: Mapping[str, Any]) -> str:
    lacking = [name for name in kinds if given.get(name) is None]
    if lacking:
        raise InvalidInput(f"key {dict(given)} of table {table} lacks {', '.join(lacking)}; keys: {', '.join(kinds)}")
    return orjson.dumps([_encode(kind, given[name]) for name, kind in kinds.items()]).decode()


def _namespace(name: str) -> str:
    return f"feature_table/{name}"


def _kind(table: FeatureTable, column: str) -> str:
    kind, prefix = table.columns.field(column).type, ""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind, prefix = kind.value_type, "list:"
    families = (
        ("float", pa.types.is_floating(kind)),
        ("plain", pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)),
        ("time", pa.types.is_timestamp(kind) and kind.tz is not None),
        ("date", pa.types.is_date(kind)),
    )
    for family, is_of_it in families:
        if is_of_it:
            return f"{prefix}{family}"
    raise InvalidInput(
        f"column {column} of table {table.name} is {table.columns.field(column).type}, which cannot be published; "
        "publish numbers, texts, booleans, times and lists of them"
    )


def _encode(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind.startswith("list:"):
        return [_encode(kind.removeprefix("list:"), one) for one in value]
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
