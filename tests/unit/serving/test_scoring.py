"""Scores by a model, or by rules when there is none or it fails in a way that is known."""

from typing import Any

import numpy as np
import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.features.frame import FeatureFrame
from quikapp_ml.models.ranking import ContentRanker
from quikapp_ml.models.recommendation import RecommendationModel
from quikapp_ml.serving.scoring import Scores, loaded_model, or_rules
from support.chats import OneModel

FRAME = FeatureFrame.of(2, a=[0.25, 3.0], b=[1.0, 0.0])


def test_a_models_parts_add_up() -> None:
    scores = Scores.by_model((("a", "b"), np.array([[1.0, -1.0], [2.0, 0.5]]), -0.5))
    assert scores.explained(1) == {"bias": -0.5, "a": 2.0, "b": 0.5}
    assert scores.values == pytest.approx(1 / (1 + np.exp([0.5, -2.0])))


def test_a_rule_is_one_feature_cut_to_0_to_1() -> None:
    scores = Scores.by_rule(FRAME, "a")
    assert scores.values.tolist() == [0.25, 1.0]
    assert scores.explained(0) == {"bias": 0.0, "a": 0.25}


def test_a_known_failure_is_degraded_and_an_unknown_one_is_not_hidden() -> None:
    def refuses() -> str:
        raise InvalidInput("features are missing")

    def breaks() -> str:
        raise ZeroDivisionError

    assert or_rules(lambda: "model", lambda: "rules") == ("model", False)
    assert or_rules(None, lambda: "rules") == ("rules", True)
    assert or_rules(refuses, lambda: "rules") == ("rules", True)
    with pytest.raises(ZeroDivisionError):
        or_rules(breaks, lambda: "rules")


def test_only_a_model_of_the_right_class_is_used() -> None:
    host: Any = OneModel(ContentRanker.prior())
    loaded, model = loaded_model(host, ContentRanker)
    assert loaded is not None
    assert model is loaded.model
    assert loaded_model(host, RecommendationModel) == (None, None)
    host.model = type("Impostor", (), {"name": ContentRanker.name})()
    assert loaded_model(host, ContentRanker) == (None, None)
