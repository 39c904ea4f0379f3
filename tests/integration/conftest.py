"""A running service for the tests of this folder."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quikapp_ml.api.app import create_app
from quikapp_ml.bootstrap import open_service
from quikapp_ml.importers.delivery import deliver, intake_sink
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.settings import Settings
from support.server import Server


@pytest.fixture(scope="session")
def service_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of the whole service, with a small sample workspace in it; models are registered in memory."""
    home: Path = tmp_path_factory.mktemp("home")
    settings = {"QUIKAPP_ML_HOME": str(home), "MLFLOW_TRACKING_URI": "memory://", "QUIKAPP_ML_RUN_SCHEDULES": "false"}
    service = open_service(Settings.from_environment(settings))
    service.start()
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    deliver(generate(SampleConfig(users=20, days=5, until=midnight)), intake_sink(service.intake))
    with Server(create_app(service)).running() as port:
        yield f"http://127.0.0.1:{port}"
