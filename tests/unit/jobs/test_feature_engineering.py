import logging
from pathlib import Path

import pytest

from quikapp_ml.jobs import feature_engineering
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.tables import EVENTS, MESSAGES, TABLES
from support.logs import random_log, table_of


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"QUIKAPP_ML_HOME": str(tmp_path)})


def test_it_makes_tables_from_the_events_of_the_home(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    lake = open_lake(settings.lake_path)
    lake.ensure(EVENTS)
    lake.append(EVENTS.name, table_of(random_log(seed=1, n_events=50)))
    with caplog.at_level(logging.INFO):
        feature_engineering.run(settings)
    assert lake.read(MESSAGES.name).num_rows > 10
    assert "tables from 50 events" in caplog.text


def test_an_empty_home_gets_empty_tables_and_a_clear_word(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    feature_engineering.run(settings)
    assert f"there are no events in {EVENTS.name} yet" in caplog.text
    lake = open_lake(settings.lake_path)
    made = {table.name for table in TABLES if table.name.startswith(("quikapp_ml.silver.", "quikapp_ml.bronze.events"))}
    assert made <= set(lake.names())
    assert lake.read(MESSAGES.name).num_rows == 0
