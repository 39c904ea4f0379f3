"""The tables of feature values: every build adds what the values were at its moment, so the past can be looked up.

Each is a table of the feature store, with two clocks: `as_of`, the moment that the values are of, and `ingest_time`,
when they were computed. A look-up at a time sees the newest values of before it, as they were computed before it.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

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


def add_values(lake: Lake, table: Table, values: pa.Table, built_at: datetime, keep: timedelta) -> int:
    """Add the values of one build, forget builds that are older than `keep`, and return the table's version."""
    rows = values.append_column(pa.field(KNOWN, TIME), pa.array([built_at] * values.num_rows, TIME))
    lake.ensure(table)
    if not _has_older(lake, table.name, built_at - keep):
        return lake.append(table.name, rows)
    past = lake.read(table.name)
    kept = past.filter(pc.greater_equal(past[HAPPENED], pa.scalar(built_at - keep, TIME)))
    whole = [part.select(table.columns.names).cast(table.columns) for part in (kept, rows)]
    return lake.overwrite(table.name, pa.concat_tables(whole))


def _has_older(lake: Lake, name: str, time: datetime) -> bool:
    oldest = pc.min(lake.read(name, columns=[HAPPENED])[HAPPENED]).as_py()
    return oldest is not None and oldest < time
