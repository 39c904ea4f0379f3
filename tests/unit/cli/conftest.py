"""A service of fakes under a real server, whose commands find it by its home."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from quikapp_ml.api.app import create_app
from quikapp_ml.serving.local_token import keep_local_token
from quikapp_ml.settings import Settings
from quikapp_ml.stores.home import Home
from support.fake_service import FakeService
from support.server import Server


@pytest.fixture
def running_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeService]:
    """The service that runs on the home of this test's environment."""
    monkeypatch.setenv("QUIKAPP_ML_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "250")
    service = FakeService(Settings.from_environment({"QUIKAPP_ML_HOME": str(tmp_path)}))
    home = Home(tmp_path)
    home.lock()
    keep_local_token(tmp_path, service.state.tokens, "admin")
    with Server(create_app(service)).running() as port:
        home.announce(f"http://127.0.0.1:{port}")
        yield service
    home.unlock()
