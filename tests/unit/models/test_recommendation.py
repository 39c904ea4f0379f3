"""The recommendation model: heads by type, similar channels by id, and files that are refused when damaged."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quikapp_ml.entities.decisions import ITEM_TYPES
from quikapp_ml.errors import Damaged, InvalidInput
from quikapp_ml.models.linear import logistic
from quikapp_ml.models.recommendation import PRIORS, ItemSimilarity, RecommendationModel

Columns = dict[str, list[Any]]


def similarity() -> ItemSimilarity:
    """a is like b (0.8) and c (0.2); b like a; c like a."""
    return ItemSimilarity(
        ("a", "b", "c"),
        np.array([[1, 2], [0, 0], [0, 0]], dtype=np.int32),
        np.array([[0.8, 0.2], [0.8, 0.0], [0.2, 0.0]]),
    )


def model() -> RecommendationModel:
    return RecommendationModel(RecommendationModel.prior().heads_, similarity())


@pytest.mark.parametrize("item_type", ITEM_TYPES)
def test_contributions_add_up_to_the_score(item_type: str) -> None:
    names = tuple(PRIORS[item_type])  # type: ignore[index]
    features = np.random.default_rng(1).random((20, len(names)))
    scores = model().score(item_type, names, features)  # type: ignore[arg-type]
    own, parts, bias = model().contributions(item_type, names, features)  # type: ignore[arg-type]
    assert own == names
    assert np.abs(logistic(parts.sum(axis=1) + bias) - scores).max() < 1e-12


def test_similarity_sums_over_used_channels() -> None:
    scores = similarity().scores(["a", "b", "c", "unknown"], {"b", "c", "elsewhere"})
    assert scores.tolist() == [1.0, 0.0, 0.0, 0.0]
    assert similarity().scores(["b"], ["a"]).tolist() == [0.8]


def test_only_like_channels_are_near() -> None:
    assert similarity().near(["a", "unknown"]) == similarity().near(["a"])
    near = similarity().near(["a"])
    assert sorted(near, key=lambda one: -near[one]) == ["b", "c"]
    assert similarity().near([]) == {}


def test_the_closest_used_channel_is_named() -> None:
    assert similarity().closest(["a", "b", "unknown"], {"b", "c"}) == ["b", None, None]


def test_an_empty_similarity_knows_nothing() -> None:
    empty = ItemSimilarity.empty()
    assert empty.scores(["a", "b"], ["a"]).tolist() == [0.0, 0.0]
    assert empty.closest(["a"], ["a"]) == [None]


@pytest.mark.parametrize(
    ("neighbours", "similarities"),
    [(np.array([[1]]), np.array([[0.5]])), (np.array([[0]]), np.zeros((2, 1))), (np.array([[-1]]), np.ones((1, 1)))],
)
def test_a_damaged_similarity_is_refused(neighbours: np.ndarray, similarities: np.ndarray) -> None:
    with pytest.raises(Damaged):
        ItemSimilarity(("a",), neighbours, similarities)


def test_predict_scores_mixed_rows_as_the_heads_do() -> None:
    columns: Columns = {"item_type": ["message", "channel"], "recency": [1.0, 1.0], "popularity": [0.0, 0.5]}
    scores = model().predict(columns)["score"]
    heads = model().heads_
    message, channel = heads["message"], heads["channel"]
    assert scores[0] == pytest.approx(logistic(np.array([message.bias + PRIORS["message"]["recency"]]))[0])
    assert scores[1] == pytest.approx(logistic(np.array([channel.bias + PRIORS["channel"]["popularity"] * 0.5]))[0])


@pytest.mark.parametrize("columns", [{}, {"item_type": ["channel", "planet"]}])
def test_predict_names_a_wrong_item_type(columns: dict[str, list[str]]) -> None:
    with pytest.raises(InvalidInput, match="item_type"):
        model().predict(columns)


def test_a_saved_model_answers_the_same(tmp_path: Path) -> None:
    model().save(tmp_path)
    again = RecommendationModel.load(tmp_path)
    columns: Columns = {"item_type": ["user"], "team": [1.0]}
    assert again.predict(columns) == model().predict(columns)
    assert again.similarity_.scores(["a"], ["b"]).tolist() == [0.8]


def test_a_model_with_a_nan_or_without_a_head_is_damaged(tmp_path: Path) -> None:
    arrays = model().arrays()
    arrays["similarities"] = arrays["similarities"] * np.nan
    np.savez(tmp_path / "arrays.npz", allow_pickle=False, **arrays)
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(Damaged, match="not finite"):
        RecommendationModel.load(tmp_path)
    facts = model().facts()
    del facts["heads"]["user"]
    with pytest.raises(Damaged, match="user"):
        RecommendationModel.from_parts(model().arrays(), facts)
