import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.monitoring.definition import Inference, Problem
from quikapp_ml.monitoring.profiles import N_QUANTILES, STATISTICS, WHOLE_TABLE, judge, profile, profile_column


def column(values: list[Any], kind: pa.DataType) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


def test_numbers_have_moments_and_quantiles_of_those_that_are_there() -> None:
    found = profile_column(column([0.0, 1.0, 2.0, 5.0, math.nan, None], pa.float64()))
    assert (found["count"], found["num_nulls"], found["num_nan"], found["num_zeros"]) == (6, 1, 1, 1)
    assert (found["avg"], found["min"], found["max"], found["median"]) == (2.0, 0.0, 5.0, 1.5)
    assert found["stddev"] == pytest.approx(np.std([0, 1, 2, 5], ddof=1))
    assert len(found["quantiles"]) == N_QUANTILES
    assert found["percent_null"] == pytest.approx(100 / 6)
    assert found["data_type"] == "double"


def test_texts_have_lengths_and_frequent_items() -> None:
    found = profile_column(column(["a", "bb", "bb", None, "日本"], pa.string()))
    assert found["frequent_items"] == [
        {"item": "bb", "count": 2}, {"item": "a", "count": 1}, {"item": "日本", "count": 1},
    ]  # fmt: skip
    assert (found["min_length"], found["max_length"], found["avg_length"]) == (1.0, 2.0, 1.75)
    assert (found["distinct_count"], found["percent_distinct"]) == (3, 75.0)


def test_of_truth_values_times_and_lists_there_is_what_makes_sense() -> None:
    assert profile_column(column([True, None, True], pa.bool_()))["frequent_items"] == [{"item": "true", "count": 2}]
    for kind, name in ((pa.timestamp("us", tz="UTC"), "timestamp"), (pa.list_(pa.float64()), "array<double>")):
        found = profile_column(column([None], kind))
        assert found == {"data_type": name, "count": 1, "num_nulls": 1, "percent_null": 100.0}


def test_the_whole_table_knows_which_columns_hold_something() -> None:
    found = profile(pa.table({"a": [1, 2], "b": pa.array([None, None], pa.string())}))
    assert found[WHOLE_TABLE] == {"count": 2, "non_null_columns": ["a"]}
    assert set(found) == {WHOLE_TABLE, "a", "b"}


@given(st.lists(st.one_of(st.none(), st.floats(allow_infinity=False)), max_size=30))
def test_whatever_the_numbers_are_they_are_counted_once(values: list[float | None]) -> None:
    found = profile_column(column(values, pa.float64()))
    real = [each for each in values if each is not None and not math.isnan(each)]
    assert found["count"] - found["num_nulls"] - found["num_nan"] == len(real)
    assert set(found) <= set(STATISTICS)
    if real:
        assert found["quantiles"] == sorted(found["quantiles"])


def test_an_empty_table_has_a_profile() -> None:
    found = profile(pa.table({"n": pa.array([], pa.int64()), "text": pa.array([], pa.string())}))
    assert found["n"]["count"] == 0 and "avg" not in found["n"]
    assert found["text"]["frequent_items"] == []


def test_classification_is_judged_by_the_labels_that_are_known() -> None:
    predicted = column(["spam", "ham", "ham", "spam", "ham"], pa.string())
    labels = column(["spam", "spam", "ham", "ham", None], pa.string())
    found = judge(predicted, labels, Problem.CLASSIFICATION)
    assert found["accuracy_score"] == 0.5
    assert {"prediction": "ham", "label": "spam", "count": 1} in found["confusion_matrix"]
    assert dict(found["precision"]["one_vs_all"]) == {"ham": 0.5, "spam": 0.5}
    assert found["f1_score"]["macro"] == 0.5


def test_regression_is_judged_by_its_errors() -> None:
    predicted, true = column([1.0, 2.0, 3.0], pa.float64()), column([2.0, 2.0, 4.0], pa.float64())
    found = judge(predicted, true, Problem.REGRESSION)
    assert found["mean_squared_error"] == pytest.approx(2 / 3)
    assert found["mean_average_error"] == pytest.approx(2 / 3)
    assert found["mean_absolute_percentage_error"] == pytest.approx(0.25)
    assert found["r2_score"] == pytest.approx(1 - 2 / (8 / 3))
    assert "mean_absolute_percentage_error" not in judge(predicted, column([0.0] * 3, pa.float64()), Problem.REGRESSION)


def test_without_a_known_label_nothing_is_judged() -> None:
    rows = pa.table({"guess": ["a"], "truth": pa.array([None], pa.string()), "model": ["1"]})
    inference = Inference(Problem.CLASSIFICATION, "guess", "model", "truth")
    assert "accuracy_score" not in profile(rows, inference)[WHOLE_TABLE]
