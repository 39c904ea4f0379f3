"""Online state in PostgreSQL: one table in a schema of its own."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from hashlib import blake2b
from threading import Lock
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from quikapp_ml.errors import InvalidInput, StorageFailed
from quikapp_ml.stores.online.base import Changes, OnlineStore
from quikapp_ml.stores.online.remote import Expectation, Patience
from quikapp_ml.stores.postgres import Connection, Late, connect, read_url
from quikapp_ml.stores.remote import address

READ_SECONDS = 1.0
WRITE_SECONDS = 5.0
DELETED_A_STATEMENT = 50_000
DOCUMENTS_A_PAGE = 2_000
DOCUMENTS_A_STATEMENT = 5_000

# `place` is the namespace's digest followed by the key's: keys of any length and any text fit into one short index, and
# a namespace is a range of it.
_TABLES = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS {schema}.documents (
  place bytea PRIMARY KEY, namespace bytea NOT NULL, key bytea NOT NULL, document bytea NOT NULL
);
CREATE TABLE IF NOT EXISTS {schema}.online_meta (
  single boolean PRIMARY KEY DEFAULT true CHECK (single), owner text, checkpoint bigint NOT NULL DEFAULT 0
);
INSERT INTO {schema}.online_meta DEFAULT VALUES ON CONFLICT DO NOTHING;
"""
_UPSERT = """
INSERT INTO {schema}.documents (place, namespace, key, document)
SELECT * FROM unnest(%b::bytea[], %b::bytea[], %b::bytea[], %b::bytea[])
ON CONFLICT (place) DO UPDATE SET document = excluded.document
"""
_PAGE = """
SELECT place, key, document FROM {schema}.documents WHERE place > %b AND place < %b ORDER BY place LIMIT %s
"""
_DELETE_SOME = """
DELETE FROM {schema}.documents
WHERE place IN (SELECT place FROM {schema}.documents WHERE namespace <> ALL(%b) LIMIT %s)
"""
_META = "SELECT owner, checkpoint FROM {schema}.online_meta"
_META_FOR_UPDATE = "SELECT owner, checkpoint FROM {schema}.online_meta FOR UPDATE"

T = TypeVar("T")


