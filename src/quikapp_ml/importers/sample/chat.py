"""The simulated chat: its clock, its channels and memberships, and the events that come of them."""

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import Any

from quikapp_ml.importers.sample.people import Person
from quikapp_ml.importers.sample.texts import Mood

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

_LIKING = {
    "team": 5.0, "project": 4.0, "secret": 3.0, "leads": 1.0, "hiring": 1.0, "interest": 1.0, "random": 0.8,
    "general": 0.5, "help": 0.4, "incident": 0.0, "announcements": 0.0, "alerts": 0.0,
}  # fmt: skip
"""How much of a member's writing goes to a kind of channel."""
_LOUD_SIZE = 300
"""In a channel of more people than this, each writes less."""


class Pace:
    """How often something rare happens: about as often as its mean says, and never absent for very long."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._due = rng.random()

    def draw(self, mean: float) -> int:
        """How many times today."""
        self._due += mean * self._rng.uniform(0.5, 1.5)
        count = int(self._due)
        self._due -= count
        return count


@dataclass(slots=True, eq=False)
class Channel:
    """A channel as it is now; `topic` is what its messages are about (a key of the templates)."""

    channel_id: str
    name: str
    kind: str
    topic: str
    creator: Person
    is_private: bool = False
    is_archived: bool = False
    mood: float = 0.0
    members: list[Person] = field(default_factory=list)
    recent: "deque[Sent]" = field(default_factory=lambda: deque(maxlen=5))


@dataclass(slots=True, eq=False)
class Sent:
    """A message that was posted; `root` is the first one of its thread."""

    message_id: str
    channel: Channel
    author: Person
    mood: Mood
    root: "Sent | None"
    content: str
    is_deleted: bool = False


class Chat:
    """Runs actions in the order of their times, and hands out the events that they emit."""

    def __init__(self, rng: random.Random, start_ms: int, event_id_prefix: str) -> None:
        self.rng = rng
        self.now_ms = start_ms
        self.mood = 0.0
        self.theme: str | None = None
        self.channels: list[Channel] = []
        self._prefix = event_id_prefix
        self._actions: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._emitted: list[dict[str, Any]] = []
        self._n_actions = self._n_events = self._n_messages = 0

    def at(self, when_ms: int, action: Callable[..., None], *arguments: object) -> None:
        """Do something later; an action of the past is done now."""
        self._n_actions += 1
        heappush(self._actions, (max(when_ms, self.now_ms), self._n_actions, action, arguments))

    def after(self, mean_ms: float, action: Callable[..., None], *arguments: object) -> None:
        """Do something after a random while of this mean."""
        self.at(self.now_ms + int(self.rng.expovariate(1.0) * mean_ms) + SECOND_MS, action, *arguments)

    def run_until(self, end_ms: int) -> Iterator[dict[str, Any]]:
        """Run what is due before `end_ms`, and yield its events in the order of their times."""
        yield from self.drain()
        actions = self._actions
        while actions and actions[0][0] < end_ms:
            self.now_ms, _, action, arguments = heappop(actions)
            action(*arguments)
            if self._emitted:
                yield from self.drain()
        self.now_ms = max(self.now_ms, end_ms)

    def drain(self) -> Iterator[dict[str, Any]]:
        """The events emitted since the last call."""
        emitted, self._emitted = self._emitted, []
        return iter(emitted)

    def emit(self, kind: str, user_id: str, **fields: object) -> None:
        """Say that something happened now."""
        self._n_events += 1
        event: dict[str, Any] = {
            "event_id": f"{self._prefix}{self._n_events:07d}",
            "type": kind,
            "event_time": datetime.fromtimestamp(self.now_ms / 1000, UTC).isoformat(timespec="milliseconds"),
            "user_id": user_id,
        }
        event.update(fields)
        self._emitted.append(event)

    def post(self, author: Person, channel: Channel, content: str, mood: Mood, root: Sent | None = None) -> Sent:
        """Write a message, in the thread of `root` when it is given."""
        self._n_messages += 1
        sent = Sent(f"M{self._n_messages:06d}", channel, author, mood, root, content)
        place = {"channel_id": channel.channel_id, "message_id": sent.message_id, "content": content}
        if root is not None:
            place["thread_id"] = root.message_id
        if author.is_bot:
            self.emit("message", author.user_id, **place, is_bot=True)
        else:
            self.emit("message", author.user_id, **place)
        channel.recent.append(sent)
        return sent

    def delete(self, by: Person, sent: Sent) -> None:
        """Take a message away, once."""
        if not sent.is_deleted:
            sent.is_deleted = True
            self.emit("delete", by.user_id, channel_id=sent.channel.channel_id, message_id=sent.message_id)

    def open_channel(
        self, name: str, kind: str, topic: str, creator: Person, about: str | None = None, *, is_private: bool = False
    ) -> Channel:
        """Create a channel; its creator is its first member."""
        channel = Channel(f"C{len(self.channels) + 1:04d}", name, kind, topic, creator, is_private)
        self.channels.append(channel)
        fields: dict[str, object] = {"name": name}
        if about:
            fields["topic"] = about
        if is_private:
            fields["is_private"] = True
        self.emit("channel_created", creator.user_id, channel_id=channel.channel_id, **fields)
        self._enter(creator, channel)
        return channel

    def archive(self, by: Person, channel: Channel) -> None:
        """Close a channel for good; nobody writes there any more."""
        if channel.is_archived:
            return
        channel.is_archived = True
        self.emit("channel_archived", by.user_id, channel_id=channel.channel_id)
        for member in channel.members:
            if member.channels.pop(channel, None) is not None:
                member.menu = None
        channel.members.clear()

    def join(self, person: Person, channel: Channel) -> None:
        """Make somebody a member, if they are here and are not one yet."""
        if person.is_here and not channel.is_archived and channel not in person.channels:
            self.emit("join", person.user_id, channel_id=channel.channel_id)
            self._enter(person, channel)

    def leave(self, person: Person, channel: Channel) -> None:
        """End a membership."""
        if person.is_here and channel in person.channels:
            self.emit("leave", person.user_id, channel_id=channel.channel_id)
            del person.channels[channel]
            person.menu = None
            channel.members.remove(person)

    def may_write(self, person: Person, channel: Channel) -> bool:
        """Whether somebody can post here now."""
        return person.is_here and channel in person.channels

    def _enter(self, person: Person, channel: Channel) -> None:
        liking = _LIKING[channel.kind] * min(1.0, _LOUD_SIZE / (1 + len(channel.members)))
        if channel.kind == "interest":
            liking = 1.3 if channel.topic in person.interests else 0.25
        person.channels[channel] = liking
        person.menu = None
        channel.members.append(person)
