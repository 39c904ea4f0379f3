import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.power import power_at, smallest_effect, units_needed


def test_textbook_size() -> None:
    # Half a deviation, 80 % power: 2 · (1.95996 + 0.84162)² / 0.25 = 62.79 a group.
    assert units_needed(0.5, 1.0) == 126
    # A rate of 10 % to 11 %: 8 · 7.8489 · 0.09 / 0.0001 ÷ 2 units, both groups together.
    assert units_needed(0.01, 0.3) == pytest.approx(4 * 7.84888 * 0.09 / 0.0001, abs=1)


def test_the_three_questions_agree() -> None:
    units = units_needed(0.1, 2.0, alpha=0.01, power=0.9, treatment_share=0.2)
    assert power_at(units, 0.1, 2.0, alpha=0.01, treatment_share=0.2) == pytest.approx(0.9, abs=1e-3)
    assert smallest_effect(units, 2.0, alpha=0.01, power=0.9, treatment_share=0.2) == pytest.approx(0.1, rel=1e-3)


def test_without_an_effect_power_is_alpha() -> None:
    assert power_at(100, 0.0, 1.0) == pytest.approx(0.05)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InvalidInput, match="smallest difference"):
        units_needed(0.0, 1.0)
    with pytest.raises(InvalidInput, match="deviation"):
        units_needed(0.1, 0.0)
    with pytest.raises(InvalidInput, match="at least 2"):
        smallest_effect(1, 1.0)
