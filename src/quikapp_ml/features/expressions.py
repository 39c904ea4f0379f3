"""Arithmetic over features, read once and computed in two places: as Spark SQL, and over columns of numbers.

Names, numbers, `+ - * /` and brackets. What is divided by zero, or made of something missing, is missing: null in SQL,
NaN in columns.
"""

import ast
from collections.abc import Mapping
from typing import Any

import numpy as np

from quikapp_ml.errors import InvalidInput

Floats = np.ndarray[Any, np.dtype[np.float64]]

_SIGNS: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


class Expression:
    """One arithmetic expression, such as `messages / (days + 1)`."""

    def __init__(self, text: str) -> None:
        try:
            self._tree = ast.parse(text, mode="eval").body
        except SyntaxError as error:
            raise InvalidInput(f"{text!r} is no arithmetic expression: {error.msg}") from None
        self.text = text
        self.names = tuple(dict.fromkeys(node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name)))
        self._sql(self._tree, {})

    def sql(self, given: Mapping[str, str]) -> str:
        """The expression in SQL, over columns of the names; those that are `given` stand for something else."""
        return self._sql(self._tree, given)

    def columns(self, values: Mapping[str, Floats]) -> Floats:
        """(n,): the expression over columns of n values each."""
        return self._columns(self._tree, values)

    def _sql(self, node: ast.expr, given: Mapping[str, str]) -> str:
        match node:
            case ast.Name():
                return given.get(node.id, node.id)
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return f"CAST({number!r} AS DOUBLE)"
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return f"({self._sql(left, given)} / NULLIF({self._sql(right, given)}, CAST(0 AS DOUBLE)))"
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() as sign, right=right):
                return f"({self._sql(left, given)} {_SIGNS[type(sign)]} {self._sql(right, given)})"
            case _:
                raise InvalidInput(
                    f"{self.text!r} holds {ast.unparse(node)!r}; allowed are names, numbers, + - * / and brackets"
                )

    def _columns(self, node: ast.expr, values: Mapping[str, Floats]) -> Floats:
        match node:
            case ast.Name():
                return values[node.id]
            case ast.BinOp():
                return _applied(node.op, self._columns(node.left, values), self._columns(node.right, values))
            case _:  # a number: `_sql` has refused all else
                return np.full(1, float(ast.literal_eval(node)))


def _applied(sign: ast.operator, left: Floats, right: Floats) -> Floats:
    match sign:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case _:
            nothing = np.full(np.broadcast_shapes(left.shape, right.shape), np.nan)
            divided: Floats = np.divide(left, right, out=nothing, where=right != 0)
            return divided
