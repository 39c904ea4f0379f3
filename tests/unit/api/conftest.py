from collections.abc import Iterator
from pathlib import Path

import pytest

from quikapp_ml.settings import Settings
from support.fake_service import Client, FakeService, running


@pytest.fixture
def service(tmp_path: Path) -> FakeService:
    return FakeService(Settings.from_environment({"QUIKAPP_ML_HOME": str(tmp_path)}))


@pytest.fixture
def client(service: FakeService) -> Iterator[Client]:
    with running(service) as client:
        yield client


@pytest.fixture
def small_client(tmp_path: Path) -> Iterator[Client]:
    """A client of a service that takes bodies of at most 2,000 bytes."""
    settings = Settings.from_environment({"QUIKAPP_ML_HOME": str(tmp_path), "QUIKAPP_ML_MAX_BODY_BYTES": "2000"})
    with running(FakeService(settings)) as client:
        yield client
