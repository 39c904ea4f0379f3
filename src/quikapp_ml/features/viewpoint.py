"""The chat workspace through the eyes of one person at one moment.

Whatever is recommended, ranked, counted or given as a reason is looked up here. So nothing that happened where the
person may not look can be in an answer, in one of its counts, or in a score: an answer is the same whether it happened
or not. `tests/contracts/test_privacy.py` holds that.
"""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Channel, MessageFacts, Person, Workspace

Floats = np.ndarray[Any, np.dtype[np.float64]]

MAX_COLLABORATORS = 50
MAX_COMPANIONS = 300
MAX_TELLING_MEMBERS = 1_000
"""A larger channel says nothing about the taste of its members."""
CONTACT_WEIGHTS = {"replied_30d": 3.0, "mentioned_30d": 2.0, "reacted_30d": 1.0}
HABIT_WEIGHTS = {"posted_14d": 1.0, "reacted_14d": 0.5, "read_14d": 0.25}
_CHANNEL_SHARES = ("messages_7d", "joins_30d")


class Viewpoint:
    """What one person may see, and whom they work with, as of `now` (unix seconds)."""

    def __init__(self, workspace: Workspace, features: OnlineFeatures, user_id: str, now: float) -> None:
        self.user_id = user_id
        self.now = now
        self._workspace = workspace
        self._features = features

    # ── what the person may see ──────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def channels(self) -> dict[str, Channel]:
        """Channels that the person may look into, without archived ones; in the order of their ids."""
        may_see, user_id = self._workspace.may_see, self.user_id
        channels = self._workspace.channels
        return {
            channel_id: channels[channel_id]
            for channel_id in sorted(channels)
            if not channels[channel_id].is_archived and may_see(user_id, channel_id)
        }

    @cached_property
    def own_channels(self) -> list[str]:
        """Channels that the person is in."""
        return self.channels_of(self.user_id)

    @cached_property
    def open_channels(self) -> list[str]:
        """Channels that the person could join: not muted, not joined."""
        joined = self._workspace.channels_of(self.user_id)
        return [one for one in self.channels if one not in joined and not self.mutes(one)]

    @cached_property
    def readable_channels(self) -> list[str]:
        """Channels whose messages the person could be shown: not muted."""
        return [channel_id for channel_id in self.channels if not self.mutes(channel_id)]

    def mutes(self, channel_id: str) -> bool:
        """Whether the person muted a channel."""
        return self._has_muted_channels and self._workspace.is_muted(self.user_id, channel_id=channel_id)

    @cached_property
    def _has_muted_channels(self) -> bool:
        person = self._workspace.people.get(self.user_id)
        return person is not None and bool(person.muted_channels)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Number of members of each channel that the person may look into."""
        members_of = self._workspace.members_of
        return {channel_id: len(members_of(channel_id)) for channel_id in self.channels}

    def members(self, channel_id: str) -> AbstractSet[str]:
        """Who is in a channel; nobody where the person may not look."""
        return self._workspace.members_of(channel_id) if channel_id in self.channels else frozenset()

    def channels_of(self, user_id: str) -> list[str]:
        """Channels of another that the person may look into, sorted."""
        channels = self.channels
        return sorted(channel_id for channel_id in self._workspace.channels_of(user_id) if channel_id in channels)

    def person(self, user_id: str) -> Person | None:
        """Somebody whom the person may know of: listed by name or team, or in a channel that the person may see."""
        person = self._workspace.people.get(user_id)
        if person is None or person.name or person.team:
            return person
        channels = self.channels
        return person if any(channel_id in channels for channel_id in self._workspace.channels_of(user_id)) else None

    def listed_people(self) -> Iterator[str]:
        """Everybody whom the person may know of and meet, in the order of their ids."""
        for user_id in sorted(self._workspace.people):
            if self.may_meet(user_id) and self.person(user_id):
                yield user_id

    def may_meet(self, user_id: str) -> bool:
        """Whether somebody may be shown to the person: another human, here, and not muted or blocked."""
        person = self._workspace.people.get(user_id)
        if person is None or person.is_bot or person.is_deleted or user_id == self.user_id:
            return False
        return not self.avoids(user_id)

    def avoids(self, user_id: str) -> bool:
        """Whether the person muted somebody, or one of the two blocked the other."""
        workspace = self._workspace
        return workspace.is_muted(self.user_id, other_user_id=user_id) or workspace.is_blocked(self.user_id, user_id)

    def may_read(self, message: MessageFacts) -> bool:
        """Whether a message of a readable channel may be shown: not deleted, its author here and not avoided."""
        if message.is_deleted or message.author_id is None:
            return False
        author = self._workspace.people.get(message.author_id)
        return not (author is not None and author.is_deleted) and not self.avoids(message.author_id)

    def message(self, channel_id: str, message_id: str) -> MessageFacts | None:
        """A message of a channel that the person may look into."""
        return self._workspace.message(channel_id, message_id) if channel_id in self.channels else None

    def recent_messages(self, channel_id: str, limit: int) -> list[MessageFacts]:
        """The newest messages of a channel that the person may look into, newest first."""
        return self._workspace.recent_messages(channel_id, limit) if channel_id in self.channels else []

    # ── whom the person works with, and where ────────────────────────────────────────────────────────────────────

    @cached_property
    def contacts(self) -> frozenset[str]:
        """Everybody the person ever replied to, reacted to or mentioned."""
        return frozenset(self._features.partners("user_user_affinity", self.user_id))

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
    def team(self) -> str | None:
        """The person's team."""
        person = self._workspace.people.get(self.user_id)
        return person.team if person else None

    @cached_property
    def teammates(self) -> frozenset[str]:
        """Everybody of the person's team whom the person may meet."""
        if self.team is None:
            return frozenset()
        people = self._workspace.people
        return frozenset(other for other, person in people.items() if person.team == self.team and self.may_meet(other))

    @cached_property
    def companions(self) -> frozenset[str]:
        """People of the person's channels, those of small channels first: they say most about what the person likes."""
        found: dict[str, None] = {}
        for channel_id in self.smallest_first(self.own_channels):
            if len(found) >= MAX_COMPANIONS or self.sizes[channel_id] > MAX_TELLING_MEMBERS:
                break
            found.update(dict.fromkeys(sorted(self.members(channel_id) - {self.user_id})))
        return frozenset(islice(found, MAX_COMPANIONS))

    def smallest_first(self, channel_ids: Iterable[str]) -> list[str]:
        """Channels by their number of members, then by id."""
        sizes = self.sizes
        return sorted(channel_ids, key=lambda channel_id: (sizes[channel_id], channel_id))

    @cached_property
    def habits(self) -> dict[str, float]:
        """How much the person uses each of their channels, as a share of the most used one."""
        keys = [(self.user_id, channel_id) for channel_id in self.own_channels]
        shares = share_of_largest(self.weighted("user_channel_affinity", keys, HABIT_WEIGHTS))
        return dict(zip(self.own_channels, shares.tolist(), strict=True))

    @cached_property
    def popularity(self) -> dict[str, float]:
        """How lively each channel is that the person may see, as a share of the liveliest one."""
        return self._channel_shares("messages_7d")

    @cached_property
    def joins(self) -> dict[str, float]:
        """How many join each channel that the person may see, as a share of the most joined one."""
        return self._channel_shares("joins_30d")

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

    @cached_property
    def _channel_activity(self) -> Floats:
        keys = [(channel_id,) for channel_id in self.channels]
        return self._features.matrix("channel_activity", keys, self.now, _CHANNEL_SHARES)

    def _channel_shares(self, name: str) -> dict[str, float]:
        values = self._channel_activity[:, _CHANNEL_SHARES.index(name)]
        return dict(zip(self.channels, share_of_largest(values).tolist(), strict=True))


def share_of_largest(values: Floats) -> Floats:
    """Square root of each value's share of the largest one: 0..1, and the same after any common decay."""
    largest = values.max(initial=0.0)
    return np.sqrt(values / largest) if largest > 0 else np.zeros(len(values))
