"""Item-to-item similarity on a checkerboard, where the right answer is known."""

import numpy as np
import pytest

from quikapp_ml.training.similarity import SHRINKAGE, learn_similarity


def test_channels_used_by_the_same_people_are_alike_and_others_are_not() -> None:
    """Even people use even channels, odd people odd ones."""
    pairs = [(user, channel) for user in range(20) for channel in range(6) if user % 2 == channel % 2]
    users, channels = np.array(pairs).T
    similarity = learn_similarity([f"c{number}" for number in range(6)], users, channels)
    expected = 10 / (10 + SHRINKAGE)
    assert similarity.scores(["c2", "c3"], ["c0"]).tolist() == pytest.approx([expected, 0.0])
    assert similarity.closest(["c2", "c3"], ["c0"]) == ["c0", None]


def test_repeated_pairs_count_once_and_few_people_count_less() -> None:
    users, channels = np.array([0, 0, 0, 0]), np.array([0, 0, 1, 1])
    similarity = learn_similarity(["a", "b"], users, channels)
    assert similarity.scores(["a"], ["b"]).tolist() == pytest.approx([1 / (1 + SHRINKAGE)])


def test_nothing_used_is_nothing_known() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert learn_similarity(["a"], nothing, nothing).scores(["a"], ["a"]).tolist() == [0.0]
    assert learn_similarity([], nothing, nothing).channel_ids_ == ()


def test_one_channel_has_no_neighbour() -> None:
    similarity = learn_similarity(["a"], np.array([0, 1]), np.array([0, 0]))
    assert similarity.scores(["a"], ["a"]).tolist() == [0.0]
