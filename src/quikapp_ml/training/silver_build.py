"""The steps of a build: ask the engine over pinned versions, write the answer, and remember the version."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from secrets import token_hex

import pyarrow as pa

from quikapp_ml.stores.lake.base import Compute, Lake, Table
from quikapp_ml.stores.lake.tables import CATALOG

logger = logging.getLogger(__name__)

WORK = f"{CATALOG}.work."
"""What the names of scratch tables begin with."""


def drop_scratch(lake: Lake) -> None:
    """Take away the scratch tables of builds that were cut off."""
    for name in lake.names():
        if name.startswith(WORK):
            lake.drop(name)


class SilverBuild:
    """One build: every query reads one and the same version of each table.

    `versions` are those of tables as they were read, and as they were written by this build.
    """

    def __init__(self, lake: Lake, compute: Compute, versions: Mapping[str, int]) -> None:
        self.lake = lake
        self._compute = compute
        self.versions = dict(versions)
        self._suffix = f"_{token_hex(4)}"
        """Of scratch tables: one of another build, cut off or under way, is never taken for ours."""

    def ask(self, sql: str, **views: Table) -> pa.Table:
        """The answer to a query over tables, given by the names that the query uses."""
        names = {view: self._held_as(source.name) for view, source in views.items()}
        uris = {view: self.lake.uri(name) for view, name in names.items()}
        return self._compute.query(sql, uris, {view: self.versions[name] for view, name in names.items()})

    def make(self, table: Table, sql: str, **views: Table) -> None:
        """Replace a table by the answer to a query."""
        rows = self.ask(sql, **views)
        self.lake.ensure(table)
        self.wrote(table, rows, self.lake.overwrite(table.name, rows))

    @contextmanager
    def scratch(self, table: Table, rows: pa.Table) -> Iterator[None]:
        """A table for the engine to read, as long as the context lasts."""
        name = f"{table.name}{self._suffix}"
        self.lake.ensure(replace(table, name=name))
        self.versions[name] = self.lake.append(name, rows)
        try:
            yield
        finally:
            self.lake.drop(name)
            del self.versions[name]

    def _held_as(self, name: str) -> str:
        return f"{name}{self._suffix}" if name.startswith(WORK) else name

    def wrote(self, table: Table, rows: pa.Table, version: int) -> None:
        """Remember what was written."""
        self.versions[table.name] = version
        logger.info("%s: %d rows, version %d", table.name, rows.num_rows, version)
