"""The SQL database behind the control state: how it is opened, how a transaction runs, what all tables share."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.exc import DataError, SQLAlchemyError

from quikapp_ml.errors import Conflict, InvalidInput, StorageFailed

SCHEMA_VERSION = 1
READS_ONLY = "reads_only"
_DAMAGED_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""Execution option of a transaction that writes nothing."""


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


def open_database(engine: sa.Engine) -> sa.Engine:
    """Make the tables that the database lacks. Raises Conflict when a newer program made it."""
    with transaction(engine) as connection:
        schema = connection.get_execution_options().get("schema_translate_map", {}).get(None)
        if schema is not None:
            connection.execute(sa.schema.CreateSchema(schema, if_not_exists=True))
        METADATA.create_all(connection)
        _check_schema_version(connection, engine.url)
    return engine


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
    reader = engine.execution_options(**{READS_ONLY: True})
    with _named(engine), reader.begin() as connection:
        yield connection


@contextmanager
def _named(engine: sa.Engine) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise InvalidInput(f"the state database does not take a value: {error.orig}") from error
    except SQLAlchemyError as error:
        where = engine.url.render_as_string(hide_password=True)
        told = getattr(error, "orig", None)
        if getattr(told, "sqlite_errorcode", 0) & 0xFF in _DAMAGED_CODES:
            raise StorageFailed(
                f"the state database {where}: {told}. Put a copy back, or move it away, with its -wal and -shm files, "
                "to begin without tokens, endpoints, shares and records of runs"
            ) from error
        raise StorageFailed(f"the state database {where} does not answer: {error}") from error
