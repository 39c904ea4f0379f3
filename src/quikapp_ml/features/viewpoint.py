"""The chat workspace through the eyes of one person at one moment.

Whatever is recommended, ranked, counted or given as a reason is looked up here. So nothing that happened where the
person may not look can be in an answer, in one of its counts, or in a score: an answer is the same whether it happened
or not. `tests/contracts/test_privacy.py` holds that.

Channels are rows of the landscape, in the order of their ids; `visible` says into which the person may look.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from itertools import islice
from typing import TypeVar

import numpy as np

from quikapp_ml.features.frame import share_of_largest, share_of_strongest
from quikapp_ml.features.landscape import JOINED, LIVELY, Flags, Floats, Landscape, Rows
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.reach import Reach
from quikapp_ml.features.seats import Lines
from quikapp_ml.features.workspace import Channel, MessageFacts, Person, Workspace

MAX_COLLABORATORS = 50
MAX_COMPANIONS = 300
MAX_TELLING_MEMBERS = 1_000
"""A larger channel says nothing about the taste of its members."""
CONTACT_WEIGHTS = {"replied_30d": 3.0, "mentioned_30d": 2.0, "reacted_30d": 1.0}
HABIT_WEIGHTS = {"posted_14d": 1.0, "reacted_14d": 0.5, "read_14d": 0.25}

T = TypeVar("T")


class Viewpoint:
    """What one person may see, and whom they work with, as of `now` (unix seconds). Good until the next event."""

    def __init__(self, workspace: Workspace, features: OnlineFeatures, user_id: str, now: float) -> None:
        self.user_id = user_id
        self.now = now
        self._workspace = workspace
        self._features = features
        self._land = Landscape.of(workspace, features)

    # ── what the person may see ──────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def visible(self) -> Flags:
        """(n_channels,): the channels that the person may look into, without archived ones."""
        visible = self._land.is_public.copy() if self._sees_public else np.zeros(len(self._land.row), dtype=bool)
        visible[self.own_rows] = True
        return visible

    @cached_property
    def _sees_public(self) -> bool:
        person = self._workspace.people.get(self.user_id)
        return person is None or not (person.is_deleted or person.role == "guest")

    @cached_property
    def own_rows(self) -> Rows:
        """Rows of the channels that the person is in, without archived ones."""
        joined = self._land.memberships(self.user_id)
        return joined[~self._land.is_archived[joined]]

    @cached_property
    def open(self) -> Flags:
        """(n_channels,): the channels that the person could join: not muted, not joined."""
        could = self.visible.copy()
        could[self.own_rows] = False
        could[self._muted_rows] = False
        return could

    @cached_property
    def readable(self) -> Flags:
        """(n_channels,): the channels whose messages the person could be shown: not muted."""
        could = self.visible.copy()
        could[self._muted_rows] = False
        return could

    @cached_property
    def _muted_rows(self) -> list[int]:
        person, row = self._workspace.people.get(self.user_id), self._land.row
        muted = person.muted_channels if person else {}
        return [row[one] for one in muted if one in row and self._workspace.is_muted(self.user_id, channel_id=one)]

    def ids(self, rows: Rows) -> list[str]:
        """Ids of channels by row."""
        ids = self._land.channel_ids
        return [ids[row] for row in rows.tolist()]

    def rows(self, channel_ids: Iterable[str]) -> Rows:
        """Rows of channels by id; all of them must be known."""
        row = self._land.row
        return np.array([row[channel_id] for channel_id in channel_ids], dtype=np.int64)

    def sees(self, channel_id: str | None) -> bool:
        """Whether the person may look into a channel."""
        row = self._land.row.get(channel_id or "")
        return row is not None and bool(self.visible[row])

    def may_join(self, channel_id: str) -> bool:
        """Whether the person could join a channel."""
        row = self._land.row.get(channel_id)
        return row is not None and bool(self.open[row])

    def name_kin(self, rows: Rows) -> Rows:
        """The same number for channels whose names begin with the same word; 0 for those without a name."""
        kin: Rows = self._land.name_kin[rows]
        return kin

    def teams(self, user_ids: Iterable[str]) -> list[str | None]:
        """Teams of people whom the person may meet."""
        people = self._workspace.people
        return [people[user_id].team for user_id in user_ids]

    def channel(self, channel_id: str) -> Channel | None:
        """A channel that the person may look into."""
        return self._workspace.channels[channel_id] if self.sees(channel_id) else None

    @property
    def channels(self) -> list[str]:
        """Channels that the person may look into, in the order of their ids."""
        return self.ids(np.flatnonzero(self.visible))

    @cached_property
    def own_channels(self) -> list[str]:
        """Channels that the person is in."""
        return self.ids(self.own_rows)

    @property
    def open_channels(self) -> list[str]:
        """Channels that the person could join."""
        return self.ids(np.flatnonzero(self.open))

    def mutes(self, channel_id: str) -> bool:
        """Whether the person muted a channel."""
        return self._workspace.is_muted(self.user_id, channel_id=channel_id)

    def sizes(self, rows: Rows) -> Rows:
        """Numbers of members."""
        sizes: Rows = self._land.sizes[rows]
        return sizes

    @property
    def rarities(self) -> Floats:
        """(n_channels,): that somebody is in a small channel says more."""
        return self._land.rarities

    @cached_property
    def largest_size(self) -> int:
        """Number of members of the largest channel that the person may look into."""
        own = int(self.sizes(self.own_rows).max(initial=0))
        return max(own, self._land.extremes[0]) if self._sees_public else own

    def created_at(self, rows: Rows) -> Floats:
        """When channels were opened, unix seconds; NaN where that was not seen."""
        created: Floats = self._land.created_at[rows]
        return created

    def members(self, channel_id: str) -> AbstractSet[str]:
        """Who is in a channel; nobody where the person may not look."""
        return self._workspace.members_of(channel_id) if self.sees(channel_id) else frozenset()

    def roster(self, channel_id: str) -> list[str]:
        """Who is in a channel, sorted; nobody where the person may not look."""
        return self._land.roster(channel_id) if self.sees(channel_id) else []

    def rows_of(self, user_id: str) -> Rows:
        """Rows of the channels of another that the person may look into."""
        rows = self._land.memberships(user_id)
        return rows[self.visible[rows]]

    def channels_of(self, user_id: str) -> list[str]:
        """Channels of another that the person may look into, sorted."""
        return self.ids(self.rows_of(user_id))

    def counts(self, people: Sequence[str], weights: Sequence[float] | None = None) -> Floats:
        """(n_channels,): how many of the people are in each channel that the person may see, or their summed weight."""
        found = self._land.counts(people, weights)
        return np.where(self.visible, found, 0.0)

    def overlaps(self, channel_id: str) -> Floats:
        """(n_channels,): how many members of a channel are in each that the person may see; both must be seen."""
        found = self._land.overlaps(channel_id) if self.sees(channel_id) else 0
        return np.where(self.visible, found, 0.0)

    def person(self, user_id: str) -> Person | None:
        """Somebody whom the person may know of: listed by name or team, or in a channel that the person may see."""
        person = self._workspace.people.get(user_id)
        if person is None or person.name or person.team:
            return person
        return person if self.rows_of(user_id).size else None

    def listed_people(self) -> Iterator[str]:
        """Everybody whom the person may know of and meet, in the order of their ids."""
        return (user_id for user_id in self._land.people if self.may_meet(user_id) and self.person(user_id))

    def may_meet(self, user_id: str) -> bool:
        """Whether somebody may be shown to the person: another human, here, and not muted or blocked."""
        return (
            user_id in self._workspace.people
            and user_id not in self._land.absent
            and user_id != self.user_id
            and user_id not in self.avoided
        )

    @cached_property
    def avoided(self) -> frozenset[str]:
        """Whom the person muted or blocked, and who blocked the person."""
        person = self._workspace.people.get(self.user_id)
        if person is None:
            return frozenset(self._land.blockers(self.user_id))
        noted = (person.muted_people, person.blocked)
        own = [other for facts in noted for other in facts if facts.holds(other)]
        return frozenset((*own, *self._land.blockers(self.user_id)))

    def avoids(self, user_id: str) -> bool:
        """Whether the person muted somebody, or one of the two blocked the other."""
        return user_id in self.avoided

    def may_read(self, message: MessageFacts) -> bool:
        """Whether a message of a readable channel may be shown: not deleted, its author here and not avoided."""
        return may_be_read(self._workspace, message) and message.author_id not in self.avoided

    def message(self, channel_id: str, message_id: str) -> MessageFacts | None:
        """A message of a channel that the person may look into."""
        return self._workspace.message(channel_id, message_id) if self.sees(channel_id) else None

    def recent_messages(self, channel_id: str, limit: int) -> list[MessageFacts]:
        """The newest messages of a channel that the person may look into, newest first."""
        return self._workspace.recent_messages(channel_id, limit) if self.sees(channel_id) else []

    def of_messages(self, channel_id: str, name: str, make: Callable[[Workspace], T]) -> T:
        """What `make` makes of the messages of a channel, for all askers alike; kept under the name."""
        return self._land.of_messages(channel_id, name, lambda: make(self._workspace))

    # ── whom the person works with, and where ────────────────────────────────────────────────────────────────────

    @cached_property
    def contacts(self) -> frozenset[str]:
        """Everybody the person ever replied to, reacted to or mentioned."""
        return frozenset(self._features.partners("user_user_affinity", self.user_id))

    def reach(self, user_ids: Sequence[str]) -> Floats:
        """(n_people,): how much people replied and reacted to the person, where the person may look."""
        return self._reach.of(user_ids)

    @cached_property
    def _reach(self) -> Reach:
        return Reach(self._workspace, self._features, self.user_id, self.now)

    @cached_property
    def collaborators(self) -> dict[str, float]:
        """The people that the person deals with most, and their share of it (all shares add up to 1 or less).

        Shares, not counts: they stay what they are while a workspace sleeps.
        """
        others = sorted(user_id for user_id in self.contacts if self.may_meet(user_id))
        weights = self.weighted("user_user_affinity", [(self.user_id, other) for other in others], CONTACT_WEIGHTS)
        total = weights.sum()
        if not total > 0:
            return {}
        order = np.argsort(-weights, kind="stable")[:MAX_COLLABORATORS]
        return {others[at]: float(weights[at] / total) for at in order if weights[at] > 0}

    @cached_property
    def near_collaborators(self) -> Floats:
        """(n_channels,): by channel, the summed shares of the collaborators who are in it."""
        return self.counts(list(self.collaborators), list(self.collaborators.values()))

    @cached_property
    def team(self) -> str | None:
        """The person's team."""
        person = self._workspace.people.get(self.user_id)
        return person.team if person else None

    @cached_property
    def teammates(self) -> frozenset[str]:
        """Everybody of the person's team whom the person may meet."""
        if self.team is None:
            return frozenset()
        return frozenset(self._land.team(self.team) - self._land.absent - self.avoided - {self.user_id})

    @cached_property
    def near_teammates(self) -> Floats:
        """(n_channels,): how many teammates are in each."""
        return self.counts(list(self.teammates))

    @cached_property
    def companions(self) -> frozenset[str]:
        """People of the person's channels, those of small channels first: they say most about what the person likes."""
        found: dict[str, None] = {}
        for row in self.smallest_first(self.own_rows).tolist():
            if len(found) >= MAX_COMPANIONS or self._land.sizes[row] > MAX_TELLING_MEMBERS:
                break
            enough = MAX_COMPANIONS + len(found) + 1  # as many as are found already may be there again
            found.update(dict.fromkeys(self._land.roster(self._land.channel_ids[row])[:enough]))
            found.pop(self.user_id, None)
        return frozenset(islice(found, MAX_COMPANIONS))

    def smallest_first(self, rows: Rows) -> Rows:
        """Channels by their number of members, then by id."""
        ordered = np.sort(rows)
        return ordered[np.argsort(self._land.sizes[ordered], kind="stable")]

    @cached_property
    def habits(self) -> dict[str, float]:
        """How much the person uses each of their channels, as a share of the most used one."""
        keys = [(self.user_id, channel_id) for channel_id in self.own_channels]
        shares = share_of_largest(self.weighted("user_channel_affinity", keys, HABIT_WEIGHTS))
        return dict(zip(self.own_channels, shares.tolist(), strict=True))

    def written(self, user_ids: Sequence[str]) -> tuple[Lines, Floats]:
        """What people wrote where, as `Seats.writings`, a line for each channel that the person may look into."""
        seats = self._land.seats
        numbers = seats.numbers(user_ids)
        lines = seats.lines(numbers)
        writings = seats.writings(numbers, lines)
        is_seen = np.flatnonzero(self.visible[lines.rows])
        return Lines(lines.person[is_seen], lines.rows[is_seen], lines.at[is_seen]), writings[is_seen]

    # ── how lively channels are ──────────────────────────────────────────────────────────────────────────────────

    def popularity(self, rows: Rows) -> Floats:
        """How lively channels are that the person may see, as a share of the liveliest one."""
        return self._shares(LIVELY, rows)

    def joins(self, rows: Rows) -> Floats:
        """How many join channels that the person may see, as a share of the most joined one."""
        return self._shares(JOINED, rows)

    @cached_property
    def _greatest(self) -> Floats:
        own: Floats = self._land.strengths[self.own_rows].max(axis=0, initial=-np.inf)
        return np.asarray(np.maximum(own, self._land.extremes[1])) if self._sees_public else own

    def _shares(self, column: int, rows: Rows) -> Floats:
        return share_of_strongest(self._land.strengths[rows, column], self._greatest[column])

    def place_in_popularity(self, channel_id: str) -> int | None:
        """From 1 on, among the channels that the person may see; None where nobody wrote."""
        return self._place(LIVELY, channel_id)

    def place_in_joins(self, channel_id: str) -> int | None:
        """From 1 on, among the channels that the person may see; None where nobody joined."""
        return self._place(JOINED, channel_id)

    def _place(self, column: int, channel_id: str) -> int | None:
        strengths = self._land.strengths[:, column]
        mine = strengths[self._land.row[channel_id]]
        return 1 + int(np.count_nonzero(self.visible & (strengths > mine))) if np.isfinite(mine) else None

    def liveliest(self, among: Flags, n: int) -> Rows:
        """The `n` liveliest of channels that the person may see, best first; equal ones by id."""
        rows = self._land.liveliest if self._sees_public else self._land.liveliest[:0]
        own = self._own_and_hidden
        rows = np.concatenate((rows[among[rows]][:n], own[among[own]]))
        if len(rows) < n:
            rows = np.flatnonzero(among)
        return rows[np.lexsort((rows, -self._land.strengths[rows, LIVELY]))[:n]]

    @cached_property
    def _own_and_hidden(self) -> Rows:
        """Rows of the person's channels that are not among the liveliest of everybody."""
        return self.own_rows[~self._land.is_public[self.own_rows]] if self._sees_public else self.own_rows

    def newest_open(self, since: float, n: int) -> Rows:
        """The `n` newest channels that the person could join and that were opened after `since`, the newest first."""
        rows = self._land.newest
        rows = rows[: np.searchsorted(-self._land.created_at[rows], -since)]
        return rows[self.open[rows]][:n]

    # ── feature values ───────────────────────────────────────────────────────────────────────────────────────────

    def column(self, view: str, keys: Sequence[tuple[str, ...]], name: str) -> Floats:
        """(n_keys,): one feature of a view."""
        if not keys:
            return np.zeros(0)
        return self._features.matrix(view, keys, self.now, (name,))[:, 0]

    def weighted(self, view: str, keys: Sequence[tuple[str, ...]], weights: dict[str, float]) -> Floats:
        """(n_keys,): a weighted sum of features of a view."""
        if not keys:
            return np.zeros(0)
        matrix = self._features.matrix(view, keys, self.now, tuple(weights))
        parts = [weight * matrix[:, at] for at, weight in enumerate(weights.values())]
        return np.asarray(sum(parts), dtype=float)


def may_be_read(workspace: Workspace, message: MessageFacts) -> bool:
    """Whether a message may be shown to anybody who may look into its channel: not deleted, its author here."""
    if message.is_deleted or message.author_id is None:
        return False
    author = workspace.people.get(message.author_id)
    return author is None or not author.is_deleted
