"""The control state's database in a SQLite file."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from quikapp_ml.errors import StorageFailed
from quikapp_ml.stores.state.database import READS_ONLY

_BUSY_SECONDS = 15


def connect(url: str) -> sa.Engine:
    """Connect to the file, and make its folder."""
    parsed = sa.make_url(url)
    if parsed.database and parsed.database != ":memory:":
        _make_folder(Path(parsed.database).parent)
    engine = sa.create_engine(parsed, connect_args={"timeout": _BUSY_SECONDS})
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailed(f"the state database's folder {folder} cannot be made: {error.strerror}") from error


def _prepare(connection: Any, _record: object) -> None:
    """WAL lets the service read while a pipeline writes; SQLite leaves foreign keys unchecked unless told."""
    connection.isolation_level = None  # SQLAlchemy begins transactions itself, see `_begin`
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    """Take the write lock at once: a transaction that reads first and writes later could be refused half-way."""
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get(READS_ONLY) else "BEGIN IMMEDIATE")
