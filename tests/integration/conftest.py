"""A running service for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from quikapp_ml.api.app import create_app
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.serving.decisions import DecisionLedger
from quikapp_ml.serving.feedback import FeedbackIntake
from quikapp_ml.serving.intake import EventIntake
from quikapp_ml.settings import Settings
from quikapp_ml.stores.online.memory import MemoryOnlineStore
from quikapp_ml.stores.spool.memory import MemorySpool
from support.fake_service import FakeService
from support.server import Server


@pytest.fixture(scope="session")
def service_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a running service."""
    home: Path = tmp_path_factory.mktemp("home")
    service = FakeService(Settings.from_environment({"QUIKAPP_ML_HOME": str(home)}))
    spool = MemorySpool()
    intake = EventIntake(spool, MemoryOnlineStore(), Workspace(), OnlineFeatures())
    intake.recover()
    service.intake = intake  # type: ignore[assignment]
    service.feedback = FeedbackIntake(spool, DecisionLedger(spool, b"key"))  # type: ignore[assignment]
    with Server(create_app(service)).running() as port:
        yield f"http://127.0.0.1:{port}"
