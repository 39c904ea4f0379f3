"""What must be true of every row of a table, and the refusal that names the row of which it is not.

Delta tables hold their constraints themselves, whoever writes. Here they are held where there is no engine: for tables
in memory, and to say which of several constraints a refused row breaks. SQLite reads them, so a constraint is what
SQLite, delta-rs and Spark read alike: comparisons, IN, BETWEEN, IS NULL, AND, OR, NOT and length() over columns of
texts, numbers, booleans and times, named without quotes. Times are compared with each other, not with texts.
"""

import math
import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, date, datetime

import pyarrow as pa

from quikapp_ml.errors import Conflict, InvalidInput
from quikapp_ml.stores.lake.base import Table

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_GIVEN = re.compile(r"(\w+) IS NOT NULL")
_SHOWN_LENGTH = 200


def given(*columns: str) -> dict[str, str]:
    """The constraints that these columns have a value in every row."""
    return {f"{column}_is_given": f"{column} IS NOT NULL" for column in columns}


def check_constraints(table: Table) -> None:
    """Refuse constraints that cannot be read, or are of columns that are not there. Raises InvalidInput."""
    for name, sql in table.constraints.items():
        if not _NAME.fullmatch(name):
            raise InvalidInput(f"table {table.name}: the name {name!r} of a constraint must be of a-z, 0-9 and _")
        if '"' in sql or "`" in sql:
            raise InvalidInput(f"table {table.name}: constraint {name} ({sql}) must name columns without quotes")
        if not _mentioned(table.columns, sql):
            raise InvalidInput(
                f"table {table.name}: constraint {name} ({sql}) names no column; the columns are "
                f"{', '.join(table.columns.names)}"
            )
        try:
            broken_rows(table.columns.empty_table(), sql)
        except sqlite3.Error as error:
            raise InvalidInput(
                f"table {table.name}: constraint {name} ({sql}) cannot be read ({error}); allowed are comparisons, IN, "
                f"BETWEEN, IS NULL, AND, OR, NOT and length() over {', '.join(table.columns.names)}"
            ) from None


def hold(rows: pa.Table, table: Table) -> None:
    """Raise InvalidInput when rows that are to be written break a constraint."""
    told = first_broken(rows, table, table.constraints)
    if told:
        raise InvalidInput(f"{told}; nothing was written")


def hold_existing(rows: pa.Table, table: Table, constraints: Mapping[str, str]) -> None:
    """Raise Conflict when rows that are there already break one of the constraints."""
    told = first_broken(rows, table, constraints)
    if told:
        raise Conflict(f"{told}, written before it was declared; correct them, or declare what is true of them")


def first_broken(rows: pa.Table, table: Table, constraints: Mapping[str, str]) -> str:
    """Which constraint is broken by how many rows, with the first of them; empty when all hold."""
    for name, sql in constraints.items():
        broken = broken_rows(rows, sql)
        if broken:
            shown = [*(key for key in table.key if key in rows.column_names), *_mentioned(rows.schema, sql)]
            example = rows.select(list(dict.fromkeys(shown))).slice(broken[0], 1).to_pylist()[0]
            values = ", ".join(f"{column}={str(value)!r}" for column, value in example.items())
            return (
                f"table {table.name}: constraint {name} ({sql}) is broken by {len(broken)} rows, "
                f"such as {values[:_SHOWN_LENGTH]}"
            )
    return ""


def broken_rows(rows: pa.Table, sql: str) -> list[int]:
    """Places of the rows of which the SQL is not true."""
    given = _GIVEN.fullmatch(sql)
    if given and given[1] in rows.column_names:  # most are: no need to carry every value over
        column = rows.column(given[1])
        return [place for place, value in enumerate(column.is_null().to_pylist()) if value] if column.null_count else []
    names = _mentioned(rows.schema, sql)
    columns = [map(_plain, rows.column(name).to_pylist()) for name in names]
    quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(f"CREATE TABLE given ({quoted})")
        marks = ", ".join("?" * len(names))
        database.executemany(f"INSERT INTO given VALUES ({marks})", zip(*columns, strict=True))  # noqa: S608 marks
        # The SQL is a declaration of ours; there is no other table here that it could reach.
        found = database.execute(f"SELECT rowid - 1 FROM given WHERE ({sql}) IS NOT TRUE ORDER BY rowid")  # noqa: S608
        return [place for (place,) in found]


def _mentioned(columns: pa.Schema, sql: str) -> list[str]:
    return [name for name in columns.names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", sql, re.IGNORECASE)]


def _plain(value: object) -> object:
    """What SQLite compares as the engines do: they order not-a-number above all numbers, it has none."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, float) and math.isnan(value):
        return math.inf
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, (list, dict)) else value
