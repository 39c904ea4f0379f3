"""What is declared of a table beside its columns, on Delta tables: their properties and CHECK constraints."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, QueryBuilder, TableFeatures
from deltalake.exceptions import DeltaError

from quikapp_ml.errors import InvalidInput
from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.constraints import hold, hold_existing
from quikapp_ml.stores.lake.declared import CONSTRAINT, from_properties, to_properties

_ROWS_ARE_REFUSED = "failed validation check"

_HELD_BY_WRITERS = {"delta.minWriterVersion": "3"}
"""Which writers hold CHECK constraints: said with the first of them, as delta-rs believes it of no table by itself."""

KEEP_LOG = {"delta.enableExpiredLogCleanup": "false"}
"""delta-rs would forget commits after 30 days by itself, also of versions that a model learnt from."""


def first_properties(table: Table) -> dict[str, str]:
    """The properties that a new table is made with."""
    declared = {name: value for name, value in to_properties(table).items() if value}
    held = _HELD_BY_WRITERS if table.constraints else {}
    return {**table.properties, **declared, **held, **KEEP_LOG}


def describe(existing: DeltaTable, table: Table) -> None:
    """Bring what is kept with the table in its properties up to date, in one commit, if anything has changed.

    A changed comment is another commit.
    """
    if (existing.metadata().description or "") != table.comment:
        existing.alter.set_table_description(table.comment)
    held, wanted = existing.metadata().configuration, {**to_properties(table), **KEEP_LOG}
    for name in held:
        if name.startswith(CONSTRAINT) and name not in wanted:
            existing.alter.drop_constraint(name.removeprefix(CONSTRAINT))
    changed = {name: value for name, value in wanted.items() if held.get(name, "") != value}
    constraints = {name.removeprefix(CONSTRAINT): sql for name, sql in changed.items() if name.startswith(CONSTRAINT)}
    if constraints:
        hold_existing(_breaking(existing, constraints.values()), table, constraints)
        changed |= _hold_by_writers(existing)
    if changed:
        # Rows that came since they were looked at may break the constraint: begin again after any commit.
        alone = CommitProperties(max_commit_retries=0)
        existing.alter.set_table_properties(changed, raise_if_not_exists=False, commit_properties=alone)


@contextmanager
def constraints_of(table: DeltaTable, name: str, rows: Callable[[], pa.Table]) -> Iterator[None]:
    """Say which constraint refused which of the rows: delta-rs shows rows, and says not why."""
    try:
        yield
    except DeltaError as error:
        if _ROWS_ARE_REFUSED not in str(error):
            raise
        declared = declaration(table, name)
        hold(rows(), declared)
        told = "; ".join(f"{constraint} ({sql})" for constraint, sql in declared.constraints.items())
        raise InvalidInput(f"table {name}: rows break one of its constraints: {told}; nothing was written") from None


def _breaking(table: DeltaTable, constraints: Iterable[str]) -> pa.Table:
    """The rows of which one of the constraints is not true."""
    broken = " OR ".join(f"({sql}) IS NOT TRUE" for sql in constraints)
    found = QueryBuilder().register("rows", table).execute(f"SELECT * FROM rows WHERE {broken}")  # noqa: S608 our own
    return pa.table(found).cast(columns_of(table))


def _hold_by_writers(table: DeltaTable) -> Mapping[str, str]:
    """What makes writers hold the constraints of a table that had none."""
    protocol = table.protocol()
    if protocol.min_writer_version < 3:
        return _HELD_BY_WRITERS
    if "checkConstraints" not in (protocol.writer_features or ["checkConstraints"]):
        table.alter.add_feature(TableFeatures.CheckConstraints, allow_protocol_versions_increase=True)
    return {}


def declaration(table: DeltaTable, name: str) -> Table:
    """The table as it was declared last."""
    described = table.metadata()
    plain = from_properties(name, columns_of(table), described.description or "", described.configuration)
    return replace(plain, partition_by=tuple(described.partition_columns))


def quoted(column: str) -> str:
    """The column as SQL names it."""
    return '"' + column.replace('"', '""') + '"'


def columns_of(table: DeltaTable) -> pa.Schema:
    """Its columns in Arrow's types."""
    return pa.schema(table.schema().to_arrow())
