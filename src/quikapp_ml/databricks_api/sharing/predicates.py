"""Hints of a reader about the rows it wants: files that hold none of them are left out. Best effort, never wrong.

A predicate is evaluated over a file, not a row: the result is the set of values (true, false, unknown) that it may have
for rows of the file, by Kleene's logic. A file stays when `true` is among them.

References: https://github.com/delta-io/delta-sharing/blob/main/PROTOCOL.md#json-predicates-for-filtering
"""

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial, reduce
from itertools import product
from typing import Any

import orjson

from quikapp_ml.databricks_api.sharing.table_log import DataFile

Outcomes = frozenset[bool | None]
Tree = Mapping[str, Any]

ANY: Outcomes = frozenset((True, False, None))
MAX_DEPTH = 30
MAX_HINT_CHARACTERS = 100_000

_MILLISECOND = timedelta(milliseconds=1)
_SQL_OPS = {
    "=": "equal",
    "==": "equal",
    "<": "lessThan",
    "<=": "lessThanOrEqual",
    ">": "greaterThan",
    ">=": "greaterThanOrEqual",
}
_MIRRORED = {
    "equal": "equal",
    "lessThan": "greaterThan",
    "lessThanOrEqual": "greaterThanOrEqual",
    "greaterThan": "lessThan",
    "greaterThanOrEqual": "lessThanOrEqual",
}
_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "equal": operator.eq,
    "lessThan": operator.lt,
    "lessThanOrEqual": operator.le,
    "greaterThan": operator.gt,
    "greaterThanOrEqual": operator.ge,
}
_N_CHILDREN: dict[str, Callable[[int], bool]] = {
    "and": lambda n: n >= 2,
    "or": lambda n: n >= 2,
    "not": lambda n: n == 1,
    "isNull": lambda n: n == 1,
    **dict.fromkeys(_TESTS, lambda n: n == 2),
}
_VALUE_TYPES = {
    "byte": "long",
    "short": "long",
    "integer": "long",
    "long": "long",
    "string": "string",
    "date": "date",
    "timestamp": "timestamp",
    "boolean": "bool",
}
"""Column type → value type; columns of other types leave out no file."""

_NAME = r"`(?P<quoted{n}>[^`]+)`|(?P<name{n}>[A-Za-z_][A-Za-z0-9_]*)"
_LITERAL = r"'(?P<text{n}>(?:[^']|'')*)'|(?P<number{n}>-?\d+)"
_OPERAND = rf"\s*(?:{_LITERAL}|{_NAME})\s*"
_COMPARISON = re.compile(rf"{_OPERAND.format(n=1)}(?P<op><=|>=|==|=|<>|!=|<|>){_OPERAND.format(n=2)}")
_NULL_TEST = re.compile(rf"\s*(?:{_NAME.format(n=1)})\s+IS\s+(?P<not>NOT\s+)?NULL\s*", re.IGNORECASE)


def parse_json(hint: str, column_types: Mapping[str, str]) -> Tree | None:
    """The predicate of a JSON hint; None when it is not understood, and then nothing is left out.

    A column must be of the type that the hint says: bounds of texts are no bounds of the numbers written in them.
    """
    if len(hint) > MAX_HINT_CHARACTERS:
        return None
    try:
        tree = orjson.loads(hint)
        _check(tree, column_types, MAX_DEPTH)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return tree  # type: ignore[no-any-return]


def parse_sql(hint: str, column_types: Mapping[str, str]) -> Tree | None:
    """The predicate of an SQL hint: one comparison of a column with a constant, or a test for NULL. None: another."""
    if len(hint) > MAX_HINT_CHARACTERS:
        return None
    if null_test := _NULL_TEST.fullmatch(hint):
        column = _column(null_test, 1, column_types)
        if column is None:
            return None
        tree: Tree = {"op": "isNull", "children": [column]}
        return _negated(tree) if null_test["not"] else tree
    found = _COMPARISON.fullmatch(hint)
    if found is None:
        return None
    left, right = _column(found, 1, column_types), _column(found, 2, column_types)
    if (left is None) == (right is None):
        return None
    column, literal = (left, _literal(found, 2)) if left else (right, _literal(found, 1))
    if column is None or literal is None:
        return None
    op = _SQL_OPS.get(found["op"], "equal")
    children = [column, {"op": "literal", "value": literal, "valueType": column["valueType"]}]
    tree = {"op": op if left else _MIRRORED[op], "children": children}
    return _negated(tree) if found["op"] in ("<>", "!=") else tree


def chosen_files(files: Iterable[DataFile], predicates: Sequence[Tree], limit: int | None) -> list[DataFile]:
    """The files that may hold rows for which all predicates are true, and no more than surely hold `limit` of them."""
    chosen = []
    n_sure = 0
    for file in files:
        if limit is not None and n_sure >= limit:
            break
        outcomes = [_outcomes_or_any(predicate, file) for predicate in predicates]
        if all(True in each for each in outcomes):
            chosen.append(file)
            if all(each == {True} for each in outcomes):
                n_sure += file.stats.get("numRecords", 0)
    return chosen


def _outcomes_or_any(tree: Tree, file: DataFile) -> Outcomes:
    try:
        return outcomes_of(tree, file)
    except (ValueError, TypeError, KeyError, OverflowError):
        return ANY


