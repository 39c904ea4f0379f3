from pathlib import Path

import pytest

from quikapp_ml.bootstrap import open_service, starter_folders
from quikapp_ml.errors import HomeInUse, InvalidInput
from quikapp_ml.settings import Settings
from quikapp_ml.stores.home import Home
from quikapp_ml.training.starters import read_metadata


def _settings(home: Path, **more: str) -> Settings:
    return Settings.from_environment({"QUIKAPP_ML_HOME": str(home), "MLFLOW_TRACKING_URI": "memory://", **more})


def test_a_home_has_one_service_at_a_time_and_is_given_back(tmp_path: Path) -> None:
    first = open_service(_settings(tmp_path / "home"))

    with pytest.raises(HomeInUse):
        open_service(_settings(tmp_path / "home"))
    first.close()
    first.close()

    open_service(_settings(tmp_path / "home")).close()


def test_a_service_that_cannot_be_opened_gives_the_home_back(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        open_service(_settings(tmp_path / "home", QUIKAPP_ML_ONLINE_STORE_URL="carrier-pigeon://roof"))

    home = Home(tmp_path / "home")
    home.lock()
    home.unlock()


def test_the_package_brings_a_starter_for_every_model_that_the_product_documents() -> None:
    found = {name: read_metadata(folder) for name, folder in starter_folders().items()}

    assert {name: (known.semantic_version, known.alias) for name, known in found.items()} == {
        "recommendation-v2": ("3.1.0", "champion"),
        "spam-classifier": ("2.4.0", "champion"),
        "sentiment-bert": ("2.0.0", "champion"),
        "content-ranker": ("1.0.0", "challenger"),
    }


def test_a_started_service_answers_and_a_second_start_changes_nothing(tmp_path: Path) -> None:
    service = open_service(_settings(tmp_path / "home", QUIKAPP_ML_RUN_SCHEDULES="false"))
    service.start()
    service.start()

    assert service.is_empty
    assert service.health.is_ready()
    assert len(service.models.loaded()) == 4
    service.close()


def test_tables_that_vanish_are_a_workspace_that_does_not_answer(tmp_path: Path) -> None:
    service = open_service(_settings(tmp_path / "home", QUIKAPP_ML_RUN_SCHEDULES="false"))
    service.start()
    answers = service._checks().workspace_answers
    found = [answers()]
    (tmp_path / "home" / "lakehouse").rename(tmp_path / "away")
    found.append(answers())
    (tmp_path / "away").rename(tmp_path / "home" / "lakehouse")
    found.append(answers())
    service.close()

    assert found == [True, False, True]
