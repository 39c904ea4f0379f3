from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.monitoring.drift import STATISTICS, drift, drift_column
from quikapp_ml.monitoring.profiles import WHOLE_TABLE, profile


def column(values: Any, kind: pa.DataType) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


def test_numbers_that_moved_are_found_and_those_that_did_not_are_not() -> None:
    draw = np.random.default_rng(1)
    before, same, moved = (draw.normal(mean, 1, 2_000) for mean in (0.0, 0.0, 0.5))
    still = drift_column(column(same, pa.float64()), column(before, pa.float64()))
    gone = drift_column(column(moved, pa.float64()), column(before, pa.float64()))
    assert still["ks_test"]["pvalue"] > 0.05 and still["population_stability_index"] < 0.05
    assert gone["ks_test"]["pvalue"] < 1e-10 and gone["population_stability_index"] > 0.1
    assert gone["wasserstein_distance"] == pytest.approx(0.5, abs=0.1)
    assert "chi_squared_test" not in gone


def test_categories_are_compared_by_known_answers() -> None:
    found = drift_column(column(["a"] * 3 + ["b"], pa.string()), column(["a"] + ["b"] * 3, pa.string()))
    assert found["tv_distance"] == 0.5 and found["l_infinity_distance"] == 0.5
    assert found["chi_squared_test"]["statistic"] == pytest.approx(2.0)
    assert found["chi_squared_test"]["pvalue"] == pytest.approx(0.1573, abs=1e-4)
    assert found["js_distance"] == pytest.approx(0.43442, abs=1e-4)
    assert found["population_stability_index"] == pytest.approx(0.5 * np.log(9))
    assert "ks_test" not in found


@given(st.lists(st.sampled_from(["a", "b", "ü"]), min_size=1, max_size=30))
def test_nothing_has_drifted_from_itself(values: list[str]) -> None:
    found = drift_column(column(values, pa.string()), column(values, pa.string()))
    assert found["tv_distance"] == found["js_distance"] == found["population_stability_index"] == 0
    assert found["chi_squared_test"]["pvalue"] == pytest.approx(1)


@given(st.data())
def test_any_two_samples_have_finite_distances_of_known_names(data: st.DataObject) -> None:
    kind, of = data.draw(st.sampled_from([
        (pa.int64(), st.integers(-3, 3)), (pa.string(), st.sampled_from("abc")), (pa.bool_(), st.booleans()),
    ]))  # fmt: skip
    now, before = (data.draw(st.lists(st.one_of(st.none(), of), max_size=12)) for _ in range(2))
    found = drift_column(column(now, kind), column(before, kind))
    assert set(found) <= set(STATISTICS)
    numbers = [value for value in found.values() if isinstance(value, float)]
    assert all(np.isfinite(numbers)) and all(number >= -1e-12 for number in numbers)


def test_a_table_is_compared_by_the_columns_that_both_have() -> None:
    before = pa.table({"n": [1, 2], "old": ["x", "y"], "kind": [1, 2]})
    now = pa.table({"n": [0, 2, None], "new": ["x", "y", "z"], "kind": ["1", "2", "3"]})
    found = drift(now, profile(now), before, profile(before))
    assert set(found) == {WHOLE_TABLE, "n"}
    assert found[WHOLE_TABLE] == {
        "count_delta": 1.0, "non_null_columns_delta": {"added": ["new"], "missing": ["old"]},
    }  # fmt: skip
    assert (found["n"]["avg_delta"], found["n"]["count_delta"]) == (-0.5, 1.0)
    assert found["n"]["percent_null_delta"] == pytest.approx(100 / 3)
