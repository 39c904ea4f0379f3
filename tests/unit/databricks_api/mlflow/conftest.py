from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from quikapp_ml.serving.access import ALL_APIS, create_token
from quikapp_ml.settings import Settings
from quikapp_ml.stores.registry import open_registry
from support.fake_service import FakeService, running

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ask, Path]]:
    """Callers of an app with a fresh MLflow database, and the home that it is in."""
    home = tmp_path_factory.mktemp("mlflow-home")
    service = FakeService(Settings.from_environment({"QUIKAPP_ML_HOME": str(home)}))
    registry = open_registry(service.settings.mlflow_uri, "quikapp-ml", home / "mlartifacts")
    cast(Any, service).registry = registry
    tokens: dict[str, str] = {}

    with running(service) as client:

        def ask(method: str, path: str, who: str = "admin", **more: Any) -> httpx.Response:
            if who not in tokens:
                tokens[who] = create_token(service.state.tokens, who, (ALL_APIS,), timedelta(days=1))[0]
            headers = {"authorization": f"Bearer {tokens[who]}"}
            return client.request(method, path if path.startswith("/") else f"/api/2.0/{path}", headers=headers, **more)

        cast(Any, ask).service = service
        cast(Any, ask).app = client.app
        yield ask, home


@pytest.fixture
def ask(asked: tuple[Ask, Path]) -> Ask:
    return asked[0]


@pytest.fixture
def home(asked: tuple[Ask, Path]) -> Path:
    return asked[1]
