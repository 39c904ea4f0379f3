"""One refresh of a monitor: reads the table at one version, looks at every part of it, writes both metric tables."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from quikapp_ml.errors import NotFound
from quikapp_ml.monitoring.definition import Kind, MonitorDefinition, check_columns
from quikapp_ml.monitoring.drift import drift
from quikapp_ml.monitoring.groups import Part, models, slices, windows
from quikapp_ml.monitoring.metric_tables import drift_table, profile_table, write
from quikapp_ml.monitoring.profiles import profile
from quikapp_ml.monitoring.slicing import slicing_sql
from quikapp_ml.stores.lake.base import Compute, Lake

MAX_WINDOWS = 1_000
"""So many windows of a granularity, the newest, are looked at."""

_SLICE = "__slice_{}"

CONSECUTIVE, BASELINE = "CONSECUTIVE", "BASELINE"


def check_slicing(definition: MonitorDefinition, columns: pa.Schema) -> None:
    """Raises InvalidInput for slicing expressions that are more than conditions over the columns."""
    for expression in definition.slicing:
        slicing_sql(expression, columns.names)


def make_tables(lake: Lake, definition: MonitorDefinition) -> None:
    """Make the tables that a monitor writes, when they are not there."""
    for table in (profile_table(definition), drift_table(definition)):
        lake.ensure(table)


@dataclass(frozen=True)
class _Seen:
    """One part, its rows and their profile."""

    part: Part
    rows: pa.Table
    profile: Mapping[str, Mapping[str, Any]]


class Refresh:
    """Computes a monitor once. `open_compute` is only asked for when there are slices: an engine costs memory."""

    def __init__(
        self, definition: MonitorDefinition, lake: Lake, open_compute: Callable[[], Compute], now: datetime
    ) -> None:
        self._definition = definition
        self._lake = lake
        self._open_compute = open_compute
        self._now = now
        self._profiles: list[dict[str, Any]] = []
        self._drifts: list[dict[str, Any]] = []

    def run(self, is_canceled: Callable[[], bool] = lambda: False) -> bool:
        """Look at everything and write it; whether it was, and not canceled on the way.

        Raises NotFound without the table, InvalidInput when it no longer has the columns.
        """
        definition = self._definition
        version = self._lake.version(definition.table)
        check_columns(definition, self._lake.columns(definition.table))
        baseline = self._baseline()
        last: dict[tuple[str | None, ...], _Seen] = self._last_snapshot()
        for part, rows in self._parts(self._read(definition.table, version)):
            if is_canceled():
                return False
            seen = self._look(part, rows)
            self._note_profile(seen, "INPUT", version)
            self._compare(seen, last.get(part.series), CONSECUTIVE)
            self._compare(seen, baseline.get(_place(part)), BASELINE)
            last[part.series] = seen
        write(self._lake, definition, profile_table(definition), self._profiles)
        write(self._lake, definition, drift_table(definition), self._drifts)
        return True

    def _read(self, table: str, version: int) -> pa.Table:
        """The table, with what the slicing expressions say in columns of their own."""
        if not self._definition.slicing:
            return self._lake.read(table, version=version)
        columns = self._lake.columns(table).names
        said = [
            f"CAST(({slicing_sql(each, columns)}) AS STRING) AS {_SLICE.format(n)}"
            for n, each in enumerate(self._definition.slicing)
        ]
        compute = self._open_compute()
        try:
            sql = f"SELECT *, {', '.join(said)} FROM monitored"  # noqa: S608 checked by slicing_sql
            return compute.query(sql, {"monitored": self._lake.uri(table)}, {"monitored": version})
        finally:
            compute.close()

    def _parts(self, rows: pa.Table) -> Iterator[tuple[Part, pa.Table]]:
        definition = self._definition
        if definition.kind is Kind.SNAPSHOT:
            yield from self._in_slices(Part(self._now, self._now, None), rows)
            return
        for granularity in definition.granularities:
            found = list(windows(rows, definition.timestamp_col, granularity))
            for start, end, inside in islice(found, max(0, len(found) - MAX_WINDOWS), None):
                yield from self._in_slices(Part(start, end, granularity), inside)

    def _in_slices(self, part: Part, rows: pa.Table) -> Iterator[tuple[Part, pa.Table]]:
        yield from self._of_models(part, rows)
        keys = self._definition.slicing
        for key, value, inside in slices(rows, keys, [_SLICE.format(n) for n in range(len(keys))]):
            yield from self._of_models(replace(part, slice_key=key, slice_value=value), inside)

    def _of_models(self, part: Part, rows: pa.Table) -> Iterator[tuple[Part, pa.Table]]:
        inference = self._definition.inference
        if inference is None:
            yield part, rows
            return
        for model_id, inside in models(rows, inference.model_id_col):
            yield replace(part, model_id=model_id), inside

    def _look(self, part: Part, rows: pa.Table) -> _Seen:
        rows = rows.drop_columns([name for name in rows.column_names if name.startswith(_SLICE.format(""))])
        return _Seen(part, rows, profile(rows, self._definition.inference))

    def _baseline(self) -> dict[tuple[str | None, ...], _Seen]:
        """The baseline table as a whole, in all and by slices, by place."""
        definition = self._definition
        if not definition.baseline:
            return {}
        version = self._lake.version(definition.baseline)
        whole = Part(self._now, self._now, None)
        found = {}
        for part, rows in self._in_slices(whole, self._read(definition.baseline, version)):
            seen = self._look(part, rows)
            self._note_profile(seen, "BASELINE", version)
            found[_place(part)] = seen
        return found

    def _last_snapshot(self) -> dict[tuple[str | None, ...], _Seen]:
        """What the refresh before has seen of a table that is looked at as a whole, as far as it is still kept."""
        definition = self._definition
        if definition.kind is not Kind.SNAPSHOT or not self._lake.exists(definition.profile_table):
            return {}
        rows = self._lake.read(definition.profile_table, ["window", "log_type", "logging_table_commit_version"])
        rows = rows.filter(pc.equal(rows["log_type"], "INPUT"))
        if not rows.num_rows:
            return {}
        starts = pc.struct_field(rows["window"], "start")
        last = pc.max(starts)
        version = rows.filter(pc.equal(starts, last))["logging_table_commit_version"][0].as_py()
        try:
            before = self._read(definition.table, version)
        except NotFound:
            return {}
        whole = Part(last.as_py(), last.as_py(), None)
        return {part.series: self._look(part, inside) for part, inside in self._in_slices(whole, before)}

    def _note_profile(self, seen: _Seen, log_type: str, version: int) -> None:
        for name, statistics in seen.profile.items():
            told = {"log_type": log_type, "logging_table_commit_version": version}
            self._profiles.append({**self._where(seen.part), **told, "column_name": name, **statistics})

    def _compare(self, seen: _Seen, other: _Seen | None, kind: str) -> None:
        if other is None:
            return
        between = _window(other.part) if kind == CONSECUTIVE else None
        for name, statistics in drift(seen.rows, seen.profile, other.rows, other.profile).items():
            told = {"window_cmp": between, "drift_type": kind}
            self._drifts.append({**self._where(seen.part), **told, "column_name": name, **statistics})

    def _where(self, part: Part) -> dict[str, Any]:
        inference = self._definition.inference
        return {
            "window": _window(part),
            "granularity": part.granularity,
            "slice_key": part.slice_key,
            "slice_value": part.slice_value,
            "monitor_version": self._definition.version,
            **({inference.model_id_col: part.model_id} if inference else {}),
        }


def _place(part: Part) -> tuple[str | None, ...]:
    """What a part has in common with one of the baseline."""
    return (part.slice_key, part.slice_value, part.model_id)


def _window(part: Part) -> dict[str, datetime]:
    return {"start": part.start, "end": part.end}
