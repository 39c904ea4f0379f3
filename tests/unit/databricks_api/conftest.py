from collections.abc import Iterator
from pathlib import Path

import pytest

from quikapp_ml.serving.built_in_endpoints import built_in_endpoints
from quikapp_ml.settings import Settings
from support.endpoints import Setup
from support.fake_service import FakeService, running
from support.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    service = FakeService(Settings.from_environment({"QUIKAPP_ML_HOME": str(tmp_path)}))
    setup = Setup(tmp_path, service.state.endpoints)
    service.endpoints = setup.host
    setup.host.start(built_in_endpoints(service), "admin")
    with running(service) as client:
        yield Workspace(service, client, setup)
    setup.host.close()
