"""The steps of a build: ask the engine over pinned versions, write the answer, and remember the version."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from secrets import token_hex

import pyarrow as pa

from quikapp_ml.stores.lake.base import Compute, Lake, Table
from quikapp_ml.stores.lake.tables import CATALOG

logger = logging.getLogger(__name__)

WORK = f"{CATALOG}.work."
"""What the names of scratch tables begin with."""


N_THREADS = 2
"""The engine answers one query after the other; beside it, what was answered before is compared and written."""


def drop_scratch(lake: Lake) -> None:
    """Take away the scratch tables of builds that were cut off."""
    for name in lake.names():
        if name.startswith(WORK):
            lake.drop(name)


def side_by_side(steps: Iterable[Callable[[], None]]) -> None:
    """Take steps that do not need each other, in a few threads; all end before the first error is raised."""
    with ThreadPoolExecutor(N_THREADS) as pool:
        taken = [pool.submit(step) for step in steps]
    for one in taken:
        one.result()


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
        uris = {view: self.lake.uri(table.name) for view, table in views.items()}
        return self._compute.query(sql, uris, {view: self.versions[table.name] for view, table in views.items()})

    def make(self, table: Table, sql: str, **views: Table) -> None:
        """Replace a table by the answer to a query."""
        self.put(table, self.ask(sql, **views))

    def put(self, table: Table, rows: pa.Table) -> None:
        """Replace a table by rows."""
        self.lake.ensure(table)
        self.wrote(table, rows, self.lake.overwrite(table.name, rows))

    @contextmanager
    def scratch(self, table: Table, rows: pa.Table) -> Iterator[Table]:
        """A table for the engine to read, as long as the context lasts.

        Its name is like no other: one of another step or build, cut off or under way, is never taken for it.
        """
        held = replace(table, name=f"{table.name}_{token_hex(4)}")
        self.lake.ensure(held)
        self.versions[held.name] = self.lake.append(held.name, rows)
        try:
            yield held
        finally:
            self.lake.drop(held.name)
            del self.versions[held.name]

    def wrote(self, table: Table, rows: pa.Table, version: int) -> None:
        """Remember what was written."""
        self.versions[table.name] = version
        logger.info("%s: %d rows, version %d", table.name, rows.num_rows, version)
