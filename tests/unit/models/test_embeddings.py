"""Vectors: like people point the same way, a turn changes nothing but the directions, no damaged file loads."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quikapp_ml.errors import Damaged
from quikapp_ml.models.embeddings import N_DIMENSIONS, UserEmbeddings

CHANNELS = ("a", "b", "c", "d")


def model_of(rows: list[list[float]], n_users: list[int], channel_ids: tuple[str, ...] = CHANNELS) -> UserEmbeddings:
    factors = np.zeros((len(rows), N_DIMENSIONS))
    factors[:, : len(rows[0])] = rows
    return UserEmbeddings(channel_ids, factors, np.array(n_users), np.zeros(N_DIMENSIONS))


TWO_CIRCLES = model_of([[1, 0], [1, 0], [0, 1], [0, 2]], [4, 1, 1, 4])


def test_a_vector_is_the_sum_of_the_channels_each_by_the_root_of_its_users_and_of_length_1() -> None:
    (vector,) = TWO_CIRCLES.embed([["a", "c"]])
    expected = np.array([1 / 2, 1.0]) / np.hypot(1 / 2, 1.0)
    assert vector[:2] == pytest.approx(expected)
    assert not vector[2:].any()


def test_the_average_counts_once_and_so_the_less_the_more_is_known() -> None:
    average = np.zeros(N_DIMENSIONS)
    average[5] = 0.5
    model = UserEmbeddings(CHANNELS, TWO_CIRCLES.factors_, TWO_CIRCLES.n_users_, average)
    newcomer, veteran, nobody = model.embed([["a"], ["a", "b"], []])
    assert newcomer[5] == pytest.approx(0.5**0.5)
    assert 0 < veteran[5] < newcomer[5]
    assert nobody.tolist() == [float(at == 5) for at in range(N_DIMENSIONS)]


def test_people_with_the_same_channels_are_alike_and_others_are_not() -> None:
    ann, bob, cleo = TWO_CIRCLES.embed([["a"], ["b", "a", "a"], ["d"]])
    assert ann @ bob == pytest.approx(1)
    assert ann @ cleo == pytest.approx(0)


def test_without_an_average_nobody_knows_where_somebody_stands_who_uses_no_known_channel() -> None:
    assert not TWO_CIRCLES.embed([[], ["x"]]).any()
    assert UserEmbeddings.untrained().embed([["a"]]).shape == (1, N_DIMENSIONS)
    assert not TWO_CIRCLES.affinities(TWO_CIRCLES.embed([[]]), CHANNELS).any()


def test_affinity_grows_with_the_users_of_a_channel_and_is_0_for_an_unknown_one() -> None:
    found = TWO_CIRCLES.affinities(TWO_CIRCLES.embed([["b"]]), ["a", "b", "c", "x"])
    assert found == pytest.approx(np.array([[2.0, 1.0, 0.0, 0.0]]))


def test_predict_answers_pairs() -> None:
    answers = TWO_CIRCLES.predict({"used_channels": ["b", "b x", ""], "channel_id": ["a", "c", "a"]})
    assert answers == {"affinity": [2.0, 0.0, 0.0]}


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_turn_comes_back_to_where_the_other_is_and_keeps_all_angles(seed: int) -> None:
    rng = np.random.default_rng(seed)
    average = rng.normal(size=N_DIMENSIONS)
    before = UserEmbeddings(CHANNELS, rng.normal(size=(4, N_DIMENSIONS)), rng.integers(1, 9, 4), average)
    turn, _ = np.linalg.qr(rng.normal(size=(N_DIMENSIONS, N_DIMENSIONS)))
    other_way = UserEmbeddings(CHANNELS, before.factors_ @ turn, before.n_users_, average @ turn)
    again = other_way.turned_to(before)
    assert again.factors_ == pytest.approx(before.factors_, abs=1e-9)
    used = [["a", "b"], ["c"], ["b", "d"]]
    there, here = other_way.embed(used), again.embed(used)
    assert there @ there.T == pytest.approx(here @ here.T, abs=1e-9)


def test_without_a_channel_in_common_nothing_is_turned() -> None:
    assert TWO_CIRCLES.turned_to(UserEmbeddings.untrained()) is TWO_CIRCLES


def test_a_saved_model_answers_the_same(tmp_path: Path) -> None:
    TWO_CIRCLES.save(tmp_path)
    loaded = UserEmbeddings.load(tmp_path)
    assert np.array_equal(loaded.embed([["a", "c"]]), TWO_CIRCLES.embed([["a", "c"]]))
    assert loaded.channel_ids_ == CHANNELS


GOOD: dict[str, np.ndarray[Any, Any]] = {
    "factors": np.zeros((1, N_DIMENSIONS)), "n_users": np.ones(1, dtype=np.int64), "average": np.zeros(N_DIMENSIONS),
}  # fmt: skip


@pytest.mark.parametrize(
    "bad",
    [
        {"factors": np.zeros((1, 3))},
        {"factors": np.zeros((2, N_DIMENSIONS))},
        {"n_users": np.zeros(1, dtype=np.int64)},
        {"n_users": np.ones(1)},
        {"n_users": np.ones(2, dtype=np.int64)},
        {"average": np.zeros(3)},
    ],
)
def test_what_does_not_fit_is_damaged(bad: dict[str, np.ndarray[Any, Any]]) -> None:
    facts = {"channel_ids": ["a"]}
    UserEmbeddings.from_parts(GOOD, facts)
    with pytest.raises(Damaged):
        UserEmbeddings.from_parts(GOOD | bad, facts)


@pytest.mark.parametrize("missing", ["factors", "n_users", "average", "channel_ids"])
def test_what_is_missing_is_damaged(missing: str) -> None:
    arrays = {name: array for name, array in GOOD.items() if name != missing}
    with pytest.raises(Damaged, match=missing):
        UserEmbeddings.from_parts(arrays, {} if missing == "channel_ids" else {"channel_ids": ["a"]})
