import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.jobs.parameters import settings_from


def test_a_parameter_with_the_name_of_a_setting_is_that_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUIKAPP_ML_LAKEHOUSE_URL", "/from/environment")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////from/environment.db")
    settings = settings_from({"QUIKAPP_ML_LAKEHOUSE_URL": "/from/job", "MLFLOW_TRACKING_URI": "", "model": "x"})
    assert settings.lakehouse_url == "/from/job"
    assert settings.tracking_uri == "sqlite:////from/environment.db"


def test_a_misspelt_setting_is_refused() -> None:
    with pytest.raises(InvalidInput, match="QUIKAPP_ML_LAKEHOUSE_URI"):
        settings_from({"QUIKAPP_ML_LAKEHOUSE_URI": "/x"})