def outcomes_of(tree: Tree, file: DataFile) -> Outcomes:
    """What the predicate may be for rows of the file. Raises ValueError when a value is not of its type."""
    op, children = tree["op"], tree["children"]
    if op in ("and", "or"):
        decide = _all_of if op == "and" else _any_of
        return reduce(partial(_combined, decide), (outcomes_of(child, file) for child in children))
    if op == "not":
        return frozenset(None if value is None else not value for value in outcomes_of(children[0], file))
    if op == "isNull":
        return _null_outcomes(children[0]["name"], file)
    return _comparison_outcomes(op, children, file)


def _combined(decide: Callable[[Sequence[bool | None]], bool | None], left: Outcomes, right: Outcomes) -> Outcomes:
    return frozenset(map(decide, product(left, right)))


def _all_of(values: Sequence[bool | None]) -> bool | None:
    return False if False in values else None if None in values else True


def _any_of(values: Sequence[bool | None]) -> bool | None:
    return True if True in values else None if None in values else False


def _null_outcomes(name: str, file: DataFile) -> Outcomes:
    if name in file.partition_values:
        return frozenset((file.partition_values[name] in (None, ""),))
    n_rows, n_nulls = file.stats.get("numRecords"), file.stats.get("nullCount", {}).get(name)
    if not isinstance(n_nulls, int) or n_rows is None:
        return frozenset((True, False))
    return frozenset((*((True,) if n_nulls else ()), *((False,) if n_nulls < n_rows else ())))


def _comparison_outcomes(op: str, children: Sequence[Tree], file: DataFile) -> Outcomes:
    column, literal = children
    if column["op"] == "literal":
        column, literal, op = literal, column, _MIRRORED[op]
    if column["op"] != "column" or literal["op"] != "literal":
        return ANY
    name, kind = column["name"], column["valueType"]
    wanted = _cast(literal["value"], kind)
    if name in file.partition_values:
        given = file.partition_values[name]
        return frozenset((None if given in (None, "") else _TESTS[op](_cast(given, kind), wanted),))
    nulls = frozenset(None if value else True for value in _null_outcomes(name, file))
    if nulls == {None}:
        return nulls
    bounded = _bounded_outcomes(
        op, wanted, _bound("minValues", name, kind, file), _bound("maxValues", name, kind, file)
    )
    return bounded | (nulls - {True})


def _bounded_outcomes(op: str, wanted: Any, low: Any, high: Any) -> frozenset[bool | None]:
    """What comparing values between two bounds with `wanted` may give; the bounds may be wider than the values."""
    if low is None or high is None:
        return frozenset((True, False))
    if op == "equal":
        return frozenset((True, False) if low <= wanted <= high else (False,))
    at_low, at_high = _TESTS[op](low, wanted), _TESTS[op](high, wanted)
    return frozenset((at_low, at_high))


def _bound(side: str, name: str, kind: str, file: DataFile) -> Any:
    value = file.stats.get(side, {}).get(name)
    if value is None or isinstance(value, float):  # NaN is beyond the bounds of floating-point columns
        return None
    found = _cast(value, kind)
    if kind == "timestamp" and side == "maxValues":
        found += _MILLISECOND  # some writers cut microseconds off
    return found


def _cast(value: Any, kind: str) -> Any:
    text = str(value)
    if kind == "string":
        return text
    if kind in ("int", "long"):
        return int(text)
    if kind == "bool":
        return {"true": True, "false": False}[text.lower()]
    if kind == "date":
        return date.fromisoformat(text)
    if kind == "timestamp":
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time
    raise ValueError(f"value type {kind!r} is not known")


def _check(tree: Any, column_types: Mapping[str, str], depth: int) -> None:
    """Raise an error unless the tree has the form that evaluation relies on."""
    op, children = tree["op"], tree["children"]
    if depth == 0 or not _N_CHILDREN[op](len(children)):
        raise ValueError(f"{op} with {len(children)} children")
    for child in children:
        if op in ("and", "or", "not"):
            _check(child, column_types, depth - 1)
        elif child["op"] == "column":
            _check_column(child, column_types)
        elif op == "isNull" or child["op"] != "literal" or not isinstance(child["value"], str):
            raise ValueError(f"{op} cannot be asked of {child}")


def _check_column(column: Any, column_types: Mapping[str, str]) -> None:
    found = _VALUE_TYPES[column_types[column["name"]]]
    given = "long" if column["valueType"] == "int" else column["valueType"]
    if found != given:
        raise ValueError(f"column {column['name']} is {found}, not {given}")


def _column(found: re.Match[str], n: int, column_types: Mapping[str, str]) -> dict[str, str] | None:
    given = (found[f"quoted{n}"] or found[f"name{n}"] or "").lower()
    name = next((name for name in column_types if name.lower() == given), "")
    kind = _VALUE_TYPES.get(column_types.get(name, ""))
    return {"op": "column", "name": name, "valueType": kind} if kind else None


def _literal(found: re.Match[str], n: int) -> str | None:
    text: str | None = found[f"text{n}"]
    return found[f"number{n}"] if text is None else text.replace("''", "'")


def _negated(tree: Tree) -> Tree:
    return {"op": "not", "children": [tree]}
