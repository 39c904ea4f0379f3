import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.corrections import benjamini_hochberg, holm


def test_known_answers() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_raised_never_lowered_and_holm_at_least_as_much(values: list[float]) -> None:
    raised, less = holm(values), benjamini_hochberg(values)
    assert (np.array(values) <= less + 1e-12).all()
    assert (less <= raised + 1e-12).all()
    assert (raised <= 1).all()


def test_no_p_values_are_refused() -> None:
    with pytest.raises(InvalidInput, match="from 0 to 1"):
        holm([0.5, 1.5])
