"""Rows for tables with a change data feed. Sail writes to none of them: it makes rows, and delta-rs commits them."""

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from quikapp_ml.serving.sql.errors import SqlError
from quikapp_ml.stores.lake.delta_folders import append_delta, delta_facts, empty_rows

_ROWS = exp.to_identifier("rows", quoted=True)


def is_append(tree: exp.Expr) -> bool:
    """Whether a statement adds rows to a table and does nothing else."""
    return isinstance(tree, exp.Insert) and not tree.args.get("overwrite") and tree.expression is not None


def source_of(tree: exp.Expr) -> exp.Expr:
    """The query of a statement that adds rows, with what a WITH before INSERT names."""
    with_ = tree.args.get("with_")
    inner: exp.Expr = tree.expression.copy()
    if with_ is None:
        return inner
    query = exp.select("*").from_(exp.Subquery(this=inner, alias=exp.TableAlias(this=_ROWS)))
    query.set("with_", with_.copy())  # around the query, which may name things anew by a WITH of its own
    return query


def append_rows(uri: str, rows: pa.Table, columns: list[str]) -> None:
    """Add rows in one commit; `columns` names those that they have, by place, or is empty for all of the table.

    Raises SqlError for rows that the table does not take.
    """
    schema = empty_rows(delta_facts(uri).schema).schema
    names = columns or schema.names
    unknown = [name for name in names if name not in schema.names]
    if unknown:
        raise SqlError("UNRESOLVED_COLUMN", f"A column with name {unknown[0]!r} cannot be resolved.", "42703")
    if len(names) != rows.num_columns or len(set(names)) < len(names):
        message = f"the statement gives {rows.num_columns} columns for {', '.join(names)}."
        raise SqlError("INSERT_COLUMN_ARITY_MISMATCH", message, "21S01")
    append_delta(uri, _fitted(rows.rename_columns(names), schema))


def _fitted(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    try:
        columns = [
            pc.cast(rows[field.name], field.type) if field.name in rows.column_names
            else pa.nulls(rows.num_rows, field.type)
            for field in schema
        ]  # fmt: skip
    except pa.ArrowInvalid as error:
        raise SqlError("CAST_INVALID_INPUT", f"the rows do not fit the table: {error}.", "22018") from None
    return pa.table(columns, schema=schema)
