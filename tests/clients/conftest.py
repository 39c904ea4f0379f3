"""A service as people run it, and official clients in processes of their own that know its address and token alone."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.running import ROOT, Running, environment, quikapp_ml, start

Client = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = start(tmp_path_factory.mktemp("clients") / "home", "up", "--users", "20", "--days", "5")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def client(service: Running) -> Client:
    """Run a script of `tests/clients/scripts` with what `quikapp-ml env` says, and return the JSON that it prints."""
    said = quikapp_ml(service.home, "env").stdout
    exported = dict(line.removeprefix("export ").split("=", 1) for line in said.splitlines())
    access = {name: exported[name] for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN")}

    def run(script: str, *arguments: str, **more: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, str(ROOT / "tests" / "clients" / "scripts" / script), *arguments],
            env={**environment(service.home, **access, **more)},
            cwd=service.home.parent,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    return run


@pytest.fixture(scope="session")
def home(service: Running) -> Path:
    return service.home
