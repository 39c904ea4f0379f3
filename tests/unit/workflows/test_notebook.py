import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.workflows.notebook import Dbutils


def test_parameters_are_found_where_databricks_has_them() -> None:
    dbutils = Dbutils({"model": "spam-classifier", "empty": ""})
    assert dbutils.widgets.get("model") == "spam-classifier"
    assert dbutils.widgets.get("empty") == ""
    assert dbutils.widgets.getAll() == {"model": "spam-classifier", "empty": ""}


def test_a_parameter_that_was_not_given_is_refused_with_those_given() -> None:
    with pytest.raises(InvalidInput, match="no parameter 'modell'; given were model"):
        Dbutils({"model": ""}).widgets.get("modell")


def test_changing_what_get_all_gives_changes_nothing() -> None:
    dbutils = Dbutils({"a": "1"})
    dbutils.widgets.getAll()["a"] = "2"
    assert dbutils.widgets.get("a") == "1"
