"""The tables of feature values: every build adds what the values were at its moment, so the past can be looked up.

Each is a table of the feature store, with two clocks: `as_of`, the moment that the values are of, and `ingest_time`,
when they were computed. A look-up at a time sees the newest values of before it, as they were computed before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa

from quikapp_ml.feature_store.tables import FeatureTable
from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.features.base import FeatureView
from quikapp_ml.stores.lake.base import Lake, Table
from quikapp_ml.stores.lake.constraints import given
from quikapp_ml.stores.lake.tables import CATALOG, OWNER, TIME

HAPPENED, KNOWN = "as_of", "ingest_time"
KEEP_FEATURES = timedelta(days=90)
"""How long the values of a build can be looked up."""


def feature_table(view: FeatureView) -> Table:
    """The table of a view's values: a row for each entity and build."""
    types = {
        **dict.fromkeys(view.entity_key, pa.string()),
        **dict.fromkeys(view.features, pa.float64()),
        HAPPENED: TIME,
        KNOWN: TIME,
    }
    table = FeatureTable(
        name=f"{CATALOG}.features.{view.name}",
        primary_keys=(*view.entity_key, HAPPENED),
        timestamp_keys=(HAPPENED,),
        known_time_key=KNOWN,
        description=f"{view.comment} Values as they were at `as_of`, computed at `ingest_time`; a row for each build.",
        columns=pa.schema([pa.field(name, kind) for name, kind in types.items()]),
    ).declared()
    constraints = given(*table.key)
    return replace(table, constraints=constraints, owner=OWNER, retention=KEEP_FEATURES, retention_column=HAPPENED)


FEATURE_TABLES: Mapping[str, Table] = {view.name: feature_table(view) for view in FEATURE_VIEWS}
"""View name → its table."""


def add_values(
    lake: Lake,
    table: Table,
    values: pa.Table,
    built_at: datetime,
    keep: timedelta,
    *,
    forget: Sequence[datetime] = (),
) -> int:
    """Add the values of one build, forget builds that are older than `keep`, and return the table's version.

    Forgotten are also the values that builds of these times left behind when they were cut off.
    """
    rows = values.append_column(pa.field(KNOWN, TIME), pa.repeat(pa.scalar(built_at, TIME), values.num_rows))
    lake.ensure(table)
    if forget:
        lake.replace(table.name, KNOWN, forget, table.columns.empty_table())
    lake.delete_older(table.name, HAPPENED, built_at - keep)
    return lake.append(table.name, rows)
