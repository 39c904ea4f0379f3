"""Reading one shared table: its newest version, an earlier one, or what changed between two."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, floor
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from quikapp_ml.databricks_api.sharing.predicates import Tree, chosen_files, parse_json, parse_sql
from quikapp_ml.databricks_api.sharing.table_log import TableHead, TableLog
from quikapp_ml.databricks_api.sharing.wire import DELTA, Capabilities, Sign, ndjson, wire_for
from quikapp_ml.errors import InvalidInput
from quikapp_ml.stores.state.shares import SharedTable

_MAX_VERSION = 2**63 - 1
_SPACED_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f")


class Question(BaseModel):
    """What a reader asks. Fields that other servers know, and this one does not, are hints and left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)

    starting_version: int | None = Field(None, ge=0, le=_MAX_VERSION)
    ending_version: int | None = Field(None, ge=0, le=_MAX_VERSION)


class SnapshotQuestion(Question):
    """The body of a query. With a starting version it asks for files added and removed since."""

    model_config = ConfigDict(strict=True)

    predicate_hints: list[str] | None = Field(None, max_length=1000)
    json_predicate_hints: str | None = None
    limit_hint: int | None = Field(None, ge=0)
    version: int | None = Field(None, ge=0, le=_MAX_VERSION)
    timestamp: str | None = None


class ChangesQuestion(Question):
    """The parameters of a request for changes."""

    starting_timestamp: str | None = None
    ending_timestamp: str | None = None
    include_historical_metadata: bool = False


@dataclass(frozen=True)
class Told:
    """An answer: the version it begins with, its form, and its lines."""

    version: int
    form: str
    lines: bytes


