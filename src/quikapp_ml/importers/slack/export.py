"""A Slack export as events, oldest first."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from heapq import heappop, heappush
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from quikapp_ml.errors import InvalidInput, Problem
from quikapp_ml.importers.slack.archive import Archive, BrokenPart, Member, find_members, open_archive, read_entries
from quikapp_ml.importers.slack.directory import Channel, Person, read_channel, read_person
from quikapp_ml.importers.slack.entries import KNOWN_SUBTYPES, EntryReader
from quikapp_ml.importers.slack.facts import SECOND, Timed
from quikapp_ml.importers.slack.survey import Survey

_PEOPLE_LISTS = ("users.json", "org_users.json")
_CHANNEL_LISTS = ("channels.json", "groups.json", "dms.json", "mpims.json")
_DAY = 24 * 3600 * SECOND
_WIDEST_TIME_ZONE = 14 * 3600 * SECOND
_NAMED_IN_MESSAGE = 5

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Skipped:
    """A part of the export that cannot be used; `entry` is its place in the member's list, counted from 0."""

    member: str
    reason: str
    entry: int | None = None

    def __str__(self) -> str:
        place = self.member if self.entry is None else f"{self.member}, entry {self.entry}"
        return f"{place}: {self.reason}"


@dataclass(slots=True)
class ExportReport:
    """What became of an export; filled while its events are read."""

    n_members: int = 0
    """Files of the export that are read: lists and days of channels."""
    members_read: int = 0
    entries: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    """Entries that are no events of ours, counted by their subtype, such as `pinned_item`."""
    unlisted_channels: list[str] = field(default_factory=list)
    """Folders of channels that no list of channels names; the name of the folder is their id."""


def read_export(
    path: Path | str, skip_broken: bool = False, report: ExportReport | None = None
) -> Iterator[dict[str, Any]]:
    """The events of a Slack export, a zip or the folder it was unpacked to, in the API's JSON form, oldest first.

    The whole export is checked before the first event: raises InvalidInput that names every broken member or entry.
    With `skip_broken` they are left out and listed in `report`.
    """
    with open_archive(Path(path)) as archive:
        yield from _Export(archive, Path(path), skip_broken, report or ExportReport()).events()


def count_members(path: Path | str) -> int:
    """How many files of the export will be read, for a progress bar; cheap."""
    with open_archive(Path(path)) as archive:
        return len(find_members(archive, Path(path)))


class _Export:
    def __init__(self, archive: Archive, path: Path, skip_broken: bool, report: ExportReport) -> None:
        self._archive = archive
        self._path = path
        self._skip_broken = skip_broken
        self._report = report
        self._members = find_members(archive, path)
        self._days = [member for member in self._members if member.is_day]
        report.n_members = len(self._members)

    def events(self) -> Iterator[dict[str, Any]]:
        people = {person.user_id: person for person in self._read_lists(_PEOPLE_LISTS, lambda e, _: read_person(e))}
        channels = {channel.channel_id: channel for channel in self._read_lists(_CHANNEL_LISTS, read_channel)}
        folders = _folders(channels.values())
        survey = self._survey(people, channels, folders)
        self._refuse_broken()
        self._report.members_read = len(self._members) - len(self._days)
        yield from self._in_order(survey, folders)

    def _read_lists(self, files: tuple[str, ...], read: Callable[[Any, str], _T]) -> Iterator[_T]:
        for member in self._members:
            if member.folder or member.file not in files:
                continue
            for index, entry in enumerate(self._entries(member)):
                try:
                    yield read(entry, member.file)
                except BrokenPart as problem:
                    self._report.skipped.append(Skipped(member.path, str(problem), index))

    def _survey(
        self, people: Mapping[str, Person], channels: Mapping[str, Channel], folders: Mapping[str, str]
    ) -> Survey:
        """Read everything once, and keep aside what is broken."""
        survey = Survey(people, channels)
        unlisted: dict[str, None] = {}
        for member in self._days:
            if member.folder not in folders:
                unlisted[member.folder] = None
            channel_id = folders.get(member.folder, member.folder)
            for index, entry in enumerate(self._entries(member)):
                self._report.entries += 1
                try:
                    survey.see(channel_id, _checked(entry))
                except BrokenPart as problem:
                    self._report.skipped.append(Skipped(member.path, str(problem), index))
                else:
                    subtype = entry.get("subtype")
                    if subtype not in KNOWN_SUBTYPES:
                        self._report.ignored[str(subtype)] += 1
        self._report.unlisted_channels.extend(unlisted)
        return survey

    def _refuse_broken(self) -> None:
        skipped = self._report.skipped
        if not skipped or self._skip_broken:
            return
        named = [str(part) for part in skipped[:_NAMED_IN_MESSAGE]]
        if len(skipped) > len(named):
            named.append(f"and {len(skipped) - len(named)} more")
        raise InvalidInput(
            f"{self._path} is broken in {len(skipped)} places, nothing was imported; "
            f"the rest can be imported when these are skipped: {'; '.join(named)}",
            tuple(Problem(part.member, "broken_member", str(part)) for part in skipped),
        )

    def _in_order(self, survey: Survey, folders: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Merge all channels, one date after the other; an event is told once no later file can hold an earlier one."""
        waiting = _Waiting()
        broken: defaultdict[str, set[int | None]] = defaultdict(set)
        for part in self._report.skipped:
            broken[part.member].add(part.entry)
        waiting.put(survey.opening())
        waiting.put(survey.closing())
        reader = EntryReader(survey.bots)
        for file, members in groupby(self._days, key=lambda member: member.file):
            yield from waiting.until(_midnight(file) - _WIDEST_TIME_ZONE)
            for member in members:
                if None not in broken[member.path]:
                    channel_id = folders.get(member.folder, member.folder)
                    waiting.put(self._day(member, channel_id, reader, broken[member.path]))
                self._report.members_read += 1
        yield from waiting.until(None)

    def _day(self, member: Member, channel_id: str, reader: EntryReader, broken: set[int | None]) -> Iterator[Timed]:
        for index, entry in enumerate(read_entries(self._archive, member)):
            if index not in broken:
                yield from reader.events(channel_id, entry)

    def _entries(self, member: Member) -> list[Any]:
        try:
            return read_entries(self._archive, member)
        except BrokenPart as problem:
            self._report.skipped.append(Skipped(member.path, str(problem)))
            return []


class _Waiting:
    """Events that wait for their turn."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, dict[str, Any]]] = []
        self._n_put = 0

    def put(self, events: Iterator[Timed]) -> None:
        for at, event in events:
            self._n_put += 1
            heappush(self._heap, (at, self._n_put, event))

    def until(self, end: int | None) -> Iterator[dict[str, Any]]:
        """Those before `end`, all for None; equal times in the order in which they were put."""
        while self._heap and (end is None or self._heap[0][0] < end):
            yield heappop(self._heap)[2]


def _folders(channels: Iterable[Channel]) -> dict[str, str]:
    """Folder → channel id. Most exports name the folder as the channel, some by its id."""
    by_id = {channel.channel_id: channel.channel_id for channel in channels}
    return by_id | {channel.folder: channel.channel_id for channel in channels}


def _checked(entry: object) -> Mapping[str, Any]:
    if not isinstance(entry, dict):
        raise BrokenPart(f"it is a JSON {type(entry).__name__} where an object belongs")
    return entry


def _midnight(file: str) -> int:
    """The beginning of the day that a file is named after; a name that is no date sorts as the year 1."""
    try:
        return (date.fromisoformat(file.removesuffix(".json")) - date(1970, 1, 1)).days * _DAY
    except ValueError:
        return 0
