"""The collaborative filter: known neighbours, folding in, nobody's own items, and files that never load damaged."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from quikapp_ml.errors import Damaged, InvalidInput, NotFound
from quikapp_ml.models.base import ARRAYS_FILE
from quikapp_ml.models.collaborative import NOTHING, CollaborativeFilter, FilterSettings

# Two circles of taste: users 0 to 2 use items 0 to 3, users 3 to 5 items 4 to 7; nobody uses item 8.
USES = [[0, 1, 2], [0, 1, 3], [1, 2, 3], [4, 5, 6], [4, 5, 7], [5, 6, 7]]
SETTINGS = FilterSettings(n_factors=2)


def table(uses: list[list[int]], n_items: int = 9) -> sparse.csr_matrix:
    dense = np.zeros((len(uses), n_items), dtype=np.float32)
    for user, items in enumerate(uses):
        dense[user, items] = 1
    return sparse.csr_matrix(dense)


@pytest.fixture(scope="module")
def model() -> CollaborativeFilter:
    return CollaborativeFilter(SETTINGS).fit(table(USES))


def test_a_person_is_shown_what_those_with_the_same_taste_use(model: CollaborativeFilter) -> None:
    assert model.recommend(table(USES), 1).ids[:, 0].tolist() == [3, 2, 0, 7, 6, 4]


def test_the_linear_filter_is_two_steps_along_the_normalised_graph() -> None:
    symmetric = FilterSettings(0.5, 0.5, 0.5, n_factors=2, factor_weight=0.0)
    alone = CollaborativeFilter(symmetric).fit(table(USES))
    uses = table(USES).toarray()
    normalised = uses / np.sqrt(uses.sum(1, keepdims=True) * np.maximum(uses.sum(0), 1))
    assert alone.scores(table([[1]])) == pytest.approx(normalised[:, [1]].T @ normalised, abs=1e-6)


def test_strengths_are_the_singular_values_of_the_normalised_graph(model: CollaborativeFilter) -> None:
    uses = table(USES).toarray()
    normalised = uses / np.sqrt(uses.sum(1, keepdims=True) * np.maximum(uses.sum(0), 1))
    assert model.strengths() == pytest.approx(np.linalg.svd(normalised)[1][:2], abs=1e-5)


def test_other_exponents_let_as_much_through() -> None:
    uses = table([[0, 1, 2, 3], [0, 1], [0]])
    symmetric, other = (FilterSettings(user, 0.5, out, factor_weight=0.0) for user, out in [(0.5, 0.5), (0.2, 0.3)])
    sums = [float(CollaborativeFilter(chosen).fit(uses).scores(uses).sum()) for chosen in (symmetric, other)]
    assert sums[0] == pytest.approx(sums[1], rel=1e-5)


def test_a_newcomer_is_folded_in_by_a_few_items(model: CollaborativeFilter) -> None:
    found = model.recommend(model.histories([[4]]), 3)
    assert set(found.ids[0].tolist()) == {5, 6, 7}
    assert (np.diff(found.scores[0]) <= 0).all()


def test_who_has_no_history_or_a_cold_one_gets_nothing(model: CollaborativeFilter) -> None:
    found = model.recommend(model.histories([[], [8], [9, -1, 10**12]]), 2)
    assert (found.ids == NOTHING).all()
    assert (found.scores == 0).all()


def test_nobody_asked_is_no_row(model: CollaborativeFilter) -> None:
    assert model.recommend(model.histories([]), 2).ids.shape == (0, 2)


def test_what_is_not_allowed_is_not_recommended(model: CollaborativeFilter) -> None:
    allowed = np.ones(9, dtype=bool)
    allowed[5] = False
    assert set(model.recommend(model.histories([[4]]), 5, allowed).ids[0].tolist()) == {6, 7, NOTHING}


def test_similar_items_are_those_used_by_the_same_people(model: CollaborativeFilter) -> None:
    found = model.similar_items(1, 3)
    assert set(found.ids[0].tolist()) == {0, 2, 3}
    assert found.scores[0] == pytest.approx([2 / np.sqrt(6)] * 3)
    assert (model.similar_items(8).ids == NOTHING).all()
    assert (model.similar_items(99).ids == NOTHING).all()


def test_similar_users_share_the_taste(model: CollaborativeFilter) -> None:
    assert set(model.similar_users(model.histories([[4, 6]]), 3).ids[0].tolist()) == {3, 4, 5}


def test_an_erased_user_leaves_as_if_never_met(model: CollaborativeFilter) -> None:
    erased = model.without_user(0)
    never = CollaborativeFilter(SETTINGS).fit(table([[], *USES[1:]]))
    assert erased.seen_[[0]].nnz == 0
    assert erased.item_factors_.tolist() == never.item_factors_.tolist()
    with pytest.raises(NotFound, match="user 6"):
        model.without_user(6)


def test_a_pair_is_scored_as_in_the_table(model: CollaborativeFilter) -> None:
    scores = model.predict({"user": [0, 0, 6, 0], "item": [3, 5, 1, 9]})["score"]
    assert scores[0] == pytest.approx(float(model.scores(table(USES))[0, 3]))
    assert scores[2:] == [0.0, 0.0]


def test_a_saved_model_gives_the_same_list_byte_for_byte(model: CollaborativeFilter, tmp_path: Path) -> None:
    model.save(tmp_path)
    again = CollaborativeFilter.load(tmp_path)
    assert again.settings == model.settings
    assert again.scores(table(USES)).tobytes() == model.scores(table(USES)).tobytes()


@pytest.mark.parametrize(
    "change",
    [
        {"item_factors": np.full((2, 9), np.nan, dtype=np.float32)},
        {"item_factors": np.zeros((2, 8), dtype=np.float32)},
        {"item_factors": np.zeros((2, 9))},
        {"indices": np.full(18, 9, dtype=np.int32)},
        {"indptr": np.array([0, 30], dtype=np.int32)},
        {"indptr": np.array([], dtype=np.int32)},
    ],
)
def test_a_damaged_file_never_loads(change: dict[str, Any], model: CollaborativeFilter, tmp_path: Path) -> None:
    model.save(tmp_path)
    np.savez(tmp_path / ARRAYS_FILE, **(model.arrays() | change))
    with pytest.raises(Damaged):
        CollaborativeFilter.load(tmp_path)


def test_what_cannot_be_used_is_refused(model: CollaborativeFilter) -> None:
    with pytest.raises(InvalidInput, match="9 items"):
        model.recommend(table([[1]], n_items=10))
    with pytest.raises(InvalidInput, match="not finite"):
        model.fit(table(USES) * np.nan)
    with pytest.raises(InvalidInput, match="limit was 0"):
        model.recommend(table(USES), 0)
    with pytest.raises(InvalidInput, match="n_factors was 0"):
        FilterSettings(n_factors=0)
    with pytest.raises(InvalidInput, match="finite numbers"):
        FilterSettings(user_exponent=float("nan"))


def test_settings_that_are_no_numbers_never_load(model: CollaborativeFilter) -> None:
    with pytest.raises(Damaged):
        CollaborativeFilter.from_parts(model.arrays(), {"settings": {"user_exponent": "half"}, "n_items": 9})


@given(
    st.lists(st.lists(st.integers(0, 8), max_size=6), max_size=8),
    st.lists(st.lists(st.integers(-2, 12), max_size=6), min_size=1, max_size=4),
)
def test_any_table_gives_ordered_lists_of_new_items(uses: list[list[int]], asked: list[list[int]]) -> None:
    fitted = CollaborativeFilter(SETTINGS).fit(table(uses))
    found = fitted.recommend(fitted.histories(asked), 4)
    assert np.isfinite(found.scores).all()
    assert (np.diff(found.scores, axis=1) <= 0).all()
    for history, ids in zip(asked, found.ids.tolist(), strict=True):
        recommended = [item for item in ids if item != NOTHING]
        assert not set(history) & set(recommended)
        assert len(set(recommended)) == len(recommended)
