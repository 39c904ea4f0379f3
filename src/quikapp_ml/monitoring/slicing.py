"""Slicing expressions: conditions and columns in SQL, read by a parser, so that nothing else gets to an engine."""

from collections.abc import Sequence

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from quikapp_ml.errors import InvalidInput

_DIALECT = "databricks"
_MOST_CHARACTERS = 500
"""Deep ones would overflow the stack of the engine, which takes the process with it."""

_ALLOWED: tuple[type[exp.Expression], ...] = (
    exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.And, exp.Or, exp.Not,
    exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In, exp.Is, exp.Like, exp.NullSafeEQ,
    exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg,
    exp.Lower, exp.Upper, exp.Length, exp.Trim, exp.Coalesce, exp.Cast, exp.DataType, exp.DataTypeParam, exp.Var,
)  # fmt: skip
_WHAT_IS_ALLOWED = (
    "columns, values, comparisons, AND, OR, NOT, IN, BETWEEN, LIKE, arithmetic, CAST, lower, upper, length, trim and "
    "coalesce are allowed"
)


def slicing_sql(expression: str, columns: Sequence[str]) -> str:
    """The expression, checked and written anew. Raises InvalidInput for what is more than a condition over columns."""
    if len(expression) > _MOST_CHARACTERS:
        raise InvalidInput(f"a slicing expression has {_MOST_CHARACTERS} characters at most, given: {len(expression)}")
    try:
        tree = sqlglot.parse_one(expression, dialect=_DIALECT)
    except (SqlglotError, RecursionError) as error:
        raise InvalidInput(f"slicing expression {expression[:200]!r} cannot be read: {str(error)[:200]}") from None
    for node in tree.walk():
        if not isinstance(node, _ALLOWED):
            found = node.sql(dialect=_DIALECT)[:80]
            raise InvalidInput(f"slicing expression {expression[:200]!r} holds {found!r}: {_WHAT_IS_ALLOWED}")
    for column in tree.find_all(exp.Column):
        if column.table or column.name not in columns:
            raise InvalidInput(
                f"slicing expression {expression[:200]!r} names {column.sql()[:80]!r}, which is no column of the "
                f"table; its columns are {', '.join(columns)}"
            )
    return tree.sql(dialect=_DIALECT, comments=False)
