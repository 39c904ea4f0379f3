"""Feature values of a night from the parts that an earlier build counted, and the activities that changed since.

Parts are counted anew when a tenth of the activities has changed, or an earlier moment is asked for.
"""

from collections.abc import Mapping
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.features.base import FeatureView
from quikapp_ml.features.parts import ViewParts
from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.tables import ACTIVITIES, CATALOG, OWNER
from quikapp_ml.training.silver_build import SilverBuild

MOST_CHANGED = 0.1
"""Share of the activities; above it, it takes longer to add the changes than to count anew after them."""

CHANGES = Table(
    name=f"{CATALOG}.silver.changed_activities",
    columns=pa.schema([*ACTIVITIES.columns, pa.field("is_gone", pa.bool_())]),
    key=("event_id", "kind", "other_user_id", "is_gone"),
    comment="Activities that came, or went, since the parts of features were counted.",
    owner=OWNER,
)


def _parts_table(view: FeatureView) -> Table:
    types = {
        **dict.fromkeys(view.entity_key, pa.string()),
        **dict.fromkeys(ViewParts(view).names, pa.float64()),
    }
    return Table(
        name=f"{CATALOG}.silver.{view.name}_parts",
        columns=pa.schema(list(types.items())),
        key=view.entity_key,
        comment=f"What the values of `features.{view.name}` are put together from, as it was when it was counted last.",
        owner=OWNER,
    )


PARTS: Mapping[str, Table] = {view.name: _parts_table(view) for view in FEATURE_VIEWS}
"""View name → the table of its parts."""


class FeatureParts:
    """The parts, as of the moment `since`, and what changed after them; with None, they are counted first."""

    def __init__(self, build: SilverBuild, as_of: datetime, since: datetime | None) -> None:
        self._build = build
        self._as_of = as_of
        if since is None or since > as_of or self._have_mostly_changed():
            self._count()
            since = as_of
        self.since = since
        self._some_went = pc.any(build.lake.read(CHANGES.name, columns=["is_gone"])["is_gone"]).as_py()

    def values(self, view: FeatureView) -> pa.Table:
        """The values of a view."""
        parts = ViewParts(view)
        some_are_gone = self._some_went and self._build.ask(parts.gone, changes=CHANGES)["n"].to_pylist() != [0]
        statement = parts.values(self._as_of, self.since, some_are_gone=some_are_gone)
        return self._build.ask(statement, parts=PARTS[view.name], changes=CHANGES, activities=ACTIVITIES)

    def _have_mostly_changed(self) -> bool:
        changed, whole = (self._build.lake.size(table.name).rows for table in (CHANGES, ACTIVITIES))
        return changed > MOST_CHANGED * whole

    def _count(self) -> None:
        for view in FEATURE_VIEWS:
            counted = ViewParts(view).counted("activities", self._as_of)
            self._build.make(PARTS[view.name], counted, activities=ACTIVITIES)
        later = f"event_time > TIMESTAMP '{self._as_of:%Y-%m-%d %H:%M:%S.%f}'"
        names = ", ".join(ACTIVITIES.columns.names)
        statement = f"SELECT {names}, false AS is_gone FROM activities WHERE {later}"  # noqa: S608 ours
        self._build.make(CHANGES, statement, activities=ACTIVITIES)


def add_changes(build: SilverBuild, added: pa.Table, gone: pa.Table) -> None:
    """Keep what came and went, until parts are counted again."""
    rows = pa.concat_tables(
        each.append_column("is_gone", pa.array([is_gone] * each.num_rows, pa.bool_()))
        for each, is_gone in ((added, False), (gone, True))
    )
    if rows.num_rows:
        build.wrote(CHANGES, rows, build.lake.append(CHANGES.name, rows))
