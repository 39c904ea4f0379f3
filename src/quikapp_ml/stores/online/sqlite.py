"""Online state in one SQLite file, safe against a power cut: a write has returned when it is on the disk."""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from quikapp_ml.errors import Damaged, InvalidInput, StorageFailed
from quikapp_ml.stores.online.base import Changes, OnlineStore
from quikapp_ml.stores.online.remote import taken

KEYS_A_QUERY = 500
DOCUMENTS_A_PAGE = 2_000
ANSWER_SECONDS = 0.5
DAMAGED_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

_TABLES = """
CREATE TABLE IF NOT EXISTS documents (
  namespace TEXT NOT NULL, key TEXT NOT NULL, document BLOB NOT NULL, PRIMARY KEY (namespace, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""
_UPSERT = """
INSERT INTO documents (namespace, key, document) VALUES (?, ?, ?)
ON CONFLICT (namespace, key) DO UPDATE SET document = excluded.document
"""
_PAGE = "SELECT key, document FROM documents WHERE namespace = ? AND key > ? ORDER BY key LIMIT ?"
_FIRST_PAGE = "SELECT key, document FROM documents WHERE namespace = ? ORDER BY key LIMIT ?"


class SQLiteOnlineStore(OnlineStore):
    """Two connections for all threads of the process: one writes, and one reads without waiting for it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._write_lock = Lock()
        self._read_lock = Lock()
        with self._storage():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._writer = _connect(path)
            try:
                # FULL: the spool forgets what the checkpoint covers, so a checkpoint must not be lost in a power cut.
                for pragma in ("journal_mode = WAL", "synchronous = FULL", "temp_store = MEMORY"):
                    self._writer.execute(f"PRAGMA {pragma}")
                self._writer.executescript(_TABLES)
                self._reader = _connect(path)
            except sqlite3.Error:
                self._writer.close()
                raise

    def claim(self, owner: str) -> None:
        """Keep the owner's name as another row of `meta`."""
        with self._write_lock, self._storage(), self._transaction():
            self._writer.execute("INSERT OR IGNORE INTO meta VALUES ('owner', ?)", (owner,))
            (found,) = self._writer.execute("SELECT value FROM meta WHERE name = 'owner'").fetchone()
        if found != owner:
            raise taken(str(self._path))

    def get(self, namespace: str, keys: Sequence[str]) -> list[bytes | None]:
        """Documents in the order of the keys."""
        found: dict[str, bytes] = {}
        with self._read_lock, self._storage():
            for start in range(0, len(keys), KEYS_A_QUERY):
                some = keys[start : start + KEYS_A_QUERY]
                marks = ",".join("?" * len(some))
                sql = f"SELECT key, document FROM documents WHERE namespace = ? AND key IN ({marks})"  # noqa: S608
                found.update(self._reader.execute(sql, (namespace, *some)))
        return [found.get(key) for key in keys]

    def items(self, namespace: str) -> Iterator[tuple[str, bytes]]:
        """All documents, page by page: what is written meanwhile may be among them or not."""
        page = self._rows(_FIRST_PAGE, namespace, DOCUMENTS_A_PAGE)
        while page:
            yield from page
            page = self._rows(_PAGE, namespace, page[-1][0], DOCUMENTS_A_PAGE)

    def count(self, namespace: str) -> int:
        """How many documents a namespace holds."""
        return int(self._rows("SELECT COUNT(*) FROM documents WHERE namespace = ?", namespace)[0][0])

    def write(self, changes: Changes, checkpoint: int | None = None) -> None:
        """Write all changes and the checkpoint in one transaction."""
        flat = [(space, key, document) for space, documents in changes.items() for key, document in documents.items()]
        kept = [row for row in flat if row[2] is not None]
        gone = [row[:2] for row in flat if row[2] is None]
        with self._write_lock, self._storage(), self._transaction():
            self._writer.executemany(_UPSERT, kept)
            self._writer.executemany("DELETE FROM documents WHERE namespace = ? AND key = ?", gone)
            if checkpoint is not None:
                self._writer.execute("INSERT OR REPLACE INTO meta VALUES ('checkpoint', ?)", (checkpoint,))

    def clear(self, keep: Collection[str] = ()) -> None:
        """Empty the tables but for the owner, and what is to be kept."""
        marks = ",".join("?" * len(keep))
        with self._write_lock, self._storage(), self._transaction():
            self._writer.execute(f"DELETE FROM documents WHERE namespace NOT IN ({marks})", tuple(keep))  # noqa: S608
            self._writer.execute("DELETE FROM meta WHERE name = 'checkpoint'")

    @property
    def checkpoint(self) -> int:
        """Sequence number of the spool up to which the documents are complete."""
        rows = self._rows("SELECT value FROM meta WHERE name = 'checkpoint'")
        return int(rows[0][0]) if rows else 0

    def answers(self) -> bool:
        """Whether the store can be read within half a second."""
        if not self._read_lock.acquire(timeout=ANSWER_SECONDS):
            return False
        try:
            self._reader.execute("SELECT 1 FROM meta LIMIT 1").fetchall()
        except sqlite3.Error:
            return False
        finally:
            self._read_lock.release()
        return True

    def close(self) -> None:
        """Give the connections back."""
        with self._read_lock:
            self._reader.close()
        with self._write_lock:
            self._writer.close()

    def _rows(self, sql: str, *values: str | int) -> list[tuple[str, bytes]]:
        with self._read_lock, self._storage():
            return self._reader.execute(sql, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise

    @contextmanager
    def _storage(self) -> Iterator[None]:
        """Say what SQLite and the disk say in the words of our errors."""
        try:
            yield
        except UnicodeEncodeError as error:
            raise InvalidInput(f"a key or namespace is not text that can be stored: {error}") from None
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGED_CODES:
                raise Damaged(
                    f"online store {self._path}: {error}. Move it away, with its -wal and -shm files: the next start "
                    "makes it again from the tables and the spool"
                ) from error
            raise StorageFailed(f"online store {self._path}: {error}") from error


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
