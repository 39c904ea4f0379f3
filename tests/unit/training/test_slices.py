"""Gains by slices: known means, intervals around them, and no verdict on a handful of questions."""

import numpy as np
import pytest

from quikapp_ml.training.choices import ChoicesBuilder
from quikapp_ml.training.measures import macro_recall
from quikapp_ml.training.slices import (
    FEW_CANDIDATES,
    MIN_IN_SLICE,
    MIN_OF_A_KIND,
    gain_by_slice,
    gain_of_classes,
    has_few_candidates,
)


def test_a_gain_that_all_have_is_certain_and_slices_are_told_apart() -> None:
    gains = {"channel": np.repeat([0.1, -0.2], 50)}
    askers = {"channel": np.arange(100)}
    late = {"channel": np.arange(100) >= 50}
    found = gain_by_slice(gains, askers, {"late": late, "early": {"channel": ~late["channel"]}})
    assert found["difference"] == pytest.approx(-0.05)
    assert found["difference_low"] < -0.05 < found["difference_high"]
    for end in ("", "_low", "_high"):
        assert found[f"difference_in_late{end}"] == pytest.approx(-0.2)
        assert found[f"difference_in_early{end}"] == pytest.approx(0.1)


def test_kinds_count_the_same_however_many_questions_they_have() -> None:
    gains = {"channel": np.full(90, 0.1), "user": np.full(10, 0.3)}
    askers = {"channel": np.arange(90), "user": np.arange(10)}
    assert gain_by_slice(gains, askers, {})["difference"] == pytest.approx(0.2)


def test_questions_of_one_person_are_one_voice() -> None:
    gains = {"message": np.tile([1.0, -1.0], 50)}
    alone = gain_by_slice(gains, {"message": np.tile([0, 1], 50)}, {})
    many = gain_by_slice(gains, {"message": np.arange(100)}, {})
    assert alone["difference_high"] - alone["difference_low"] > 2 * (many["difference_high"] - many["difference_low"])


def test_a_slice_of_a_few_is_left_out() -> None:
    gains, askers = {"message": np.zeros(100)}, {"message": np.arange(100)}
    few = {"message": np.arange(100) < MIN_IN_SLICE - 1}
    enough = {"message": np.arange(100) < MIN_IN_SLICE}
    found = gain_by_slice(gains, askers, {"few": few, "enough": enough})
    assert {name for name in found if not name.endswith(("_low", "_high"))} == {"difference", "difference_in_enough"}


def test_answers_of_classes_gain_in_the_slice_where_they_are_better() -> None:
    targets = np.tile([0, 1], 100)
    late = np.arange(200) >= 100
    before = np.where(late, 0, targets)
    found = gain_of_classes(macro_recall, targets, targets, before, {"late": late, "early": ~late})
    assert found["difference"] == pytest.approx(0.25)
    assert found["difference_in_late"] == pytest.approx(0.5)
    assert found["difference_in_late_low"] > 0.3
    assert (found["difference_in_early_low"], found["difference_in_early_high"]) == (0.0, 0.0)


@pytest.mark.parametrize(("n_ham", "n_spam", "is_judged"), [
    (MIN_IN_SLICE, MIN_OF_A_KIND, True), (MIN_IN_SLICE, MIN_OF_A_KIND - 1, False), (10, 10, False), (0, 200, False),
])  # fmt: skip
def test_a_slice_with_too_few_of_a_label_is_left_out(n_ham: int, n_spam: int, is_judged: bool) -> None:
    targets = np.array([0] * (n_ham + 100) + [1] * (n_spam + 100))
    part = np.zeros(len(targets), dtype=bool)
    part[:n_ham] = part[len(targets) - n_spam :] = True
    found = gain_of_classes(macro_recall, targets, targets, targets, {"part": part})
    assert ("difference_in_part" in found) is is_judged


def test_questions_with_few_candidates() -> None:
    builder = ChoicesBuilder()
    for size in (2, FEW_CANDIDATES, FEW_CANDIDATES + 1):
        builder.add(("one",), np.zeros((size, 1)), 0, float(size), 0)
    assert has_few_candidates(builder.build()).tolist() == [True, True, False]
