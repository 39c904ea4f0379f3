"""Services for the tests of this folder."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.running import Running, start


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`quikapp-ml up` on an empty home: the sample workspace, small."""
    running = start(tmp_path_factory.mktemp("up") / "home", "up", "--users", "80", "--days", "30")
    yield running
    running.stop()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start services that end with the test."""
    all_started: list[Running] = []

    def begin(name: str, *arguments: str, **more: str) -> Running:
        all_started.append(start(tmp_path / name / "home", *arguments, **more))
        return all_started[-1]

    yield begin
    for running in all_started:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait(timeout=30)


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait until something holds that the service does in the background; fail after 30 seconds."""

    def wait(holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < end, "did not happen in 30 seconds"
            time.sleep(0.1)

    return wait
