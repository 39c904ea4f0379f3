"""Finds tables of the lake by their ids, without reading the log of each of them for every question."""

import time
from collections.abc import Callable
from threading import Lock

from quikapp_ml.errors import NotFound
from quikapp_ml.serving.catalog.rules import Kind
from quikapp_ml.serving.catalog.securables import Securables
from quikapp_ml.serving.catalog.tables import Tables

KEPT_SECONDS = 60.0
"""An id that was read from a table's log is believed so long: it changes only when the table is made anew."""


class TableIds:
    """Ids of tables: of what was made by the catalog in its records, of others in their logs."""

    def __init__(self, securables: Securables, tables: Tables, clock: Callable[[], float] = time.monotonic) -> None:
        self._securables = securables
        self._tables = tables
        self._clock = clock
        self._lock = Lock()
        self._read: dict[str, str] = {}
        self._read_at = float("-inf")

    def name(self, table_id: str) -> str:
        """Full name of the table with this id. Raises NotFound."""
        unrecorded = self._securables.lake.names()
        for schema in sorted({name.rpartition(".")[0] for name in unrecorded}):
            records = self._securables.state.catalog.all(Kind.TABLE, schema)
            found = next((each.name for each in records if each.record_id == table_id), None)
            if found is not None:
                return found
            recorded = {each.name for each in records}
            unrecorded = [name for name in unrecorded if name not in recorded]
        for name, id_ in self._ids(unrecorded).items():
            if id_ == table_id:
                return name
        raise NotFound(f"there is no table with the id {table_id[:80]!r}")

    def id(self, name: str) -> str:
        """The id of a table; empty when it was dropped."""
        try:
            return self._tables.described(name).table_id
        except NotFound:
            return ""

    def _ids(self, names: list[str]) -> dict[str, str]:
        with self._lock:
            now = self._clock()
            if now - self._read_at >= KEPT_SECONDS:
                self._read, self._read_at = {}, now
            self._read |= {name: self.id(name) for name in names if name not in self._read}
            return {name: self._read[name] for name in names}
