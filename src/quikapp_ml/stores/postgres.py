"""Connections to PostgreSQL on which nothing waits for ever."""

from typing import Any, TypeVar

import psycopg
from psycopg import conninfo
from psycopg.abc import PQGen
from psycopg.errors import OperationalError

from quikapp_ml.errors import InvalidInput
from quikapp_ml.stores.remote import split_name

CONNECT_SECONDS = 2
DEFAULT_SCHEMA = "quikapp_ml"
FORM = "postgresql://[user:password@]host[:port]/database[?schema=name&sslmode=…]"

T = TypeVar("T")


class Late(OperationalError):
    """The server did not answer in time; the connection is closed."""


class Connection(psycopg.Connection[Any]):
    """A connection whose statements are given up after some seconds.

    `statement_timeout` would ask the server to watch the clock; a server that hangs, or a network that swallows
    packets, does not.
    """

    seconds: float | None = None

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for the server, but not longer than `seconds`."""
        try:
            return super().wait(gen, interval=interval, timeout=self.seconds if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:  # psycopg has no public name for it
            self.close()
            raise Late("it did not answer in time") from error


def read_url(url: str) -> tuple[str, str]:
    """What psycopg connects with, and the schema. Raises InvalidInput, showing nothing of the URL."""
    url, schema = split_name(url, "schema", DEFAULT_SCHEMA)
    try:
        defaults: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "application_name": "quikapp-ml"}
        return conninfo.make_conninfo("", **{**defaults, **conninfo.conninfo_to_dict(url)}), schema
    except psycopg.Error:  # its message may show the URL
        raise InvalidInput(f"a PostgreSQL URL cannot be read: {FORM}") from None


def connect(given: str, seconds: float, *, autocommit: bool = False) -> Connection:
    """Connect within `CONNECT_SECONDS` for each address; each later wait takes `seconds` at most."""
    connection = Connection.connect(given, autocommit=autocommit)
    connection.seconds = seconds
    return connection
