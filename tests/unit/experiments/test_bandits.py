import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.bandits import Arm, propensities

COUNTS = st.floats(0, 5000)
ARMS = st.lists(st.builds(Arm, COUNTS, COUNTS), min_size=2, max_size=4)


def test_known_chances_to_be_best() -> None:
    assert propensities([Arm(), Arm(1, 0)], 1e-9) == pytest.approx([1 / 3, 2 / 3])
    assert propensities([Arm(5, 5)] * 3, 0.1) == pytest.approx([1 / 3] * 3)


def test_integrated_as_sampled() -> None:
    arms = [Arm(30, 70), Arm(35, 65), Arm(3, 4)]
    random = np.random.default_rng(8)
    draws = np.array([random.beta(1 + arm.successes, 1 + arm.failures, 200_000) for arm in arms])
    shares = np.bincount(draws.argmax(axis=0)) / 200_000
    assert propensities(arms, 1e-9) == pytest.approx(shares, abs=0.005)


@given(ARMS, st.floats(0.01, 0.5))
def test_every_arm_keeps_its_floor(arms: list[Arm], floor: float) -> None:
    found = propensities(arms, floor)
    assert found.sum() == pytest.approx(1)
    assert (found >= floor / len(arms) - 1e-12).all()


def test_bad_input_is_refused() -> None:
    with pytest.raises(InvalidInput, match="arms"):
        propensities([Arm()])
    with pytest.raises(InvalidInput, match="floor"):
        propensities([Arm(), Arm()], 0.0)
