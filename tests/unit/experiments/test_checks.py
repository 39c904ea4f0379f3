import numpy as np
import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.checks import inside, same_length, sample


def test_good_input_passes() -> None:
    assert inside("alpha", 0.05) == 0.05
    assert sample("values", [1, 2]).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("value", [0.0, 1.0, float("nan"), float("inf")])
def test_numbers_outside_are_refused(value: float) -> None:
    with pytest.raises(InvalidInput, match="alpha is") as caught:
        inside("alpha", value)
    assert caught.value.problems[0].path == "alpha"


@pytest.mark.parametrize("values", [[1.0], [[1.0, 2.0]], [1.0, float("nan")], []])
def test_no_sample_is_refused(values: list[float]) -> None:
    with pytest.raises(InvalidInput, match="values is"):
        sample("values", values)


def test_rows_that_do_not_match_are_refused() -> None:
    with pytest.raises(InvalidInput, match="one value a row"):
        same_length(a=np.zeros(2), b=np.zeros(3))
