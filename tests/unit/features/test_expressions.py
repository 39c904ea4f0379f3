import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.errors import InvalidInput
from quikapp_ml.features.expressions import Expression, Floats


def column(*values: float) -> Floats:
    return np.array(values, dtype=float)


def test_known_values() -> None:
    found = Expression("(a - 1) * b / (b + 0.5)").columns({"a": column(3, 1), "b": column(1.5, 2)})
    np.testing.assert_allclose(found, [1.5, 0])


def test_what_is_divided_by_zero_or_made_of_something_missing_is_missing() -> None:
    found = Expression("a / b").columns({"a": column(1, 0, np.nan, 4), "b": column(0, 0, 2, 2)})
    np.testing.assert_array_equal(found, [np.nan, np.nan, np.nan, 2])


def test_sql() -> None:
    expression = Expression("a / b + 2 * a")
    assert expression.names == ("a", "b")
    assert expression.sql({}) == "((a / NULLIF(b, CAST(0 AS DOUBLE))) + (CAST(2 AS DOUBLE) * a))"
    assert Expression("a - now").sql({"now": "5"}) == "(a - 5)"


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_columns_compute_as_python_does(a: float, b: float) -> None:
    (found,) = Expression("a * 2 - (b + a) * b").columns({"a": column(a), "b": column(b)})
    assert found == a * 2 - (b + a) * b


@pytest.mark.parametrize("text", ["a ** 2", "f(a)", "a.b", "a if b else c", "'text'", "True", "a[0]", "-a", "a; b", ""])
def test_all_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Expression(text)


def test_a_mistake_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"holds 'f\(a\)'; allowed are names, numbers, \+ - \* / and brackets"):
        Expression("1 + f(a)")
