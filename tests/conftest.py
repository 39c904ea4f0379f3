"""What tests of every kind share."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from support.servers import StoreServers

settings.register_profile("patient", deadline=None)  # a busy machine is no fault of an example
settings.load_profile("patient")


@pytest.fixture(scope="session")
def store_servers() -> Iterator[StoreServers]:
    """Redis and PostgreSQL, for the tests that ask for them."""
    servers = StoreServers()
    yield servers
    servers.close()
