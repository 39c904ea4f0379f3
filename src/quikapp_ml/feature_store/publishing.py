"""Feature tables in the online store: the newest known values of each entity, read back with their state."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from quikapp_ml.errors import Conflict, InvalidInput
from quikapp_ml.feature_store.tables import FeatureTable
from quikapp_ml.stores.lake.tables import TIME
from quikapp_ml.stores.online.base import OnlineStore
from quikapp_ml.stores.online.published import (
    PUBLISHED,
    PUBLISHED_AT,
    OnlineFeatureValues,
    document_key,
    encode,
    namespace_of,
    read_published,
)

__all__ = ["OnlineFeatureValues", "publish", "publish_newest", "read_published", "unpublish"]

DOCUMENTS_A_WRITE = 10_000
MAX_PASSES = 20

NewestRows = Callable[[], tuple[FeatureTable, pa.Table]]


@dataclass(frozen=True)
class _Pass:
    """What one pass had to write."""

    n_entities: int
    n_writes: int


def publish(table: FeatureTable, rows: pa.Table, online: OnlineStore, now: datetime, overwrite: bool) -> int:
    """`publish_newest` of rows that do not change meanwhile."""
    return publish_newest(lambda: (table, rows), online, lambda: now, overwrite)


def publish_newest(newest: NewestRows, online: OnlineStore, clock: Callable[[], datetime], overwrite: bool) -> int:
    """Write the newest rows that had happened and were known by now, and return how many entities were written.

    Only what differs is written: publishing again what is published writes nothing, and a run that was cut off is made
    whole by the next. After its last write a run looks again at the newest rows and at all that is published, until
    there is nothing to write: of runs at once, none ends before what it wrote of older rows is put right. With
    `overwrite`, entities that the table no longer has go too. Raises Conflict when it never comes to rest.
    """
    n_entities = 0
    for _ in range(MAX_PASSES):
        table, rows = newest()
        now = clock()
        done = _one_pass(table, rows, online, now, overwrite)
        n_entities = max(n_entities, done.n_entities)
        if not done.n_writes:
            online.write({PUBLISHED_AT: {table.name: orjson.dumps(now.timestamp())}})
            return n_entities
    raise Conflict(
        f"table {table.name} was written anew during each of {MAX_PASSES} passes; publish it when its writers rest"
    )


def _one_pass(table: FeatureTable, rows: pa.Table, online: OnlineStore, now: datetime, overwrite: bool) -> _Pass:
    """Documents first and the mark last, so that a table that was never published whole cannot be read."""
    kinds = {name: _kind(table, name) for name in (*table.entity_keys, *table.features)}
    documents = dict(_documents(table, _newest_known(table, rows, now), kinds))
    namespace = namespace_of(table.name)
    changed = _changed(online, namespace, documents)
    gone = [key for key, _ in online.items(namespace) if key not in documents] if overwrite else []
    writes: list[tuple[str, bytes | None]] = [*changed.items(), *((key, None) for key in gone)]
    for start in range(0, len(writes), DOCUMENTS_A_WRITE):
        online.write({namespace: dict(writes[start : start + DOCUMENTS_A_WRITE])})
    marked = _changed(online, PUBLISHED, {table.name: _mark(table, kinds)})
    if marked:
        online.write({PUBLISHED: marked})
    return _Pass(len(changed), len(writes) + len(marked))


def _mark(table: FeatureTable, kinds: Mapping[str, str]) -> bytes:
    mark = {
        "version": table.version,
        "keys": {name: kinds[name] for name in table.entity_keys},
        "features": {name: kinds[name] for name in table.features},
        "ttl_seconds": None if table.ttl is None else table.ttl.total_seconds(),
        "description": table.description,
    }
    return orjson.dumps(mark)


def unpublish(online: OnlineStore, name: str) -> None:
    """Take the table's values away; the mark first, so that no half a table is read."""
    online.write({PUBLISHED: {name: None}, PUBLISHED_AT: {name: None}})
    online.write({namespace_of(name): {key: None for key, _ in online.items(namespace_of(name))}})


def _newest_known(table: FeatureTable, rows: pa.Table, now: datetime) -> pa.Table:
    if table.timestamp_key is None:
        return rows
    clocks = [table.timestamp_key, *([table.known_time_key] if table.known_time_key else [])]
    limit = pa.scalar(now, TIME)
    for clock in clocks:
        rows = rows.filter(pc.less_equal(rows.column(clock), limit))
    rows = rows.sort_by([(clock, "ascending") for clock in clocks])
    rows = rows.append_column("__row", pa.array(range(rows.num_rows), pa.int64()))
    last = rows.group_by(list(table.entity_keys)).aggregate([("__row", "max")])
    return rows.take(last.column("__row_max")).drop_columns(["__row"])


def _documents(table: FeatureTable, rows: pa.Table, kinds: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    keys = {name: kinds[name] for name in table.entity_keys}
    for row in rows.to_pylist():
        document = {"values": {name: encode(kinds[name], row[name]) for name in table.features}}
        if table.timestamp_key is not None:
            document["at"] = encode("time", row[table.timestamp_key])
        yield document_key(table.name, keys, row), orjson.dumps(document)


def _changed(online: OnlineStore, namespace: str, documents: Mapping[str, bytes]) -> dict[str, bytes]:
    kept = online.get(namespace, list(documents))
    return {key: document for (key, document), old in zip(documents.items(), kept, strict=True) if document != old}


def _kind(table: FeatureTable, column: str) -> str:
    kind, prefix = table.columns.field(column).type, ""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind, prefix = kind.value_type, "list:"
    families = (
        ("float", pa.types.is_floating(kind)),
        ("text", pa.types.is_string(kind)),
        ("integer", pa.types.is_integer(kind)),
        ("boolean", pa.types.is_boolean(kind)),
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
