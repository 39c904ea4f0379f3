from pathlib import Path

import pytest

from quikapp_ml.errors import JobFailed, NotFound
from quikapp_ml.jobs.model_training import run, train_each, train_one
from quikapp_ml.settings import Settings
from quikapp_ml.training.recipes import RECIPES
from quikapp_ml.training.trainer import TrainingOutcome


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"QUIKAPP_ML_HOME": str(tmp_path), "MLFLOW_TRACKING_URI": "memory://"})


def test_in_an_empty_lake_every_model_is_skipped_with_its_reason(settings: Settings) -> None:
    outcomes = run(settings)
    assert [outcome.model for outcome in outcomes] == list(RECIPES)
    assert all("has not been made yet: run feature_engineering first" in outcome.skipped for outcome in outcomes)


def test_one_model_can_be_named(settings: Settings) -> None:
    assert [outcome.model for outcome in run(settings, "spam-classifier")] == ["spam-classifier"]


def test_an_unknown_model_is_not_found_with_those_there(settings: Settings) -> None:
    with pytest.raises(NotFound, match=r"no model 'spam' to train; there are .*spam-classifier"):
        train_one(settings, "spam")


def test_what_goes_wrong_with_one_keeps_none_of_the_others(caplog: pytest.LogCaptureFixture) -> None:
    trained = []

    def train_named(name: str) -> TrainingOutcome:
        if name == "bad":
            raise ValueError("a number is not finite")
        trained.append(name)
        return TrainingOutcome(name)

    expected = "1 of 3 models could not be trained: bad: ValueError: a number is not finite"
    with pytest.raises(JobFailed, match=expected):
        train_each(["first", "bad", "last"], train_named)
    assert trained == ["first", "last"]
    assert "Traceback" in caplog.text


def test_outcomes_come_in_the_order_of_the_names() -> None:
    assert [outcome.model for outcome in train_each(["b", "a"], TrainingOutcome)] == ["b", "a"]
