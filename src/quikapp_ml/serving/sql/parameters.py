"""Parameters of a statement: values put into its tree, never into its text."""

from collections.abc import Mapping

from sqlglot import exp

from quikapp_ml.errors import InvalidInput
from quikapp_ml.serving.catalog.columns import read_type, type_text
from quikapp_ml.serving.sql.asked import Parameter
from quikapp_ml.serving.sql.errors import SqlError

_WHOLE = frozenset({"int", "bigint", "smallint", "tinyint"})


def bind(statement: exp.Expr, parameters: Mapping[str, Parameter]) -> None:
    """Put values where the statement has `:name`, or `?`, whose values have the names `?1`, `?2` in order.

    Raises SqlError when one is missing, or is not of its type.
    """
    n_unnamed = 0
    for place in list(statement.find_all(exp.Placeholder, bfs=False)):
        name = place.name
        if name in ("", "?"):
            n_unnamed += 1
            name = f"?{n_unnamed}"
        if name not in parameters:
            raise SqlError("UNBOUND_SQL_PARAMETER", f"Found the unbound parameter: {name[:80]}.", "42P02")
        place.replace(_literal(name, parameters[name]))


def _literal(name: str, parameter: Parameter) -> exp.Expr:
    try:
        kind = type_text(read_type(parameter.type))
    except InvalidInput as error:
        raise SqlError("INVALID_PARAMETER_VALUE", f"parameter {name[:80]}: {error}", "22023") from None
    if parameter.value is None:
        return exp.cast(exp.Null(), kind, dialect="databricks")
    if kind == "string":
        return exp.Literal.string(parameter.value)
    if kind in _WHOLE:
        return _whole(name, parameter.value, kind)
    return exp.cast(exp.Literal.string(parameter.value), kind, dialect="databricks")


def _whole(name: str, value: str, kind: str) -> exp.Expr:
    """A plain number, for it may stand after LIMIT."""
    digits = value.strip().removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 19:
        message = f"The value {value[:80]!r} of parameter {name[:80]} cannot be cast to {kind.upper()}."
        raise SqlError("CAST_INVALID_INPUT", message, "22018")
    number: exp.Expr = exp.Literal.number(digits)
    return exp.Neg(this=number) if value.strip().startswith("-") else number
