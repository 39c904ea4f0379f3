"""The content ranker: contributions add up, a query outweighs habits, and files come back the same."""

from pathlib import Path

import numpy as np
import pytest

from quikapp_ml.errors import Damaged
from quikapp_ml.models.linear import logistic
from quikapp_ml.models.ranking import RANKING_PRIOR, ContentRanker

NAMES = tuple(RANKING_PRIOR)


def test_contributions_add_up_to_the_score() -> None:
    features = np.random.default_rng(1).random((20, len(NAMES)))
    names, parts, bias = ContentRanker.prior().contributions(NAMES, features)
    assert names == NAMES
    assert np.abs(logistic(parts.sum(axis=1) + bias) - ContentRanker.prior().score(NAMES, features)).max() < 1e-12


def test_predict_takes_left_out_columns_as_absent() -> None:
    scores = ContentRanker.prior().predict({"query_match": [1.0, 0.0], "author": [0.0, 1.0]})["score"]
    assert scores[0] > scores[1]
    assert ContentRanker.prior().predict({}) == {"score": []}


def test_a_saved_model_answers_the_same(tmp_path: Path) -> None:
    ContentRanker.prior().save(tmp_path)
    columns = {"recency": [0.3], "to_you": [1.0]}
    assert ContentRanker.load(tmp_path).predict(columns) == ContentRanker.prior().predict(columns)


def test_a_model_without_its_head_is_damaged() -> None:
    with pytest.raises(Damaged):
        ContentRanker.from_parts(ContentRanker.prior().arrays(), {})
