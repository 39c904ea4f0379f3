"""A table cut into the parts that are looked at: windows of time, slices, models."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from quikapp_ml.monitoring.definition import GRANULARITIES

MAX_VALUES = 100
"""So many values of a slice, the most frequent, are looked at."""

ALL_MODELS = "*"


@dataclass(frozen=True)
class Part:
    """Which rows: of a window, a slice and a model; without a slice its key is None."""

    start: datetime
    end: datetime
    granularity: str | None
    slice_key: str | None = None
    slice_value: str | None = None
    model_id: str | None = None

    @property
    def series(self) -> tuple[str | None, ...]:
        """What stays the same from window to window."""
        return (self.granularity, self.slice_key, self.slice_value, self.model_id)


def windows(rows: pa.Table, timestamp_col: str, granularity: str) -> Iterator[tuple[datetime, datetime, pa.Table]]:
    """The windows that have rows, in order: start, end (exclusive) and rows. Rows without a time are in none."""
    multiple, unit = GRANULARITIES[granularity]
    times = pc.cast(rows[timestamp_col], pa.timestamp("us", tz="UTC"))
    starts = pc.floor_temporal(times, multiple=multiple, unit=unit, week_starts_monday=True)
    for start in sorted(start for start in pc.unique(starts).to_pylist() if start is not None):
        yield start, end_of(start, granularity), rows.filter(pc.equal(starts, pa.scalar(start, starts.type)))


def end_of(start: datetime, granularity: str) -> datetime:
    """When the window that begins then ends."""
    multiple, unit = GRANULARITIES[granularity]
    if unit == "month":
        return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    if unit == "year":
        return start.replace(year=start.year + 1)
    return start + multiple * timedelta(**{f"{unit}s": 1})


def slices(rows: pa.Table, keys: Sequence[str], columns: Sequence[str]) -> Iterator[tuple[str, str, pa.Table]]:
    """The rows of each value of each slice: `columns` hold, as texts, what the slicing expressions `keys` say."""
    for key, column in zip(keys, columns, strict=True):
        counts = pc.value_counts(rows[column].combine_chunks()).to_pylist()
        known = [(-each["counts"], each["values"]) for each in counts if each["values"] is not None]
        for _, value in sorted(known)[:MAX_VALUES]:
            yield key, value, rows.filter(pc.equal(rows[column], value))


def models(rows: pa.Table, model_id_col: str) -> Iterator[tuple[str, pa.Table]]:
    """The rows of all models together, and of each when there are several."""
    yield ALL_MODELS, rows
    ids = pc.cast(rows[model_id_col], pa.string())
    for model_id in sorted(each for each in pc.unique(ids).to_pylist() if each is not None):
        yield model_id, rows.filter(pc.equal(ids, model_id))
