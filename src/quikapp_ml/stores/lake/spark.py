"""SQL over Delta tables by Spark Connect: Sail in this process, or any Apache Spark elsewhere.

References: https://spark.apache.org/docs/latest/spark-connect-overview.html, https://docs.lakesail.com/sail/
"""

import os
import re
import socket
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import unquote, urlparse

import pyarrow as pa
from pysail.spark import SparkConnectServer
from pyspark.errors import PySparkException
from pyspark.sql.connect.client.core import DefaultChannelBuilder
from pyspark.sql.connect.client.retries import DefaultPolicy
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.session import SparkSession

from quikapp_ml.errors import InvalidInput, JobFailed, Unavailable
from quikapp_ml.stores.lake.base import Compute
from quikapp_ml.stores.lake.secrecy import cause, without_keys

CONNECT_SECONDS = 10
DEFAULT_PORT = 15002
_UNPACKED = ("grpc.compression_enabled_algorithms_bitset", 1)
"""Option of a channel: answers as they are. Packing pays off on a network only."""
_OF_ANY_SIZE = ("grpc.max_receive_message_length", -1)
"""Option of a channel: the client's own limit is 128 MiB, and Sail tells millions of rows in one message at times."""
_VIEW_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")


class SparkCompute(Compute):
    """One Spark Connect session, opened by the first query; queries of several threads run one after the other.

    Without a remote, the engine is Sail in this process, behind a port of 127.0.0.1. Its threads do not survive a
    fork: a process that has asked a query must start others by `spawn` or `subprocess`.
    """

    def __init__(self, remote: str = "") -> None:
        self._remote = remote
        self._lock = Lock()
        self._server: SparkConnectServer | None = None
        self._session: Any = None
        self._address = ""
        self._doors: tempfile.TemporaryDirectory[str] | None = None

    def query(self, sql: str, tables: Mapping[str, str], versions: Mapping[str, int] | None = None) -> pa.Table:
        """Run one SELECT over the tables, each as it is now or at its version."""
        versions = versions or {}
        _check_names(tables, versions)
        with self._lock:
            session = self._open()
            try:
                for view, uri in tables.items():
                    self._register(session, view, uri, versions.get(view))
                return session.sql(sql).toArrow()
            except PySparkException as error:
                raise JobFailed(f"the query failed: {without_keys(str(error))}") from cause(error)
            finally:
                self._forget(session, tables)

    def session(self) -> SparkSession:
        """The session itself, for those who work with data frames."""
        with self._lock:
            return self._open()

    def new_session(self) -> SparkSession:
        """Another session of the same engine: what is registered in it is seen nowhere else."""
        with self._lock:
            self._open()
            return _new_session(self._address)

    def readable(self, uri: str) -> str:
        """The URL of a table's files as the engine reads it."""
        with self._lock:
            self._open()
            return self._readable(uri)

    def frame(self, uri: str, version: int | None = None, session: SparkSession | None = None) -> DataFrame:
        """A Delta table as a data frame of our session, or of another one that reaches the same files."""
        with self._lock:
            chosen = self._open() if session is None else session
            return self._load(chosen, uri, version)

    def close(self) -> None:
        """Give the session and the engine back."""
        with self._lock:
            if self._session is not None:
                end_session(self._session)
            if self._server is not None:
                self._server.stop()
            if self._doors is not None:
                self._doors.cleanup()
            self._session = self._server = self._doors = None

    def _open(self) -> Any:
        if self._session is None:
            self._address = self._remote or self._start_sail()
            _check_reachable(self._address)
            self._session = _new_session(self._address)
        return self._session

    def _start_sail(self) -> str:
        os.environ.setdefault("RUST_LOG", "error")  # Sail would tell of each session on standard error
        self._server = SparkConnectServer("127.0.0.1", 0)
        self._server.start(background=True)
        host, port = self._server.listening_address
        return f"sc://{host}:{port}"

    def _register(self, session: Any, view: str, uri: str, version: int | None) -> None:
        self._load(session, uri, version).createOrReplaceTempView(view)

    def _load(self, session: Any, uri: str, version: int | None) -> DataFrame:
        reader = session.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        return reader.load(self._readable(uri))

    def _readable(self, uri: str) -> str:
        """The place under a name that the engine can read.

        Apache Spark takes file URLs as they are written, without decoding them. Sail 0.7 finds no table below a folder
        with a space or an umlaut.
        """
        if not uri.startswith("file://"):
            return uri
        path = unquote(urlparse(uri).path)
        if self._server is None:
            return f"file://{path}"
        if _PLAIN_PATH.fullmatch(path):
            return uri
        if self._doors is None:
            self._doors = tempfile.TemporaryDirectory(prefix="quikapp-ml-doors-")
        door = Path(self._doors.name) / sha256(path.encode()).hexdigest()
        if not door.is_symlink():
            door.symlink_to(path, target_is_directory=True)
        return door.as_uri()

    @staticmethod
    def _forget(session: Any, views: Mapping[str, str]) -> None:
        try:
            for view in views:
                session.catalog.dropTempView(view)
        except PySparkException as error:
            raise JobFailed(f"the engine is gone: {without_keys(str(error))}") from cause(error)


def _new_session(address: str) -> Any:
    # Sail packs its answers by gzip where that is taken, which costs several times what making them does.
    options = [_OF_ANY_SIZE, *([_UNPACKED] if urlparse(address).hostname == "127.0.0.1" else [])]
    session = SparkSession.builder.channelBuilder(DefaultChannelBuilder(address, options)).create()
    # The client's own policy would try for ten minutes; this one gives up after about four seconds.
    session.client.set_retry_policies([DefaultPolicy(max_retries=4)])
    session.conf.set("spark.sql.session.timeZone", "UTC")
    return session


def end_session(session: Any) -> None:
    """Give a session back, and leave nothing to its finalizer.

    A finalizer may run in any thread, also in one of those that all sessions of the process share to release answers.
    pyspark's would wait there for the end of these threads, and so for itself, for ever.
    """
    session.stop()
    session.client.close = _nothing


def _nothing() -> None:
    """What is left to do."""


def _check_names(tables: Mapping[str, str], versions: Mapping[str, int]) -> None:
    wrong = [view for view in tables if not _VIEW_NAME.fullmatch(view)]
    if wrong:
        raise InvalidInput(f"view names {wrong} must be letters, digits and _, and not begin with a digit")
    unknown = sorted(set(versions) - set(tables))
    if unknown:
        raise InvalidInput(f"versions are given for {unknown}, which are not among the tables {sorted(tables)}")


def _check_reachable(address: str) -> None:
    """Refuse at once what the client would try to reach for ten minutes. Only host and port are ever printed."""
    place = urlparse(address)
    try:
        host, port = place.hostname, place.port or DEFAULT_PORT
    except ValueError:
        host, port = None, 0
    if place.scheme != "sc" or not host:
        raise InvalidInput("a Spark Connect URL must be sc://host:port; the one given has another form")
    try:
        socket.create_connection((host, port), CONNECT_SECONDS).close()
    except OSError as error:
        raise Unavailable(f"Spark at {host}:{port} does not answer: {error}", 10) from error
