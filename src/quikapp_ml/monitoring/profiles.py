"""The profile of one part of a table: a row for the whole (`:table`) and one for each column.

Columns are those of Databricks' profile metrics table. Not computed: fairness, custom metrics, log loss and ROC AUC.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.metrics import mean_absolute_percentage_error, precision_recall_fscore_support, r2_score

from quikapp_ml.monitoring.columns import category_counts, is_categorical, is_numeric, numbers, sql_type
from quikapp_ml.monitoring.definition import Inference, Problem

WHOLE_TABLE = ":table"
N_FREQUENT = 10
N_QUANTILES = 101

_TEXT, _COUNT, _NUMBER = pa.string(), pa.int64(), pa.float64()
_BY_CLASS = pa.struct([
    pa.field("one_vs_all", pa.map_(_TEXT, _NUMBER)), pa.field("macro", _NUMBER), pa.field("weighted", _NUMBER),
])  # fmt: skip
_FREQUENT = pa.list_(pa.struct([pa.field("item", _TEXT), pa.field("count", _COUNT)]))
_CONFUSION = pa.list_(pa.struct([pa.field("prediction", _TEXT), pa.field("label", _TEXT), pa.field("count", _COUNT)]))

STATISTICS: Mapping[str, pa.DataType] = {
    "data_type": _TEXT,
    "count": _COUNT,
    "num_nulls": _COUNT,
    "avg": _NUMBER,
    "quantiles": pa.list_(_NUMBER),
    "min": _NUMBER,
    "max": _NUMBER,
    "stddev": _NUMBER,
    "num_zeros": _COUNT,
    "num_nan": _COUNT,
    "min_length": _NUMBER,
    "max_length": _NUMBER,
    "avg_length": _NUMBER,
    "non_null_columns": pa.list_(_TEXT),
    "frequent_items": _FREQUENT,
    "median": _NUMBER,
    "distinct_count": _COUNT,
    "percent_null": _NUMBER,
    "percent_zeros": _NUMBER,
    "percent_nan": _NUMBER,
    "percent_distinct": _NUMBER,
    "accuracy_score": _NUMBER,
    "confusion_matrix": _CONFUSION,
    "precision": _BY_CLASS,
    "recall": _BY_CLASS,
    "f1_score": _BY_CLASS,
    "mean_squared_error": _NUMBER,
    "root_mean_squared_error": _NUMBER,
    "mean_average_error": _NUMBER,
    "mean_absolute_percentage_error": _NUMBER,
    "r2_score": _NUMBER,
}
"""Statistics of a profile row and their types."""


def profile(rows: pa.Table, inference: Inference | None = None) -> dict[str, dict[str, Any]]:
    """Column → its statistics; what does not apply is left out. `:table` stands for the whole."""
    found = {name: profile_column(rows[name]) for name in rows.column_names}
    whole: dict[str, Any] = {
        "count": rows.num_rows,
        "non_null_columns": [name for name in rows.column_names if rows[name].null_count < rows.num_rows],
    }
    if inference and inference.label_col:
        whole |= judge(rows[inference.prediction_col], rows[inference.label_col], inference.problem)
    return {WHOLE_TABLE: whole, **found}


def profile_column(column: pa.ChunkedArray) -> dict[str, Any]:
    """The statistics of one column."""
    n, n_null = len(column), column.null_count
    base: dict[str, Any] = {
        "data_type": sql_type(column.type),
        "count": n,
        "num_nulls": n_null,
        "percent_null": _percent(n_null, n),
    }
    if is_numeric(column.type):
        return {**base, **_distinct(column), **_of_numbers(column)}
    if is_categorical(column.type):
        return {**base, **_distinct(column), **_of_categories(column)}
    return base


def judge(predictions: pa.ChunkedArray, labels: pa.ChunkedArray, problem: Problem) -> dict[str, Any]:
    """How good predictions were, of those whose label is known; nothing when none is."""
    known = pc.and_(pc.is_valid(predictions), pc.is_valid(labels))
    predicted, true = predictions.filter(known), labels.filter(known)
    if not len(true):
        return {}
    if problem is Problem.REGRESSION:
        return _regression(_floats(true), _floats(predicted))
    return _classification(pc.cast(true, _TEXT).to_pylist(), pc.cast(predicted, _TEXT).to_pylist())


def _of_numbers(column: pa.ChunkedArray) -> dict[str, Any]:
    values = numbers(column)
    n_nan = len(column) - column.null_count - len(values)  # infinite ones among them
    n_zero = int((values == 0).sum())
    counted = {
        "num_zeros": n_zero, "num_nan": n_nan,
        "percent_zeros": _percent(n_zero, len(column)), "percent_nan": _percent(n_nan, len(column)),
    }  # fmt: skip
    if not len(values):
        return counted
    with np.errstate(over="ignore", invalid="ignore"):  # sums of numbers near the end of the range are infinite
        quantiles = np.quantile(values, np.linspace(0, 1, N_QUANTILES))
        return {
            **counted,
            "avg": float(values.mean()),
            "quantiles": quantiles.tolist(),
            "median": float(quantiles[N_QUANTILES // 2]),
            "min": float(values.min()),
            "max": float(values.max()),
            "stddev": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        }


def _of_categories(column: pa.ChunkedArray) -> dict[str, Any]:
    counts = category_counts(column)
    frequent = [{"item": item, "count": count} for item, count in list(counts.items())[:N_FREQUENT]]
    if pa.types.is_boolean(column.type) or not counts:
        return {"frequent_items": frequent}
    lengths = pc.utf8_length(column.drop_null())
    return {
        "frequent_items": frequent,
        "min_length": float(pc.min(lengths).as_py()),
        "max_length": float(pc.max(lengths).as_py()),
        "avg_length": float(pc.mean(lengths).as_py()),
    }


def _distinct(column: pa.ChunkedArray) -> dict[str, Any]:
    n_distinct = pc.count_distinct(column, mode="only_valid").as_py()
    return {"distinct_count": n_distinct, "percent_distinct": _percent(n_distinct, len(column) - column.null_count)}


def _regression(true: Any, predicted: Any) -> dict[str, Any]:
    errors = predicted - true
    found = {
        "mean_squared_error": float((errors**2).mean()),
        "root_mean_squared_error": float(np.sqrt((errors**2).mean())),
        "mean_average_error": float(np.abs(errors).mean()),
    }
    if (true != 0).all():
        found["mean_absolute_percentage_error"] = float(mean_absolute_percentage_error(true, predicted))
    if len(true) > 1 and true.std() > 0:
        found["r2_score"] = float(r2_score(true, predicted))
    return found


def _classification(true: list[str], predicted: list[str]) -> dict[str, Any]:
    classes = sorted({*true, *predicted})
    counts = sorted(Counter(zip(predicted, true, strict=True)).items())
    cells = [{"prediction": guess, "label": label, "count": count} for (guess, label), count in counts]
    n_right = sum(count for (guess, label), count in counts if guess == label)
    each, macro, weighted = (
        precision_recall_fscore_support(true, predicted, labels=classes, average=average, zero_division=0.0)
        for average in (None, "macro", "weighted")
    )
    by_class = {
        name: {
            "one_vs_all": list(zip(classes, map(float, each[k]), strict=True)),
            "macro": float(macro[k]),
            "weighted": float(weighted[k]),
        }
        for k, name in enumerate(("precision", "recall", "f1_score"))
    }
    return {"accuracy_score": n_right / len(true), "confusion_matrix": cells, **by_class}


def _floats(column: pa.ChunkedArray) -> Any:
    return pc.cast(column, _NUMBER).to_numpy()


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 0.0
