"""The steps of a build: ask the engine over pinned versions, write the answer, and remember the version."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pyarrow as pa

from quikapp_ml.stores.lake.base import Compute, Lake, Table

logger = logging.getLogger(__name__)


class SilverBuild:
    """One build: every query reads one and the same version of each table.

    `versions` are those of tables as they were read, and as they were written by this build.
    """

    def __init__(self, lake: Lake, compute: Compute, versions: Mapping[str, int]) -> None:
        self.lake = lake
        self._compute = compute
        self.versions = dict(versions)

    def ask(self, sql: str, **views: Table) -> pa.Table:
        """The answer to a query over tables, given by the names that the query uses."""
        return self._compute.query(
            sql,
            {view: self.lake.uri(source.name) for view, source in views.items()},
            {view: self.versions[source.name] for view, source in views.items()},
        )

    def make(self, table: Table, sql: str, **views: Table) -> None:
        """Replace a table by the answer to a query."""
        rows = self.ask(sql, **views)
        self.lake.ensure(table)
        self.wrote(table, rows, self.lake.overwrite(table.name, rows))

    @contextmanager
    def scratch(self, table: Table, rows: pa.Table) -> Iterator[None]:
        """A table for the engine to read, as long as the context lasts."""
        if self.lake.exists(table.name):
            self.lake.drop(table.name)  # of a build that was cut off
        self.lake.ensure(table)
        self.versions[table.name] = self.lake.append(table.name, rows)
        try:
            yield
        finally:
            self.lake.drop(table.name)
            del self.versions[table.name]

    def wrote(self, table: Table, rows: pa.Table, version: int) -> None:
        """Remember what was written."""
        self.versions[table.name] = version
        logger.info("%s: %d rows, version %d", table.name, rows.num_rows, version)
