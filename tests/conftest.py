"""What tests of every kind share."""

from collections.abc import Iterator

import pytest

from support.servers import StoreServers


@pytest.fixture(scope="session")
def store_servers() -> Iterator[StoreServers]:
    """Redis and PostgreSQL, for the tests that ask for them."""
    servers = StoreServers()
    yield servers
    servers.close()
