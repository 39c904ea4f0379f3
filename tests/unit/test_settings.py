from pathlib import Path

import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.settings import Settings


def test_everything_outside_defaults_to_a_place_inside_the_home() -> None:
    settings = Settings.from_environment({"QUIKAPP_ML_HOME": "/srv/chat"})

    assert settings.port == 5008
    assert settings.lake_path == "/srv/chat/lakehouse"
    assert settings.mlflow_uri == "sqlite:////srv/chat/mlflow.db"
    assert settings.online_url == "sqlite:////srv/chat/online.db"
    assert settings.control_state_url == "sqlite:////srv/chat/state.db"


def test_a_url_replaces_the_embedded_default() -> None:
    given = {"MLFLOW_TRACKING_URI": "databricks", "QUIKAPP_ML_LAKEHOUSE_URL": "file:///data/lake"}

    settings = Settings.from_environment(given)

    assert settings.mlflow_uri == "databricks"
    assert settings.lake_path == "file:///data/lake"


def test_a_misspelt_name_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(InvalidInput, match=r"QUIKAPP_ML_HOMES.*QUIKAPP_ML_HOME") as caught:
        Settings.from_environment({"QUIKAPP_ML_HOMES": "/srv/chat"})

    assert "QUIKAPP_ML_ONLINE_STORE_URL" in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [("PORT", "99999"), ("PORT", "web"), ("QUIKAPP_ML_LOG_LEVEL", "loud")])
def test_a_bad_value_is_refused_by_name_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=name) as caught:
        Settings.from_environment({name: value})

    assert caught.value.problems[0].path == name
    assert caught.value.problems[0].given == "(hidden)"


def test_a_token_is_not_shown() -> None:
    settings = Settings.from_environment({"DATABRICKS_TOKEN": "dapi-secret"})

    assert "dapi-secret" not in repr(settings)


def test_an_empty_variable_means_the_default() -> None:
    assert Settings.from_environment({"QUIKAPP_ML_HOME": "", "PORT": ""}).home == Path.home() / ".quikapp-ml"


def test_a_relative_home_is_made_absolute_so_that_child_processes_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/tmp")

    assert Settings.from_environment({"QUIKAPP_ML_HOME": "chat"}).home == Path("/tmp/chat")