class SharedTableReader:
    """Answers about one table for one recipient.

    Raises InvalidInput when the question cannot be answered, with words that are fit for the recipient's eyes.
    """

    def __init__(self, shared: SharedTable, log: TableLog, sign: Sign) -> None:
        self._shared = shared
        self._log = log
        self._sign = sign

    def version(self, starting_timestamp: str | None = None) -> int:
        """The newest version, or the earliest one that is not older than the time given."""
        if starting_timestamp is None:
            return self._log.newest_version()
        self._require_history()
        return self._first_version_since(starting_timestamp)

    def metadata(self, capabilities: Capabilities) -> Told:
        """Columns and partitions of the newest version."""
        head = self._log.head()
        wire = wire_for(head, capabilities)
        return Told(head.version, wire.name, ndjson([wire.protocol(head), wire.metadata(head)]))

    def snapshot(self, question: SnapshotQuestion, capabilities: Capabilities) -> Told:
        """The files of a version that may hold what the hints ask for."""
        version = self._version_wanted(question.version, question.timestamp)
        head, files = self._log.snapshot(version)
        wire = wire_for(head, capabilities)
        chosen = chosen_files(files, _predicates(question, head), question.limit_hint)
        at, as_of = {}, {}
        if version is not None:
            as_of = {"version": version}
            at = {"version": version, "timestamp": self._log.commit(version).time_ms}
        size = {"size": sum(file.size for file in files), "numFiles": len(files)}
        lines = [wire.protocol(head), wire.metadata(head, **as_of, **size)]
        lines += [wire.file(file, self._sign(file, head.version), **at) for file in chosen]
        return Told(head.version, wire.name, ndjson(lines))

    def files_since(self, question: SnapshotQuestion, capabilities: Capabilities) -> Told:
        """Files added and removed since a version, for readers that follow the table."""
        asked = ChangesQuestion(
            startingVersion=question.starting_version,
            endingVersion=question.ending_version,
            includeHistoricalMetadata=True,
        )
        return self._changes(asked, capabilities, as_feed=False)

    def changes(self, question: ChangesQuestion, capabilities: Capabilities) -> Told:
        """Rows that were inserted, updated and deleted. The change data feed must be on from the first version."""
        return self._changes(question, capabilities, as_feed=True)

    def _changes(self, question: ChangesQuestion, capabilities: Capabilities, *, as_feed: bool) -> Told:
        self._require_history()
        start, end = self._range(question)
        first, last = self._log.head(start), self._log.head(end)
        wire = wire_for(last, capabilities)
        wire_for(first, capabilities)
        if as_feed and not first.feeds_changes:
            raise self._feed_is_off(start)
        # A Delta engine replays the log and needs each version's own columns; other readers want the newest at once.
        as_it_was = question.include_historical_metadata or wire.name == DELTA
        told = wire.metadata(first, version=start) if as_it_was else wire.metadata(last)
        lines = [wire.protocol(last), told]
        for version in range(start, end + 1):
            commit = self._log.commit(version)
            if as_feed and commit.stops_feeding_changes:
                raise self._feed_is_off(version)
            if as_it_was and commit.changes_columns and version > start:
                lines.append(wire.metadata(self._log.head(version), version=version))
            lines += [wire.change(each, self._sign(each.file, version)) for each in commit.changes(as_feed=as_feed)]
        return Told(start, wire.name, ndjson(lines))

    # --- versions

    def _version_wanted(self, version: int | None, timestamp: str | None) -> int | None:
        if version is None and timestamp is None:
            return None
        self._require_history()
        if version is not None:
            if timestamp is not None:
                raise InvalidInput("give version or timestamp, not both")
            return self._shown(version)
        return self._shown(self._last_version_until(str(timestamp)))

    def _range(self, question: ChangesQuestion) -> tuple[int, int]:
        newest = self._log.newest_version()
        start = self._one_end("starting", question.starting_version, question.starting_timestamp)
        end = self._one_end("ending", question.ending_version, question.ending_timestamp)
        if start is None:
            raise InvalidInput("give startingVersion or startingTimestamp")
        end = newest if end is None else end
        for version in (start, end):
            if version > newest:
                raise InvalidInput(f"there is no version {version}; the newest is {newest}")
        if start > end:
            raise InvalidInput(f"the range is empty: it begins with version {start} and ends with version {end}")
        return self._shown(start), end

    def _one_end(self, end: Literal["starting", "ending"], version: int | None, timestamp: str | None) -> int | None:
        if version is not None and timestamp is not None:
            raise InvalidInput(f"give {end}Version or {end}Timestamp, not both")
        if timestamp is None:
            return version
        return self._first_version_since(timestamp) if end == "starting" else self._last_version_until(timestamp)

    def _first_version_since(self, timestamp: str) -> int:
        found = self._log.first_at_or_after(ceil(_unix_ms(timestamp)))
        if found is None:
            raise InvalidInput(f"no version is as new as {timestamp}")
        return max(found, self._shared.start_version)

    def _last_version_until(self, timestamp: str) -> int:
        found = self._log.last_at_or_before(floor(_unix_ms(timestamp)))
        if found is None:
            raise InvalidInput(f"no version is as old as {timestamp}, or it is not kept any longer")
        return found

    def _shown(self, version: int) -> int:
        if version < self._shared.start_version:
            raise InvalidInput(f"version {version} is not shared; the earliest is {self._shared.start_version}")
        return version

    def _require_history(self) -> None:
        if not self._shared.with_history:
            raise InvalidInput(f"the history of table {self._name} is not shared: read it as it is now")

    def _feed_is_off(self, version: int) -> InvalidInput:
        return InvalidInput(f"cdf is not enabled on table {self._name} at version {version}")

    @property
    def _name(self) -> str:
        return f"{self._shared.schema}.{self._shared.name}"


def _predicates(question: SnapshotQuestion, head: TableHead) -> list[Tree]:
    types = _column_types(head)
    found = [parse_sql(hint, types) for hint in question.predicate_hints or ()]
    if question.json_predicate_hints:
        found.append(parse_json(question.json_predicate_hints, types))
    return [predicate for predicate in found if predicate is not None]


def _column_types(head: TableHead) -> Mapping[str, str]:
    fields: list[dict[str, Any]] = orjson.loads(head.columns)["fields"]
    return {field["name"]: field["type"] for field in fields if isinstance(field["type"], str)}


def _unix_ms(timestamp: str) -> float:
    """Milliseconds of `2026-11-23T02:00:00Z` or `2026-11-23 2:00:00.5`; a time without a zone is UTC."""
    time = _parsed(timestamp)
    try:
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000
    except (OverflowError, ValueError):
        raise InvalidInput(f"timestamp {timestamp[:50]!r} is beyond all times") from None


def _parsed(timestamp: str) -> datetime:
    try:
        return datetime.fromisoformat(timestamp)
    except ValueError:
        for spaced in _SPACED_FORMATS:
            try:
                return datetime.strptime(timestamp, spaced)
            except ValueError:
                continue
    raise InvalidInput(f"timestamp {timestamp[:50]!r} is not understood; write 2026-11-23T02:00:00Z")
