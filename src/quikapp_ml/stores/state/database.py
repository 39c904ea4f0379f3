"""The SQL database behind the control state: how it is opened, how a transaction runs, what all tables share."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from quikapp_ml.errors import Conflict, StorageFailed

SCHEMA_VERSION = 1
_BUSY_SECONDS = 15
_READS_ONLY = "reads_only"


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware time in UTC, also in databases that keep no time zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 SQLAlchemy's signature
        """Refuse naive times; store UTC."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 SQLAlchemy's signature
        """Give the time back aware."""
        return value and (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))


METADATA = sa.MetaData()

_schema_version = sa.Table("schema_version", METADATA, sa.Column("version", sa.Integer, primary_key=True))


def open_database(url: sa.URL) -> sa.Engine:
    """Connect to the database and make the tables that it lacks. Raises Conflict when a newer program made it."""
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_writing)
    with transaction(engine) as connection:
        METADATA.create_all(connection)
        _check_schema_version(connection, url)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """WAL lets the service read while a pipeline writes; SQLite leaves foreign keys unchecked unless told."""
    connection.isolation_level = None  # SQLAlchemy begins transactions itself, see `_begin_writing`
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_writing(connection: sa.Connection) -> None:
    """Take the write lock at once: a transaction that reads first and writes later could be refused half-way."""
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get(_READS_ONLY) else "BEGIN IMMEDIATE")


def _check_schema_version(connection: sa.Connection, url: sa.URL) -> None:
    found = connection.execute(sa.select(_schema_version.c.version)).scalar_one_or_none()
    if found is None:
        connection.execute(_schema_version.insert().values(version=SCHEMA_VERSION))
    elif found > SCHEMA_VERSION:
        raise Conflict(
            f"{url.render_as_string(hide_password=True)} has schema version {found}, this program knows "
            f"{SCHEMA_VERSION}: install the newer program again, or name another state database"
        )


@contextmanager
def transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that may write. Raises StorageFailed when the database does not answer."""
    with _named(engine), engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that only reads, and waits for no writer. Raises StorageFailed like `transaction`."""
    reader = engine.execution_options(**{_READS_ONLY: True})
    with _named(engine), reader.begin() as connection:
        yield connection


@contextmanager
def _named(engine: sa.Engine) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        where = engine.url.render_as_string(hide_password=True)
        raise StorageFailed(f"the state database {where} does not answer: {error}") from error
