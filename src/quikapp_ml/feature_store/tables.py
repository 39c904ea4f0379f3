"""What a feature table is: its keys, its two clocks, how long a value holds; all kept with the Delta table itself."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pyarrow as pa

from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.stores.lake.base import Lake, Table
from quikapp_ml.stores.lake.rows import check_keys, fit_given_rows
from quikapp_ml.stores.lake.tables import TIME

PROPERTY = "quikapp_ml.feature_table"
"""Property of a Delta table that makes it a feature table: JSON of what is not in its schema."""

_KEY_TYPES = (pa.types.is_string, pa.types.is_integer, pa.types.is_boolean, pa.types.is_date, pa.types.is_timestamp)


@dataclass(frozen=True)
class FeatureTable:
    """A feature table: `timestamp_keys` (none or one) tells when a value happened, `known_time_key` when known."""

    name: str
    primary_keys: tuple[str, ...]
    timestamp_keys: tuple[str, ...] = ()
    known_time_key: str | None = None
    ttl: timedelta | None = None
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    columns: pa.Schema = field(default_factory=lambda: pa.schema([]))
    version: int | None = None
    """Version of the Delta table; None of one that is not made yet."""

    @property
    def timestamp_key(self) -> str | None:
        """The column of the time at which a value happened."""
        return self.timestamp_keys[0] if self.timestamp_keys else None

    @property
    def entity_keys(self) -> tuple[str, ...]:
        """Primary keys without the timestamp key: what a look-up names."""
        return tuple(key for key in self.primary_keys if key not in self.timestamp_keys)

    @property
    def identity(self) -> tuple[str, ...]:
        """Columns that tell rows apart: a correction is a new row, since the old value is what was known before."""
        known = self.known_time_key
        return self.primary_keys if known is None or known in self.primary_keys else (*self.primary_keys, known)

    @property
    def features(self) -> tuple[str, ...]:
        """Columns that are neither key nor clock."""
        return tuple(name for name in self.columns.names if name not in self.identity)

    def declared(self) -> Table:
        """The table as the lake makes it."""
        kept = {
            "primary_keys": self.primary_keys,
            "timestamp_keys": self.timestamp_keys,
            "known_time_key": self.known_time_key,
            "ttl_seconds": None if self.ttl is None else self.ttl.total_seconds(),
            "description": self.description,
            "tags": dict(self.tags),
        }
        properties = {PROPERTY: json.dumps(kept, ensure_ascii=False)}
        return Table(self.name, self.columns, self.identity, self.description, properties=properties)


def read_feature_table(lake: Lake, name: str) -> FeatureTable:
    """The table as it is now. Raises NotFound without it, and when it is a table of another kind."""
    kept = lake.properties(name).get(PROPERTY)
    if kept is None:
        raise NotFound(f"table {name} is no feature table: nothing says its keys; make one with create_table")
    facts = json.loads(kept)
    return FeatureTable(
        name=name,
        primary_keys=tuple(facts["primary_keys"]),
        timestamp_keys=tuple(facts["timestamp_keys"]),
        known_time_key=facts["known_time_key"],
        ttl=None if facts["ttl_seconds"] is None else timedelta(seconds=facts["ttl_seconds"]),
        description=facts["description"],
        tags=facts["tags"],
        columns=lake.columns(name),
        version=lake.version(name),
    )


def read_newest(lake: Lake, name: str) -> tuple[FeatureTable, pa.Table]:
    """The table as it is now, and its rows at that version. Raises NotFound as `read_feature_table`."""
    table = read_feature_table(lake, name)
    return table, lake.read(name, version=table.version)


def check_declaration(table: FeatureTable) -> None:
    """Refuse a table that could not be looked up rightly. Raises InvalidInput."""
    names, given = table.columns.names, ", ".join(table.columns.names)
    if len({name.lower() for name in names}) < len(names):
        raise InvalidInput(f"table {table.name}: a column is given twice (case does not tell them apart): {given}")
    for key in table.primary_keys:
        if key not in names:
            raise InvalidInput(f"table {table.name}: primary key {key} is no column; its columns are {given}")
        kind = table.columns.field(key).type
        if not any(is_key_type(kind) for is_key_type in _KEY_TYPES):
            raise InvalidInput(
                f"table {table.name}: primary key {key} is {kind}; a key is text, a whole number or a time"
            )
    _check_clocks(table)
    if not table.features:
        raise InvalidInput(f"table {table.name} has no features: every column of {given} is a key or a clock")
    for name in table.features:
        if pa.types.is_null(table.columns.field(name).type):
            raise InvalidInput(f"table {table.name}: feature {name} has no type; cast the column")


def rows_for(table: FeatureTable, rows: pa.Table) -> pa.Table:
    """Rows in the table's types, with keys that are whole and there once. Raises InvalidInput."""
    for key in table.identity:
        declared = table.columns.field(key).type
        if key in rows.column_names and _is_wider(rows.schema.field(key).type, declared):
            raise InvalidInput(
                f"table {table.name}: key column {key} is {declared}, and {rows.schema.field(key).type} was given: "
                "a merge would widen the key; cast the column, or make a table of another name"
            )
    fitted = fit_given_rows(rows, table.columns, table.name)
    check_keys(fitted, table.identity, table.name)
    return fitted


def _check_clocks(table: FeatureTable) -> None:
    if len(table.timestamp_keys) > 1:
        raise InvalidInput(f"table {table.name}: timestamp_keys {list(table.timestamp_keys)} must name one column")
    if table.timestamp_key is None:
        if table.ttl is not None:
            raise InvalidInput(f"table {table.name}: a ttl needs timestamp_keys: without a time no value grows old")
        return
    if table.timestamp_key not in table.primary_keys or len(table.primary_keys) < 2:
        raise InvalidInput(
            f"table {table.name}: timestamp key {table.timestamp_key} must be one of the primary keys, beside others; "
            f"they are {', '.join(table.primary_keys)}"
        )
    known = table.known_time_key
    if known is not None and known not in table.columns.names:
        raise InvalidInput(
            f"table {table.name}: column {known} is lacking, which says when a value became known (its columns are "
            f"{', '.join(table.columns.names)}); add it, name another column as known_time_key, or say "
            "known_time_key=None if every value is known the moment it happens"
        )
    for clock in (table.timestamp_key, known):
        if clock is not None and table.columns.field(clock).type != TIME:
            raise InvalidInput(
                f"table {table.name}: column {clock} must be a timestamp; it is {table.columns.field(clock).type}"
            )
    if table.ttl is not None and table.ttl <= timedelta(0):
        raise InvalidInput(f"table {table.name}: ttl {table.ttl} must be longer than nothing")


def _is_wider(given: pa.DataType, declared: pa.DataType) -> bool:
    both_whole = pa.types.is_integer(given) and pa.types.is_integer(declared)
    return bool(both_whole and given.bit_width > declared.bit_width)
