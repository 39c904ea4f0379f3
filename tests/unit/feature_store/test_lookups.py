from datetime import timedelta

import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.feature_store.lookups import FeatureFunction, FeatureLookup, as_names


def test_one_name_is_as_good_as_a_list_of_one() -> None:
    lookup = FeatureLookup("t", "user_id", "n")
    assert (lookup.lookup_key, lookup.feature_names) == (("user_id",), ("n",))
    assert FeatureLookup("t", ["user_id"], ["n"]) == lookup
    assert FeatureLookup("t", "user_id").feature_names is None


@pytest.mark.parametrize("names", [[], ["a", "a"]])
def test_no_name_or_the_same_twice_is_refused(names: list[str]) -> None:
    with pytest.raises(InvalidInput, match="each once"):
        as_names(names)


def test_windows_that_mean_nothing_are_refused() -> None:
    with pytest.raises(InvalidInput, match="of table t is negative"):
        FeatureLookup("t", "user_id", timestamp_lookup_key="at", lookback_window=timedelta(days=-1))
    with pytest.raises(InvalidInput, match="needs a timestamp_lookup_key"):
        FeatureLookup("t", "user_id", lookback_window=timedelta(days=1))


@pytest.mark.parametrize("name", ["", "a b", "abs(1) --", "c.s.f"])
def test_a_function_is_a_name_and_nothing_else(name: str) -> None:
    with pytest.raises(InvalidInput, match="udf_name"):
        FeatureFunction(name, {"x": "n"}, "out")
