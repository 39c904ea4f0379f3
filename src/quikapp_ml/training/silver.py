"""From bronze to what models learn from: silver tables, feature tables and labels, all of one moment."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime

import pyarrow as pa

from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.stores.lake.base import Compute, Lake, Table
from quikapp_ml.stores.lake.tables import ACTIVITIES, EVENTS, MESSAGES, SENTIMENT_LABELS, SPAM_LABELS
from quikapp_ml.training.feature_history import FEATURE_TABLES, KEEP_FEATURES, add_values
from quikapp_ml.training.silver_sql import ACTIVITIES_SQL, MESSAGES_SQL, SENTIMENT_LABELS_SQL, SPAM_LABELS_SQL
from quikapp_ml.training.silver_state import STATE_TABLES

logger = logging.getLogger(__name__)


class SilverBuild:
    """One build: every query reads one and the same version of the events, and the tables made from it."""

    def __init__(self, lake: Lake, compute: Compute) -> None:
        self._lake = lake
        self._compute = compute
        lake.ensure(EVENTS)
        self.versions: dict[str, int] = {EVENTS.name: lake.version(EVENTS.name)}

    def make(self, table: Table, sql: str, **views: Table) -> None:
        """Replace a table by the answer to a query over other tables, given by the names that the query uses."""
        rows = self._ask(sql, views)
        self._lake.ensure(table)
        self._wrote(table, rows, self._lake.overwrite(table.name, rows))

    def add(self, table: Table, sql: str, built_at: datetime, **views: Table) -> None:
        """Add the values of this build to a table of features."""
        rows = self._ask(sql, views)
        self._wrote(table, rows, add_values(self._lake, table, rows, built_at, KEEP_FEATURES))

    def _ask(self, sql: str, views: Mapping[str, Table]) -> pa.Table:
        return self._compute.query(
            sql,
            {view: self._lake.uri(source.name) for view, source in views.items()},
            {view: self.versions[source.name] for view, source in views.items()},
        )

    def _wrote(self, table: Table, rows: pa.Table, version: int) -> None:
        self.versions[table.name] = version
        logger.info("%s: %d rows, version %d", table.name, rows.num_rows, version)


def build_silver(lake: Lake, compute: Compute, as_of: datetime, built_at: datetime | None = None) -> dict[str, int]:
    """Make all silver and label tables anew, and add to the feature tables what the values were at `as_of`.

    `built_at` (now, when not given) is when the values become known. Returns the versions: of `events` as read, of
    every other table as written. Without events, the tables are empty.
    """
    known_at = built_at or datetime.now(UTC)
    build = SilverBuild(lake, compute)
    build.make(MESSAGES, MESSAGES_SQL, events=EVENTS)
    build.make(ACTIVITIES, ACTIVITIES_SQL, events=EVENTS)
    for state in STATE_TABLES:
        build.make(state.table, state.sql, events=EVENTS)
    build.make(SPAM_LABELS, SPAM_LABELS_SQL, events=EVENTS, messages=MESSAGES)
    build.make(SENTIMENT_LABELS, SENTIMENT_LABELS_SQL, events=EVENTS, messages=MESSAGES)
    for view in FEATURE_VIEWS:
        build.add(FEATURE_TABLES[view.name], view.sql("activities", as_of), known_at, activities=ACTIVITIES)
    return build.versions
