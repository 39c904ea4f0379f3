"""What several suites of this folder run over: object stores, each started when first asked for, and control states."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from quikapp_ml.stores.state import open_state
from quikapp_ml.stores.state.base import ControlState
from support.clouds import Cloud, start
from support.servers import StoreServers


@pytest.fixture(scope="session")
def cloud() -> Iterator[Callable[[str], Cloud]]:
    """Scheme → the running object store behind it."""
    running: dict[str, Cloud] = {}
    with ExitStack() as stack:

        def started(scheme: str) -> Cloud:
            if scheme not in running:
                one = stack.enter_context(start(scheme))
                running.update(dict.fromkeys(one.buckets, one))
            return running[scheme]

        yield started


@pytest.fixture
def cloud_root(cloud: Callable[[str], Cloud], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Scheme → URL of an empty lake; the environment says how to reach it."""

    def new_root(scheme: str) -> str:
        for name, value in cloud(scheme).environment.items():
            monkeypatch.setenv(name, value)
        return cloud(scheme).new_root(scheme)

    return new_root


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def state(request: pytest.FixtureRequest, store_servers: StoreServers, tmp_path: Path) -> Iterator[ControlState]:
    """An empty control state of each kind."""
    kind = request.param
    opened = open_state("memory://" if kind == "memory" else _state_url(kind, store_servers, tmp_path))
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, store_servers: StoreServers, tmp_path: Path) -> str:
    """URL of an empty control state that outlives the process."""
    return _state_url(request.param, store_servers, tmp_path)


def _state_url(kind: str, servers: StoreServers, folder: Path) -> str:
    return f"sqlite:///{folder / 'deep' / 'state.db'}" if kind == "sqlite" else servers[kind].new_url()
