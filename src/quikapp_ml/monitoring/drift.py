"""How far one part of a table lies from another: by tests and distances of SciPy, a row for each column.

Columns are those of Databricks' drift metrics table. Of numbers: the two-sample Kolmogorov-Smirnov test, the
Wasserstein distance, the population stability index over the tenths of the reference. Of categories: the chi-squared
test of homogeneity, total variation, l-infinity and Jensen-Shannon (base 2) distances, the stability index as well.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, ks_2samp, wasserstein_distance

from quikapp_ml.monitoring.columns import Floats, category_counts, is_categorical, is_numeric, numbers, sql_type
from quikapp_ml.monitoring.profiles import WHOLE_TABLE

MAX_VALUES = 100_000
"""Tests look at so many numbers of each side at most, drawn by a fixed seed."""

_N_BINS = 10
_FLOOR = 1e-4
"""The least share of a bin: the population stability index has none for an empty one."""

_TEST = pa.struct([pa.field("statistic", pa.float64()), pa.field("pvalue", pa.float64())])
_NAMES = pa.list_(pa.string())

STATISTICS: Mapping[str, pa.DataType] = {
    "data_type": pa.string(),
    "count_delta": pa.float64(),
    "avg_delta": pa.float64(),
    "percent_null_delta": pa.float64(),
    "percent_zeros_delta": pa.float64(),
    "percent_distinct_delta": pa.float64(),
    "non_null_columns_delta": pa.struct([pa.field("added", _NAMES), pa.field("missing", _NAMES)]),
    "chi_squared_test": _TEST,
    "ks_test": _TEST,
    "tv_distance": pa.float64(),
    "l_infinity_distance": pa.float64(),
    "js_distance": pa.float64(),
    "wasserstein_distance": pa.float64(),
    "population_stability_index": pa.float64(),
}
"""Statistics of a drift row and their types."""

Profile = Mapping[str, Mapping[str, Any]]


def drift(now: pa.Table, profile: Profile, before: pa.Table, earlier: Profile) -> dict[str, dict[str, Any]]:
    """Column → how it differs from before, for the columns that both have; `:table` stands for the whole."""
    found: dict[str, dict[str, Any]] = {WHOLE_TABLE: _whole(profile[WHOLE_TABLE], earlier[WHOLE_TABLE])}
    for name in now.column_names:
        if name in before.column_names and now[name].type == before[name].type:
            found[name] = {**_deltas(profile[name], earlier[name]), **drift_column(now[name], before[name])}
    return found


def drift_column(now: pa.ChunkedArray, before: pa.ChunkedArray) -> dict[str, Any]:
    """Tests and distances between two samples of one column; none when one of them is empty."""
    told = {"data_type": sql_type(now.type)}
    if is_numeric(now.type):
        new, old = _sample(numbers(now)), _sample(numbers(before))
        return {**told, **(_numbers_apart(new, old) if len(new) and len(old) else {})}
    if is_categorical(now.type):
        counts, earlier = category_counts(now), category_counts(before)
        return {**told, **(_categories_apart(counts, earlier) if counts and earlier else {})}
    return told


def _whole(now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    columns, earlier = now["non_null_columns"], before["non_null_columns"]
    return {
        "count_delta": float(now["count"] - before["count"]),
        "non_null_columns_delta": {
            "added": [name for name in columns if name not in earlier],
            "missing": [name for name in earlier if name not in columns],
        },
    }


def _deltas(now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, float]:
    return {
        f"{name}_delta": float(now[name] - before[name])
        for name in ("count", "avg", "percent_null", "percent_zeros", "percent_distinct")
        if name in now and name in before
    }


def _numbers_apart(now: Floats, before: Floats) -> dict[str, Any]:
    edges = np.unique(np.quantile(before, np.linspace(0, 1, _N_BINS + 1)))[1:-1]
    bins = [np.bincount(np.searchsorted(edges, side, side="right"), minlength=len(edges) + 1) for side in (now, before)]
    return {
        **_tested(now, before),
        "wasserstein_distance": float(wasserstein_distance(now, before)),
        "population_stability_index": _stability(*bins),
    }


def _tested(now: Floats, before: Floats) -> dict[str, Any]:
    if min(len(now), len(before)) < 2:
        return {}  # a single number is no sample
    test = ks_2samp(now, before, method="asymp")
    return {"ks_test": {"statistic": float(test.statistic), "pvalue": float(test.pvalue)}}


def _categories_apart(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, Any]:
    names = sorted({*now, *before})
    counts = np.array([[side.get(name, 0) for name in names] for side in (now, before)])
    shares = counts / counts.sum(axis=1, keepdims=True)
    gaps = np.abs(shares[0] - shares[1])
    test = chi2_contingency(counts, correction=False) if len(names) > 1 else None
    return {
        "chi_squared_test": {"statistic": float(test.statistic), "pvalue": float(test.pvalue)}
        if test else {"statistic": 0.0, "pvalue": 1.0},
        "tv_distance": float(gaps.sum() / 2),
        "l_infinity_distance": float(gaps.max()),
        "js_distance": float(np.nan_to_num(jensenshannon(shares[0], shares[1], base=2))),
        "population_stability_index": _stability(counts[0], counts[1]),
    }  # fmt: skip


def _stability(now: Any, before: Any) -> float:
    new, old = (np.maximum(side / side.sum(), _FLOOR) for side in (now, before))
    return float(((new - old) * np.log(new / old)).sum())


def _sample(values: Floats) -> Floats:
    if len(values) <= MAX_VALUES:
        return values
    return np.random.default_rng(0).choice(values, MAX_VALUES, replace=False)
