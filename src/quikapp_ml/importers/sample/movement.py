"""How people of the sample come, find channels, lose interest and go."""

from collections.abc import Sequence
from typing import TypeVar

from quikapp_ml.importers.sample.chat import DAY_MS, HOUR_MS, Channel, Chat
from quikapp_ml.importers.sample.people import Person

_T = TypeVar("_T")
_NEWCOMER_DAYS = 7
_ASKED = 5
_OPEN_KINDS = frozenset({"interest", "project", "team", "help", "random", "alerts"})


class Movement:
    """Arrivals and departures, joins and leaves, mutes and blocks."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._rng = chat.rng
        self.common: list[Channel] = []
        """Channels that everybody is put into on arrival."""
        self.interests: dict[tuple[str, str], Channel] = {}
        """The channel of an interest and an office; the office is empty where one is enough."""

    def introduce(self, person: Person) -> None:
        """The chat learns of somebody, before any channel is joined."""
        person.is_here = True
        person.arrived_ms = self._chat.now_ms
        fields = {"name": person.name, "team": person.team.name, "title": person.title}
        self._chat.emit("user_updated", person.user_id, **fields)
        if person.role != "member":
            self._chat.emit("role_changed", person.user_id, role=person.role)

    def settle(self, person: Person, share_of_interests: float) -> None:
        """Join what belongs to somebody's place, and some of what they like."""
        for channel in self.common:
            self._chat.join(person, channel)
        if person.team.channel is not None:
            self._chat.join(person, person.team.channel)
        for interest in person.interests:
            if self._rng.random() < share_of_interests:
                self._chat.join(person, self._interest_channel(person, interest))

    def arrive(self, person: Person) -> None:
        """First day at work."""
        self.introduce(person)
        self.settle(person, 0.15)

    def depart(self, person: Person) -> None:
        """Last day at work: the account is closed."""
        if person.is_here:
            person.is_here = False
            self._chat.emit("user_updated", person.user_id, name=person.name, is_deleted=True)

    def plan_day(self, person: Person, morning_ms: int) -> None:
        """What somebody may do today besides talking."""
        is_new = morning_ms - person.arrived_ms < _NEWCOMER_DAYS * DAY_MS
        chance = self._rng.random()
        when = morning_ms + int(self._rng.random() * 9 * HOUR_MS)
        if chance < (0.45 if is_new else 0.1):
            self._chat.at(when, self.explore, person)
        elif chance > 0.994:
            self._chat.at(when, self._lose_interest, person)
        elif chance > 0.99:
            self._chat.at(when, self._mute, person)
        elif chance > 0.9895:
            self._chat.at(when, self._block, person)

    def explore(self, person: Person) -> None:
        """Look for a channel to join: by interest, by what collaborators and the team are in, rarely by chance."""
        if not person.is_here:
            return
        for _ in range(4):
            channel = self._discover(person)
            if channel is not None and self._is_open_to(person, channel):
                self._chat.join(person, channel)
                return

    def _discover(self, person: Person) -> Channel | None:
        chance = self._rng.random()
        if chance < 0.35:
            return self._interest_channel(person, self._pick(person.interests))
        if chance < 0.8:
            return self._where_most_are(person, person.collaborators)
        if chance < 0.94:
            return self._where_most_are(person, person.team.members)
        return self._pick(self._chat.channels)

    def _where_most_are(self, person: Person, others: list[Person]) -> Channel | None:
        """The channel that some of the others, asked by chance, like most."""
        votes: dict[Channel, float] = {}
        for _ in range(min(_ASKED, len(others))):
            for channel, liking in self._pick(others).channels.items():
                if self._is_open_to(person, channel) and channel.kind != "team":
                    votes[channel] = votes.get(channel, 0.0) + min(liking, 1.5) * self._rng.uniform(0.7, 1.3)
        return max(votes, key=votes.__getitem__, default=None)

    def _is_open_to(self, person: Person, channel: Channel) -> bool:
        return channel.kind in _OPEN_KINDS and not channel.is_private and channel not in person.channels

    def _interest_channel(self, person: Person, interest: str) -> Channel:
        return self.interests.get((interest, person.team.office)) or self.interests[interest, ""]

    def _lose_interest(self, person: Person) -> None:
        dull = [c for c, liking in person.channels.items() if c.kind in ("interest", "help", "random") and liking < 0.5]
        if dull:
            self._chat.leave(person, self._pick(dull))

    def _mute(self, person: Person) -> None:
        loud = [channel for channel in person.channels if channel.kind in ("general", "random", "alerts", "interest")]
        if loud and person.is_here:
            channel = self._pick(loud)
            self._chat.emit("mute", person.user_id, channel_id=channel.channel_id)
            person.channels[channel] *= 0.3
            person.menu = None
            if self._rng.random() < 0.25:
                self._chat.after(5 * DAY_MS, self._unmute, person, channel)

    def _unmute(self, person: Person, channel: Channel) -> None:
        if person.is_here and channel in person.channels:
            self._chat.emit("mute", person.user_id, channel_id=channel.channel_id, removed=True)

    def _block(self, person: Person) -> None:
        channel = person.draw_channel(self._rng)
        if channel is None or not person.is_here:
            return
        other = self._pick(channel.members)
        if other is not person and not other.is_bot and other not in person.collaborators:
            self._chat.emit("block", person.user_id, target_user_id=other.user_id)
            person.blocked.add(other)

    def _pick(self, options: Sequence[_T]) -> _T:
        return options[int(self._rng.random() * len(options))]
