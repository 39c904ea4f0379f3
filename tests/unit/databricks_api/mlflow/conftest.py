from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from quikapp_ml.serving.access import ALL_APIS, create_token
from quikapp_ml.settings import Settings
from support.fake_service import FakeService, running

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ask, Path]]:
    """A caller of an app with a fresh MLflow database, and the home that it is in."""
    home = tmp_path_factory.mktemp("mlflow-home")
    service = FakeService(Settings.from_environment({"QUIKAPP_ML_HOME": str(home)}))
    token = create_token(service.state.tokens, "ann", (ALL_APIS,), timedelta(days=1))[0]
    with running(service) as client:

        def ask(method: str, path: str, **more: Any) -> httpx.Response:
            return client.request(method, f"/api/2.0/{path}", headers={"authorization": f"Bearer {token}"}, **more)

        yield ask, home


@pytest.fixture
def ask(asked: tuple[Ask, Path]) -> Ask:
    return asked[0]


@pytest.fixture
def home(asked: tuple[Ask, Path]) -> Path:
    return asked[1]
