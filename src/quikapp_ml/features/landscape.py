"""What all askers' answers are made of, in columns, each part kept until an event touches it.

Channels are rows in the order of their ids. Nothing here asks who may see what: `viewpoint` does, before anything of
this gets into an answer. And no value of one channel depends on another's: hidden ones leave no trace.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.seats import Seats
from quikapp_ml.features.workspace import Workspace

Floats = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]
Rows = np.ndarray[Any, np.dtype[np.int64]]

LIVELY, JOINED = 0, 1
"""Columns of `Landscape.strengths`."""
N_LIVELIEST = 512
MAX_OVERLAPS = 128
_CHANNEL_STRENGTHS = ("messages_7d", "joins_30d")
_NOBODY: frozenset[str] = frozenset()
_NOWHERE: Rows = np.zeros(0, dtype=np.int64)
_NOTHING: Floats = np.zeros((0, 2))

_WORD_ENDS = re.compile(r"[\W_]+")

T = TypeVar("T")


class Landscape:
    """Channels in columns, people by team, and what each person and channel is asked for again and again.

    Made for one workspace and its features, and brought up to date by `refresh`. Readers change nothing in it.
    """

    def __init__(self, workspace: Workspace, features: OnlineFeatures) -> None:
        self._workspace = workspace
        self.features = features
        self._begin()

    @classmethod
    def of(cls, workspace: Workspace, features: OnlineFeatures) -> "Landscape":
        """The one of a workspace and its features, up to date."""
        found = workspace.landscape
        if not isinstance(found, cls) or found.features is not features:
            found = workspace.landscape = cls(workspace, features)
            workspace.touched.everything = True
        found.refresh()
        return found

    def _begin(self) -> None:
        self._set_channels(())
        self.absent: set[str] = set()
        """Bots, and people who are gone."""
        self._blockers: dict[str, set[str]] = {}
        self._blocked: dict[str, frozenset[str]] = {}
        self._teams: dict[str, set[str]] = {}
        self._team_of: dict[str, str | None] = {}
        self._people: list[str] | None = None
        self._rosters: dict[str, list[str]] = {}
        self._of_messages: dict[str, dict[str, Any]] = {}

    # ── bringing up to date ──────────────────────────────────────────────────────────────────────────────────────

    def refresh(self) -> None:
        """Take in what was touched since the last time."""
        noted, counted = self._workspace.touched, self.features.touched
        if noted.everything or counted.everything:
            self._begin()
            self._see_people(self._workspace.people)
            self._set_channels(sorted(self._workspace.channels))
        elif noted.people or noted.channels or noted.messages or counted.people or counted.channels:
            self._take_in()
        else:
            return
        noted.clear()
        counted.clear()

    def _take_in(self) -> None:
        noted, counted = self._workspace.touched, self.features.touched
        self._see_people(noted.people)
        for user_id in counted.people:
            self.seats.forget_writings(user_id)
        if noted.seats:  # somebody came or left: one of those who did something
            for user_id in noted.people:
                self.seats.forget(user_id)
            self._forget_overlaps(noted.seats, noted.people)
        for channel_id in noted.seats:
            self._rosters.pop(channel_id, None)
        for channel_id in noted.messages:
            self._of_messages.pop(channel_id, None)
        if noted.channels <= self.row.keys():
            self._see_channels(noted.channels)
            self._see_sizes(noted.seats)
            self._see_strengths(counted.channels & self.row.keys())
        else:
            self._set_channels(sorted(self._workspace.channels))

    def _set_channels(self, channel_ids: Sequence[str]) -> None:
        n = len(channel_ids)
        self.channel_ids = list(channel_ids)
        self.row = {channel_id: row for row, channel_id in enumerate(channel_ids)}
        self.is_public: Flags = np.zeros(n, dtype=bool)
        """Of channels that are not archived and that all but guests may look into."""
        self.is_archived: Flags = np.zeros(n, dtype=bool)
        self.sizes: Rows = np.zeros(n, dtype=np.int64)
        self.created_at: Floats = np.full(n, np.nan)
        self.name_kin: Rows = np.zeros(n, dtype=np.int64)
        """The same number for channels with the same first word: `release-notes`, `release-talk`; 0 without a name."""
        self._number_of_word: dict[str, int] = {}
        self.strengths: Floats = np.full((n, len(_CHANNEL_STRENGTHS)), -np.inf)
        self.seats = Seats(self._places, self._writings)
        self._overlaps: dict[str, Rows] = {}
        self._liveliest: Rows | None = None
        self._newest: Rows | None = None
        self._extremes: tuple[int, Floats] | None = None
        self._rarities: Floats | None = None
        self._see_channels(channel_ids)
        self._see_sizes(channel_ids)
        self._see_strengths(channel_ids)

    def _see_channels(self, channel_ids: Collection[str]) -> None:
        if not channel_ids:
            return
        rows = self._rows(channel_ids)
        channels = [self._workspace.channels[channel_id] for channel_id in channel_ids]
        self.is_archived[rows] = [one.is_archived for one in channels]
        self.is_public[rows] = [one.is_known and not one.is_private and not one.is_archived for one in channels]
        self.created_at[rows] = [np.nan if one.created_at is None else one.created_at for one in channels]
        words, number = [_WORD_ENDS.split(one.name or "", maxsplit=1)[0] for one in channels], self._number_of_word
        self.name_kin[rows] = [number.setdefault(word, len(number) + 1) if word else 0 for word in words]
        self._liveliest = self._newest = self._extremes = None

    def _see_sizes(self, channel_ids: Collection[str]) -> None:
        if channel_ids:
            members_of = self._workspace.members_of
            self.sizes[self._rows(channel_ids)] = [len(members_of(channel_id)) for channel_id in channel_ids]
            self._extremes = self._rarities = None

    def _see_strengths(self, channel_ids: Collection[str]) -> None:
        if channel_ids:
            keys = [(channel_id,) for channel_id in channel_ids]
            found = self.features.strengths("channel_activity", keys, _CHANNEL_STRENGTHS)
            self.strengths[self._rows(channel_ids)] = found
            self._liveliest = self._extremes = None

    def _rows(self, channel_ids: Iterable[str]) -> list[int]:
        return [self.row[channel_id] for channel_id in channel_ids]

    def _see_people(self, user_ids: Iterable[str]) -> None:
        people = self._workspace.people
        for user_id in user_ids:
            person = people[user_id]
            is_absent = person.is_bot or person.is_deleted
            if is_absent != (user_id in self.absent):
                (self.absent.add if is_absent else self.absent.discard)(user_id)
                self._of_messages.clear()
            if user_id not in self._team_of:
                self._people = None
            if person.team != self._team_of.get(user_id):
                self.team(self._team_of.get(user_id) or "").discard(user_id)
                if person.team:
                    self._teams.setdefault(person.team, set()).add(user_id)
            self._team_of[user_id] = person.team
            self._see_blocks(user_id, frozenset(other for other in person.blocked if person.blocked.holds(other)))

    def _see_blocks(self, user_id: str, blocked: frozenset[str]) -> None:
        before = self._blocked.get(user_id, _NOBODY)
        if before == blocked:
            return
        for other in before - blocked:
            self._blockers[other].discard(user_id)
        for other in blocked - before:
            self._blockers.setdefault(other, set()).add(user_id)
        self._blocked[user_id] = blocked

    # ── channels ─────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def liveliest(self) -> Rows:
        """Rows of the N_LIVELIEST liveliest public channels (all, of fewer), best first; equal ones by id."""
        if self._liveliest is None:
            rows = np.flatnonzero(self.is_public)
            if len(rows) > N_LIVELIEST:
                strengths = self.strengths[rows, LIVELY]
                rows = rows[strengths >= np.partition(strengths, -N_LIVELIEST)[-N_LIVELIEST]]
            self._liveliest = rows[np.argsort(-self.strengths[rows, LIVELY], kind="stable")][:N_LIVELIEST]
        return self._liveliest

    @property
    def newest(self) -> Rows:
        """Rows of the public channels, the newest first; of the same age by id."""
        if self._newest is None:
            rows = np.flatnonzero(self.is_public)
            self._newest = rows[np.argsort(-self.created_at[rows], kind="stable")]
        return self._newest

    @property
    def extremes(self) -> tuple[int, Floats]:
        """Of public channels: members of the largest, and the greatest strengths."""
        if self._extremes is None:
            strengths = np.where(self.is_public[:, None], self.strengths, -np.inf).max(axis=0, initial=-np.inf)
            self._extremes = int(self.sizes.max(initial=0, where=self.is_public)), strengths
        return self._extremes

    @property
    def rarities(self) -> Floats:
        """(n_channels,): less the more members there are."""
        if self._rarities is None:
            self._rarities = np.asarray(1 / np.log2(2 + self.sizes), dtype=float)
        return self._rarities

    def of_messages(self, channel_id: str, name: str, make: Callable[[], T]) -> T:
        """What `make` makes of the messages of a channel, kept under the name until they change; None is not kept."""
        of_channel = self._of_messages.setdefault(channel_id, {})
        found: T | None = of_channel.get(name)
        if found is None:
            found = of_channel[name] = make()
        return found

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def people(self) -> list[str]:
        """Ids of everybody, sorted."""
        if self._people is None:
            self._people = sorted(self._workspace.people)
        return self._people

    def team(self, name: str) -> set[str]:
        """Everybody of a team."""
        return self._teams.get(name, set())

    def blockers(self, user_id: str) -> set[str]:
        """Those who blocked a person."""
        return self._blockers.get(user_id, set())

    def roster(self, channel_id: str) -> list[str]:
        """Members of a channel, sorted."""
        found = self._rosters.get(channel_id)
        if found is None:
            found = self._rosters[channel_id] = sorted(self._workspace.members_of(channel_id))
        return found

    def memberships(self, user_id: str) -> Rows:
        """Rows of the channels that a person is in, sorted."""
        return self.seats.rows_of(user_id)

    def counts(self, user_ids: Iterable[str], weights: Sequence[float] | None = None) -> Floats | Rows:
        """(n_channels,): how many of the people are in each channel, or their summed weight."""
        lines = self.seats.lines(self.seats.numbers(user_ids))
        of_each = None if weights is None else np.asarray(weights, dtype=float)[lines.person]
        return np.bincount(lines.rows, of_each, len(self.row))

    def overlaps(self, channel_id: str) -> Rows:
        """(n_channels,): how many members of a channel are in each."""
        found = self._overlaps.get(channel_id)
        if found is None:
            if len(self._overlaps) >= MAX_OVERLAPS:
                del self._overlaps[next(iter(self._overlaps))]
            found = self._overlaps[channel_id] = self.counts(self._workspace.members_of(channel_id)).astype(np.int32)
        return found

    def _forget_overlaps(self, channel_ids: Iterable[str], user_ids: Iterable[str]) -> None:
        """People came into channels, or left them: they count in all their other ones as well."""
        places = {place for user_id in user_ids for place in self._workspace.channels_of(user_id)}
        for channel_id in places.union(channel_ids) & self._overlaps.keys():
            del self._overlaps[channel_id]

    def _places(self, user_id: str) -> Rows:
        places = self._workspace.channels_of(user_id)
        return np.array(sorted(self._rows(places)), dtype=np.int64) if places else _NOWHERE

    def _writings(self, user_ids: Sequence[str], places: Sequence[Rows]) -> Floats:
        keys = [
            (user_id, self.channel_ids[row])
            for user_id, rows in zip(user_ids, places, strict=True)
            for row in rows.tolist()
        ]
        if not keys:
            return _NOTHING
        view = "user_channel_affinity"
        last = self.features.matrix(view, keys, 0.0, ("last_posted_at",))[:, 0]
        strengths = self.features.strengths(view, keys, ("posted_14d",))[:, 0]
        return np.column_stack((strengths, np.nan_to_num(last, nan=-np.inf)))