class _Link:
    """One connection, opened when it is needed and again when it has broken; one thread at a time uses it."""

    def __init__(self, open_connection: Callable[[], Connection], wait_seconds: float) -> None:
        self._open = open_connection
        self._wait_seconds = wait_seconds
        self._connection: Connection | None = None
        self._lock = Lock()

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do it, a second time if the connection had been ended since its last use: all work may be repeated."""
        if not self._lock.acquire(timeout=self._wait_seconds):
            raise Late("others wait for it already")
        try:
            is_used = self._connection is not None
            try:
                return self._try(work)
            except psycopg.OperationalError as error:
                if not is_used or self._connection is not None or isinstance(error, Late):
                    raise
                return self._try(work)
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            self._drop()

    def _try(self, work: Callable[[Connection], T]) -> T:
        self._connection = self._connection or self._open()
        try:
            return work(self._connection)
        except psycopg.Error:
            if self._connection.broken or self._connection.closed:
                self._drop()
            raise

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class PostgresOnlineStore(OnlineStore):
    """Two connections for all threads of the process: one writes, and one reads without waiting for it.

    A write first locks the row that says whose the documents are and how far they go. A new connection may lead to
    another server than the last, an older copy of it: it reads that row before anything else.
    """

    def __init__(self, url: str) -> None:
        self._given, self._schema = read_url(url)
        self._where = f"{address(url)} schema {self._schema}"
        self._patience = Patience(self._where)
        self._expected = Expectation(self._where)
        self._is_closed = False
        self._reader = _Link(lambda: self._connect(READ_SECONDS), READ_SECONDS)
        self._writer = _Link(lambda: self._connect(WRITE_SECONDS), WRITE_SECONDS)
        self._run(self._writer, self._make_tables)

    def claim(self, owner: str) -> None:
        """Set the owner unless there is one."""

        def set_owner(connection: Connection) -> str:
            update = "UPDATE {schema}.online_meta SET owner = coalesce(owner, %s) RETURNING owner"
            return str(self._rows(connection, update, owner)[0][0])

        self._expected.claim(owner, self._run(self._writer, set_owner))

    def get(self, namespace: str, keys: Sequence[str]) -> list[bytes | None]:
        """One round trip for all keys."""
        places = [_place(namespace, key) for key in keys]
        statement = "SELECT place, document FROM {schema}.documents WHERE place = ANY(%b)"
        found = dict(self._read(statement, places)) if places else {}
        return [found.get(place) for place in places]

    def items(self, namespace: str) -> Iterator[tuple[str, bytes]]:
        """Page by page; what is written meanwhile may be among them or not."""
        last, end = _range(namespace)
        while page := self._read(_PAGE, last, end, DOCUMENTS_A_PAGE):
            yield from ((key.decode(), document) for _, key, document in page)
            last = page[-1][0]

    def count(self, namespace: str) -> int:
        """How many documents a namespace holds."""
        statement = "SELECT count(*) FROM {schema}.documents WHERE place > %b AND place < %b"
        return int(self._read(statement, *_range(namespace))[0][0])

    def write(self, changes: Changes, checkpoint: int | None = None) -> None:
        """One transaction; it has returned when the server has it on its disk."""
        kept, gone = [], []
        for namespace, documents in changes.items():
            kept += _rows_of(namespace, documents)
            gone += [_place(namespace, key) for key, document in documents.items() if document is None]

        def write_all(connection: Connection) -> None:
            with self._expected.moving_to(checkpoint), connection.transaction():
                self._check(connection, _META_FOR_UPDATE)
                for some in _chunks(kept):
                    self._execute(connection, _UPSERT, *map(list, zip(*some, strict=True)))
                for places in _chunks(gone):
                    self._execute(connection, "DELETE FROM {schema}.documents WHERE place = ANY(%b)", places)
                if checkpoint is not None:
                    self._execute(connection, "UPDATE {schema}.online_meta SET checkpoint = %s", checkpoint)

        self._run(self._writer, write_all)

    def clear(self, keep: Collection[str] = ()) -> None:
        """Empty the table but for what is to be kept; the owner stays."""
        kept = [_encoded(namespace) for namespace in keep]

        def clear_all(connection: Connection) -> None:
            with self._expected.moving_to(0), connection.transaction():
                self._execute(connection, "UPDATE {schema}.online_meta SET checkpoint = 0")
                if not kept:
                    self._execute(connection, "TRUNCATE {schema}.documents")
                while kept and self._execute(connection, _DELETE_SOME, kept, DELETED_A_STATEMENT).rowcount:
                    pass  # so that no statement takes longer than a wait may

        self._run(self._writer, clear_all)

    @property
    def checkpoint(self) -> int:
        """Sequence number of the spool up to which the documents are complete."""
        self._expected.checkpoint = int(self._read("SELECT checkpoint FROM {schema}.online_meta")[0][0])
        return self._expected.checkpoint

    def answers(self) -> bool:
        """Whether the store can be read now, and is as it was left."""
        try:
            self._run(self._reader, self._check)
        except StorageFailed:
            return False
        return True

    def close(self) -> None:
        """Give the connections back."""
        self._is_closed = True
        self._reader.close()
        self._writer.close()

    def _connect(self, seconds: float) -> Connection:
        connection = connect(self._given, seconds, autocommit=True)
        try:
            if self._expected.owner is not None:
                self._check(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_tables(self, connection: Connection) -> None:
        with connection.transaction():
            # CREATE IF NOT EXISTS of two processes at once can fail in one of them.
            connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [self._schema])
            connection.execute(self._sql(_TABLES))

    def _check(self, connection: Connection, statement: str = _META) -> None:
        check = self._expected.as_of_now()
        meta = self._rows(connection, statement)
        check(*(meta[0] if meta else (None, 0)))

    def _read(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        self._patience.check()
        return self._run(self._reader, lambda connection: self._rows(connection, statement, *values))

    def _rows(self, connection: Connection, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._execute(connection, statement, *values).fetchall()

    def _execute(self, connection: Connection, statement: str, *values: Any) -> psycopg.Cursor[Any]:
        return connection.execute(self._sql(statement), values, binary=True)

    def _sql(self, statement: str) -> sql.Composed:
        return sql.SQL(statement).format(schema=sql.Identifier(self._schema))

    def _run(self, link: _Link, work: Callable[[Connection], T]) -> T:
        """Do it; say what PostgreSQL and the network say in the words of our errors."""
        if self._is_closed:
            raise StorageFailed(f"online store {self._where}: it is closed")
        try:
            done = link.run(work)
        except (Late, psycopg.errors.ConnectionTimeout) as error:
            self._patience.lose()
            raise self._failed(error) from error
        except psycopg.Error as error:
            raise self._failed(error) from error
        self._patience.regain()
        return done

    def _failed(self, error: psycopg.Error) -> StorageFailed:
        return StorageFailed(f"online store {self._where}: {' '.join(str(error).split())}")


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"a key or namespace is not text that can be stored: {error}") from None


def _digest(text: str) -> bytes:
    return blake2b(_encoded(text), digest_size=16).digest()


def _place(namespace: str, key: str) -> bytes:
    return _digest(namespace) + _digest(key)


def _range(namespace: str) -> tuple[bytes, bytes]:
    """Every place of the namespace is greater than the first, and less than the second."""
    first = _digest(namespace)
    return first, first + b"\xff" * 17


def _rows_of(namespace: str, documents: Mapping[str, bytes | None]) -> list[tuple[bytes, bytes, bytes, bytes]]:
    name = _encoded(namespace)
    return [
        (_place(namespace, key), name, _encoded(key), bytes(memoryview(document)))
        for key, document in documents.items()
        if document is not None
    ]


def _chunks(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), DOCUMENTS_A_STATEMENT):
        yield rows[start : start + DOCUMENTS_A_STATEMENT]
