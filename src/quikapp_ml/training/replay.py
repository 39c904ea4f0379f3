"""The log of events, read back in the order in which things happened."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from quikapp_ml.entities.events import Event, event_from_row
from quikapp_ml.errors import JobFailed
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.tables import EVENTS


class LeakAlarm(JobFailed):
    """Something of the future was known, or would have been, to an example of the past."""

    code = "leak_alarm"


BATCH_ROWS = 10_000
_ORDER = [("event_time", "ascending"), ("ingest_time", "ascending"), ("event_id", "ascending")]


def ordered_events(lake: Lake, version: int | None = None, *, texts: bool = True) -> Iterator[Event]:
    """All events of the lake by event time, then ingest time, then id; none when the table was never made.

    The table is held in Arrow's memory, events one by one in Python's. `version` reads an older version of the table.
    Without `texts`, which are most of it, messages have no content and edits, which are nothing else, are left out.
    """
    if version is None and not lake.exists(EVENTS.name):
        return
    if texts:
        yield from in_order(lake.read(EVENTS.name, version=version))
        return
    rows = lake.read(EVENTS.name, [name for name in EVENTS.columns.names if name != "content"], version)
    yield from in_order(rows.filter(pc.not_equal(rows["type"], "edit")))


def in_order(rows: pa.Table) -> Iterator[Event]:
    """Rows of the table `events` as events, by event time, then ingest time, then id."""
    ordered = rows.sort_by(_ORDER)
    for batch in ordered.to_batches(max_chunksize=BATCH_ROWS):
        for row in batch.to_pylist():
            yield event_from_row(row)
