"""Object stores for the tests of this folder, each started when it is first asked for."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from support.clouds import Cloud, start


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
