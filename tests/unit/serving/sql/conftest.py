"""SQL by Sail in this process, one for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from quikapp_ml.stores.lake.sql_sessions import SqlSessions
from support.sql import Desk, open_desk


@pytest.fixture(scope="session")
def sessions() -> Iterator[SqlSessions]:
    opened = SqlSessions()
    yield opened
    opened.close()


@pytest.fixture
def desk(tmp_path: Path, sessions: SqlSessions) -> Desk:
    return open_desk(tmp_path, sessions)
