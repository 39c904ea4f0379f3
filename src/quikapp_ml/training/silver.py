"""From bronze to what models learn from: silver tables, feature tables and labels, all of one moment.

The first build makes everything; a later one only what new events have changed, with the same result.
"""

import logging
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256

import pyarrow as pa

from quikapp_ml.errors import NotFound
from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.features.base import FeatureView
from quikapp_ml.features.parts import ViewParts
from quikapp_ml.stores.lake.base import Compute, Lake
from quikapp_ml.stores.lake.tables import ACTIVITIES, EVENTS, MESSAGES
from quikapp_ml.training.build_log import Build, BuildLog
from quikapp_ml.training.feature_history import FEATURE_TABLES, KEEP_FEATURES, add_values
from quikapp_ml.training.feature_parts import CHANGES, PARTS, FeatureParts
from quikapp_ml.training.increments import increment
from quikapp_ml.training.labels import LABELS, labels_of
from quikapp_ml.training.labels_sql import candidates_sql, counts_sql, wanted_of
from quikapp_ml.training.silver_build import SilverBuild, drop_scratch, side_by_side
from quikapp_ml.training.silver_sql import ACTIVITIES_SQL, MESSAGES_SQL
from quikapp_ml.training.silver_state import STATE_TABLES

logger = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SILVER = (MESSAGES, ACTIVITIES, *(state.table for state in STATE_TABLES), *LABELS)
"""The tables that a build makes anew, or brings up to date."""

_KEPT = (*SILVER, *PARTS.values(), CHANGES)
"""All tables that the next build begins from."""

_STATEMENTS = (
    MESSAGES_SQL,
    ACTIVITIES_SQL,
    *(state.sql for state in STATE_TABLES),
    candidates_sql(0, dict.fromkeys(("spam", "ham", "heard", "calm"), 10**9)),
    str(LABELS),
    *(ViewParts(view).values(_EPOCH, _EPOCH, some_are_gone=True) for view in FEATURE_VIEWS),
    *(str(table.columns) for table in _KEPT),
)
DEFINITIONS = sha256("\n".join(_STATEMENTS).encode()).hexdigest()
"""What the tables were made by: by other definitions, they are made anew."""


def build_silver(
    lake: Lake, compute: Compute, as_of: datetime, built_at: datetime | None = None, *, full: bool = False
) -> dict[str, int]:
    """Bring all silver and label tables up to date, and add to the feature tables what the values were at `as_of`.

    `built_at` (now, when not given) is when the values become known. With `full`, everything is made anew; as it is
    when the build before was cut off, or events were taken away since. Returns the versions: of `events`
    as read, of every other table as written. Without events, the tables are empty.
    """
    known_at = built_at or datetime.now(UTC)
    lake.ensure(EVENTS)
    log = BuildLog(lake)
    if log.cut_off:
        drop_scratch(lake)
    version = lake.version(EVENTS.name)
    new = None if full or log.cut_off or log.last is None else _new_events(lake, log.last, version)
    this = log.begin(known_at, as_of, DEFINITIONS, is_full=new is None)
    if new is None:
        logger.info("all tables are made anew")
        build = SilverBuild(lake, compute, {EVENTS.name: version})
        _make_all(build)
    else:
        logger.info("%d new events", new.num_rows)
        build = SilverBuild(lake, compute, {table.name: lake.version(table.name) for table in _KEPT})
        build.versions[EVENTS.name] = version
        _bring_up_to_date(build, new)
    parts = FeatureParts(build, as_of, log.last.parts_as_of if log.last and new is not None else None)

    def add(view: FeatureView) -> None:
        table, rows = FEATURE_TABLES[view.name], parts.values(view)
        build.wrote(table, rows, add_values(lake, table, rows, known_at, KEEP_FEATURES, forget=log.cut_off))

    side_by_side(partial(add, view) for view in FEATURE_VIEWS)
    log.end(this, build.versions, parts.since)
    return build.versions


def _new_events(lake: Lake, last: Build, version: int) -> pa.Table | None:
    """The events since the last build; None when its tables cannot be gone on from."""
    if last.definitions != DEFINITIONS or any(table.name not in last.versions for table in _KEPT):
        return None
    new = lake.added(EVENTS.name, last.versions[EVENTS.name], version)
    if new is None or not all(_put_back(lake, table.name, last.versions[table.name]) for table in _KEPT):
        return None
    return new


def _put_back(lake: Lake, name: str, version: int) -> bool:
    """See to it that the table holds what it held at the version; false when that is no longer known.

    It may have been compacted. What somebody else took away, such as the quality gate, is put back: the gate judges
    the rows of each build anew.
    """
    if not lake.exists(name):
        return False
    since = lake.added(name, version)
    if since is not None and not since.num_rows:
        return True
    try:
        rows = lake.read(name, version=version)
    except NotFound:
        return False
    lake.overwrite(name, rows)
    return True


def _make_all(build: SilverBuild) -> None:
    build.make(MESSAGES, MESSAGES_SQL, events=EVENTS)
    build.make(ACTIVITIES, ACTIVITIES_SQL, events=EVENTS)
    for state in STATE_TABLES:
        build.make(state.table, state.sql, events=EVENTS)
    _make_labels(build)


def _bring_up_to_date(build: SilverBuild, new: pa.Table) -> None:
    if not new.num_rows:
        return
    with increment(build, new) as night:

        def messages_and_labels() -> None:
            night.messages()
            _make_labels(build)

        side_by_side([messages_and_labels, night.activities, *(partial(night.state, state) for state in STATE_TABLES)])


def _make_labels(build: SilverBuild) -> None:
    ends = build.ask("SELECT MAX(unix_micros(event_time)) AS at FROM events", events=EVENTS)
    until = ends["at"].to_pylist()[0] or 0
    (counts,) = build.ask(counts_sql(until), messages=MESSAGES).to_pylist()
    candidates = build.ask(candidates_sql(until, counts), messages=MESSAGES)
    for table in LABELS:
        build.put(table, labels_of(table, candidates, wanted_of(counts)))
