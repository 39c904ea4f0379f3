"""The pages of tables and features tell of every table, column, view and feature, and of no other."""

import re
from pathlib import Path

import pyarrow as pa
import pytest

from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.stores.lake.base import Table
from quikapp_ml.training.declared_tables import DECLARED_TABLES

IS_GIVEN = " IS NOT NULL"
DOCS = Path(__file__).parents[2] / "docs"
TYPES = {
    "string": pa.types.is_string,
    "int": pa.types.is_int32,
    "long": pa.types.is_int64,
    "double": pa.types.is_float64,
    "boolean": pa.types.is_boolean,
    "date": pa.types.is_date,
    "timestamp": pa.types.is_timestamp,
    "struct": pa.types.is_struct,
    "array": pa.types.is_list,
    "map": pa.types.is_map,
}
"""Word of the page → test of the Arrow type."""


def sections() -> dict[str, str]:
    """Name of a table → what the page says of it."""
    _, *parts = re.split(r"^## `(.+)`$", (DOCS / "tables.md").read_text(), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_all_tables_are_told_of() -> None:
    assert set(sections()) == {table.name for table in DECLARED_TABLES}


@pytest.mark.parametrize("table", DECLARED_TABLES, ids=lambda table: table.name)
def test_columns_and_key_are_those_declared(table: Table) -> None:
    section = sections()[table.name]
    told = re.findall(r"^\| `(\w+)` \| (\w+) \|", section, flags=re.MULTILINE)
    assert [name for name, _ in told] == table.columns.names
    wrong = [(name, word) for name, word in told if not TYPES[word](table.columns.field(name).type)]
    assert not wrong
    (keys,) = re.findall(r"Key: (.+)\.$", section, flags=re.MULTILINE)
    assert re.findall(r"`(\w+)`", keys) == list(table.key)


def constraints_as_told(table: Table) -> str:
    """Columns that are always given, then the other constraints as they are."""
    always = [f"`{sql.removesuffix(IS_GIVEN)}`" for sql in table.constraints.values() if sql.endswith(IS_GIVEN)]
    others = [f"`{sql}`" for sql in table.constraints.values() if not sql.endswith(IS_GIVEN)]
    given = f"{', '.join(always)} given" if always else ""
    return "; ".join(filter(None, (given, *others)))


def test_owners_retention_and_constraints_are_those_declared() -> None:
    page = (DOCS / "tables.md").read_text().partition("## What is declared")[2].partition("\n## ")[0]
    told = re.findall(r"^\| `([\w.]+)` \| (.*?) \| (.*?) \| (.*?) \|$", page, flags=re.MULTILINE)
    assert told == [
        (
            table.name.removeprefix("quikapp_ml."),
            table.owner,
            f"{table.retention.days} days by `{table.retention_column}`" if table.retention else "for good",
            constraints_as_told(table),
        )
        for table in DECLARED_TABLES
    ]


def test_all_features_are_told_of() -> None:
    page = (DOCS / "features.md").read_text()
    _, _, after = page.partition("## Views")
    rows = re.findall(r"^\| (.*?) ?\| (.*?) ?\| `(\w+)` \|", after.partition("## Aggregates")[0], flags=re.MULTILINE)
    told: dict[str, tuple[list[str], list[str]]] = {}
    for view, key, feature in rows:
        if view:
            current = told[view.strip("`")] = (re.findall(r"`(\w+)`", key), [])
        current[1].append(feature)
    assert told == {view.name: (list(view.entity_key), list(view.features)) for view in FEATURE_VIEWS}
