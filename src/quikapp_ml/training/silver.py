"""From bronze to what models learn from: silver tables, feature tables and labels, all of one moment."""

import logging
from collections.abc import Mapping
from datetime import datetime

import pyarrow as pa

from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.features.base import FeatureView
from quikapp_ml.stores.lake.base import Compute, Lake, Table
from quikapp_ml.stores.lake.tables import ACTIVITIES, CATALOG, EVENTS, MESSAGES, SENTIMENT_LABELS, SPAM_LABELS
from quikapp_ml.training.silver_sql import ACTIVITIES_SQL, MESSAGES_SQL, SENTIMENT_LABELS_SQL, SPAM_LABELS_SQL

logger = logging.getLogger(__name__)


def feature_table(view: FeatureView) -> Table:
    """The table of a view's values: a row for each entity."""
    text, number, time = pa.string(), pa.float64(), pa.timestamp("us", tz="UTC")
    types = {**dict.fromkeys(view.entity_key, text), **dict.fromkeys(view.features, number), "as_of": time}
    return Table(
        name=f"{CATALOG}.features.{view.name}",
        columns=pa.schema([pa.field(name, kind) for name, kind in types.items()]),
        key=view.entity_key,
        comment=f"{view.comment} Values as they were at `as_of`.",
    )


FEATURE_TABLES: Mapping[str, Table] = {view.name: feature_table(view) for view in FEATURE_VIEWS}
"""View name → its table."""


class SilverBuild:
    """One build: every query reads one and the same version of the events, and the tables made from it."""

    def __init__(self, lake: Lake, compute: Compute) -> None:
        self._lake = lake
        self._compute = compute
        lake.ensure(EVENTS)
        self.versions: dict[str, int] = {EVENTS.name: lake.version(EVENTS.name)}

    def make(self, table: Table, sql: str, **views: Table) -> None:
        """Replace a table by the answer to a query over other tables, given by the names that the query uses."""
        rows = self._compute.query(
            sql,
            {view: self._lake.uri(source.name) for view, source in views.items()},
            {view: self.versions[source.name] for view, source in views.items()},
        )
        self._lake.ensure(table)
        self.versions[table.name] = self._lake.overwrite(table.name, rows)
        logger.info("%s: %d rows, version %d", table.name, rows.num_rows, self.versions[table.name])


def build_silver(lake: Lake, compute: Compute, as_of: datetime) -> dict[str, int]:
    """Make all silver, feature and label tables anew; features as they were at `as_of`.

    Returns the versions: of `events` as read, of every other table as written. Without events, the tables are empty.
    """
    build = SilverBuild(lake, compute)
    build.make(MESSAGES, MESSAGES_SQL, events=EVENTS)
    build.make(ACTIVITIES, ACTIVITIES_SQL, events=EVENTS)
    build.make(SPAM_LABELS, SPAM_LABELS_SQL, events=EVENTS, messages=MESSAGES)
    build.make(SENTIMENT_LABELS, SENTIMENT_LABELS_SQL, events=EVENTS, messages=MESSAGES)
    for view in FEATURE_VIEWS:
        build.make(FEATURE_TABLES[view.name], view.sql("activities", as_of), activities=ACTIVITIES)
    return build.versions
