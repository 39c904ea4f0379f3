import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.assignment import Holdout, Slice, Split, Variant, Why, position, refuse_overlaps

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "assignment.json").read_text(encoding="utf-8")
)
HALVES = (Variant("control", 0.5), Variant("treatment", 0.5))
UNITS = [str(number) for number in range(20_000)]


def test_golden_vectors() -> None:
    for vector in VECTORS:
        variants = [Variant(str(place), weight) for place, weight in enumerate(vector["weights"])]
        assert position(vector["salt"], vector["unit"]) * 2**53 == int(vector["numerator"])
        assert Split(vector["salt"], variants).assign(vector["unit"]).variant == str(vector["variant"])


def test_positions_of_counted_units_are_uniform_and_salts_independent() -> None:
    first = [position("one", unit) for unit in UNITS]
    second = [position("two", unit) for unit in UNITS]
    assert stats.kstest(first, "uniform").pvalue > 0.001
    assert abs(stats.pearsonr(first, second).statistic) < 0.025


@given(st.floats(0, 1), st.floats(0, 1), st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_a_bigger_share_takes_units_in_and_lets_none_go(one: float, other: float, unit: str) -> None:
    low, high = sorted((one, other))
    small = Split("s", (Variant("control", 1 - low), Variant("treatment", low))).assign(unit)
    big = Split("s", (Variant("control", 1 - high), Variant("treatment", high))).assign(unit)
    assert not (small.variant == "treatment" and big.variant == "control")


def test_slices_of_one_layer_share_no_unit() -> None:
    one = Split("a", HALVES, Slice("ranking", 0.0, 0.4))
    other = Split("b", HALVES, Slice("ranking", 0.4, 1.0))
    inside = [(one.assign(unit).counts, other.assign(unit).counts) for unit in UNITS]
    assert all(first != second for first, second in inside)
    assert stats.binomtest(sum(first for first, _ in inside), len(UNITS), 0.4).pvalue > 0.001


def test_the_holdout_comes_before_the_layer_and_testers_before_both() -> None:
    split = Split("a", HALVES, Slice("ranking"), Holdout("2026", 0.1), {"tester": "treatment"})
    held = [unit for unit in UNITS if split.assign(unit).why is Why.HOLDOUT]
    assert all(position("2026", unit) < 0.1 for unit in held)
    assert stats.binomtest(len(held), len(UNITS), 0.1).pvalue > 0.001
    assert split.assign("tester").variant == "treatment"
    assert not split.assign("tester").counts


def test_propensity_is_the_weight() -> None:
    split = Split("s", (Variant("control", 0.9), Variant("treatment", 0.1)))
    assert {(found.variant, found.propensity) for found in map(split.assign, UNITS)} == {
        ("control", 0.9),
        ("treatment", 0.1),
    }


@pytest.mark.parametrize("weights", [(0.5, 0.4), (0.6, 0.6), (1.5, -0.5), (float("nan"), 1.0), (1.0,)])
def test_weights_that_are_no_division_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(InvalidInput, match="give"):
        Split("s", [Variant(str(place), weight) for place, weight in enumerate(weights)])


@pytest.mark.parametrize("unit", ["", "\ud800"])
def test_a_unit_without_an_id_is_refused(unit: str) -> None:
    with pytest.raises(InvalidInput, match="unit"):
        Split("s", HALVES).assign(unit)


def test_other_bad_input_is_refused() -> None:
    with pytest.raises(InvalidInput, match="without ':'"):
        Split("a:b", HALVES)
    with pytest.raises(InvalidInput, match="one of"):
        Split("a", HALVES, overrides={"tester": "other"})
    with pytest.raises(InvalidInput, match="start < end"):
        Slice("layer", 0.5, 0.5)
    with pytest.raises(InvalidInput, match="share"):
        Holdout("holdout", 1.0)


def test_two_experiments_on_the_same_positions_are_refused() -> None:
    refuse_overlaps({"a": Slice("x", 0.0, 0.5), "b": Slice("x", 0.5, 1.0), "c": Slice("y")})
    with pytest.raises(InvalidInput, match="stop a first"):
        refuse_overlaps({"a": Slice("x", 0.0, 0.6), "b": Slice("x", 0.5, 1.0)})
