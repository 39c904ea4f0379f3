"""Which builds of the silver tables there were: what the next begins from, and what one that was cut off left."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from quikapp_ml.stores.lake.base import Lake, Table
from quikapp_ml.stores.lake.constraints import given
from quikapp_ml.stores.lake.tables import CATALOG, OWNER, TIME

BUILDS = Table(
    name=f"{CATALOG}.silver.builds",
    columns=pa.schema(
        [
            ("number", pa.int64()),
            ("is_done", pa.bool_()),
            ("is_full", pa.bool_()),
            ("built_at", TIME),
            ("as_of", TIME),
            ("parts_as_of", TIME),
            ("definitions", pa.string()),
            ("versions", pa.map_(pa.string(), pa.int64())),
        ]
    ),
    key=("number", "is_done"),
    comment="Builds of the silver tables: a row when one begins, and one when it is done, with the versions it made.",
    constraints=given("number", "is_done", "built_at"),
    owner=OWNER,
)


@dataclass(frozen=True)
class Build:
    """One build: when, of which moment, and by which definitions."""

    number: int
    is_full: bool
    built_at: datetime
    as_of: datetime
    definitions: str
    parts_as_of: datetime | None
    """The moment that the kept parts of features are of."""
    versions: Mapping[str, int]
    """Table → its version: of `events` as read, of every other table as written."""


class BuildLog:
    """The table of builds, as it was when it was opened."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        lake.ensure(BUILDS)
        rows = lake.read(BUILDS.name)
        last = pc.max(rows.filter(rows["is_done"])["number"]).as_py()
        newer = rows if last is None else rows.filter(pc.greater_equal(rows["number"], last))
        self._next = (pc.max(rows["number"]).as_py() or 0) + 1
        self._newer = newer.to_pylist()
        self._last = last

    @property
    def last(self) -> Build | None:
        """The last build that was done; None when there was none."""
        for row in self._newer:
            if row["is_done"] and row["number"] == self._last:
                facts = {name: value for name, value in row.items() if name != "is_done"}
                return Build(**{**facts, "versions": dict(row["versions"])})
        return None

    @property
    def cut_off(self) -> list[datetime]:
        """When the builds were begun that followed the last one and were never done."""
        return [row["built_at"] for row in self._newer if row["number"] != self._last]

    def begin(self, built_at: datetime, as_of: datetime, definitions: str, *, is_full: bool) -> Build:
        """Write down that a build begins."""
        build = Build(self._next, is_full, built_at, as_of, definitions, None, {})
        self._write(build, is_done=False)
        return build

    def end(self, build: Build, versions: Mapping[str, int], parts_as_of: datetime) -> None:
        """Write down that the build is done."""
        self._write(replace(build, versions=versions, parts_as_of=parts_as_of), is_done=True)

    def _write(self, build: Build, *, is_done: bool) -> None:
        row = {**vars(build), "versions": list(build.versions.items()), "is_done": is_done}
        self._lake.append(BUILDS.name, pa.Table.from_pylist([row], schema=BUILDS.columns))
