"""The newest messages of each channel and what became of them. No text is kept, and memory is bounded."""

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush, heapreplace

import orjson

from quikapp_ml.entities.activities import ActivityKind
from quikapp_ml.features.facts import Facts

MAX_MESSAGES_PER_CHANNEL = 2_000
MAX_MESSAGES = 200_000
MAX_UNSEEN = 20_000
"""Messages that somebody answered before they were seen, or that are no longer kept."""
MAX_WAITING = 50

_SEPARATOR = "\t"  # no id holds a control character

Waiting = tuple[ActivityKind, float, str]
"""What somebody did to a message whose author was not known: kind, at, user_id."""


@dataclass(slots=True, eq=False)
class MessageFacts:
    """What is known of a message; `author_id` is None while only answers to it have been seen.

    `n_reactions` counts those not taken off again, `n_replies` all ever written, `n_reports` the people who reported.
    """

    channel_id: str
    message_id: str
    author_id: str | None = None
    thread_id: str | None = None
    posted_at: float = 0.0
    is_bot: bool = False
    is_deleted: bool = False
    n_reactions: int = 0
    n_replies: int = 0
    reactions: Facts | None = field(default=None, repr=False)
    """Person and emoji → taken off again?"""
    reporters: set[str] | None = field(default=None, repr=False)
    waiting: list[Waiting] | None = field(default=None, repr=False)

    @property
    def n_reports(self) -> int:
        """How many people reported it."""
        return len(self.reporters) if self.reporters else 0

    def react(self, user_id: str, emoji: str, at: float, *, removed: bool) -> None:
        """Note that an emoji was put on the message or taken off."""
        if self.reactions is None:
            self.reactions = Facts()
        name = f"{user_id}{_SEPARATOR}{emoji}"
        kept = self.reactions.get(name)
        stood = kept is not None and not kept[1]
        if self.reactions.put(name, at, removed):
            self.n_reactions += (not removed) - stood

    def report(self, user_id: str) -> None:
        """Note that somebody reported the message."""
        if self.reporters is None:
            self.reporters = set()
        self.reporters.add(user_id)

    def wait(self, kind: ActivityKind, at: float, user_id: str) -> None:
        """Keep what somebody did until the author is known."""
        if self.waiting is None:
            self.waiting = []
        if len(self.waiting) < MAX_WAITING:
            self.waiting.append((kind, at, user_id))

    def document(self) -> bytes:
        """All of it but the ids, as JSON."""
        fields = (
            self.author_id, self.thread_id, self.posted_at, self.is_bot, self.is_deleted, self.n_reactions,
            self.n_replies, self.reactions, sorted(self.reporters) if self.reporters else None, self.waiting,
        )  # fmt: skip
        return orjson.dumps(fields)

    @classmethod
    def from_document(cls, channel_id: str, message_id: str, document: bytes) -> "MessageFacts":
        """The facts that `document` wrote."""
        *plain, reactions, reporters, waiting = orjson.loads(document)
        facts = cls(channel_id, message_id, *plain)
        facts.reactions = Facts.loaded(reactions) if reactions else None
        facts.reporters = set(reporters) if reporters else None
        facts.waiting = [(kind, at, user_id) for kind, at, user_id in waiting] if waiting else None
        return facts


class _ChannelLog:
    """A channel's kept messages, and their ids in the order of time."""

    __slots__ = ("messages", "timeline")

    def __init__(self) -> None:
        self.messages: dict[str, MessageFacts] = {}
        self.timeline: list[tuple[float, str]] = []


class MessageLog:
    """The newest `per_channel` messages of each channel, and of all channels the newest `in_all`.

    A message beyond that is unknown, as if it had never been.
    """

    def __init__(self, per_channel: int = MAX_MESSAGES_PER_CHANNEL, in_all: int = MAX_MESSAGES) -> None:
        self._per_channel = per_channel
        self._in_all = in_all
        self._n_kept = 0
        self._channels: dict[str, _ChannelLog] = {}
        self._unseen: dict[tuple[str, str], MessageFacts] = {}
        self._ends: list[tuple[float, str]] = []  # a heap: for each channel, a time not after its oldest message
        self._changed: set[tuple[str, str]] = set()
        self.touched: set[str] = set()
        """Channels whose messages changed, until somebody empties it."""

    def get(self, channel_id: str, message_id: str) -> MessageFacts | None:
        """A kept message that was seen."""
        log = self._channels.get(channel_id)
        return log.messages.get(message_id) if log else None

    def recent(self, channel_id: str, limit: int) -> list[MessageFacts]:
        """The newest messages that are not deleted, newest first."""
        found: list[MessageFacts] = []
        log = self._channels.get(channel_id)
        for _, message_id in reversed(log.timeline) if log else ():
            if len(found) >= limit:
                break
            message = log.messages[message_id] if log else None
            if message is not None and not message.is_deleted:
                found.append(message)
        return found

    def touch(self, channel_id: str, message_id: str) -> MessageFacts:
        """A message to change: a kept one, or one of which only answers are known so far."""
        key = (channel_id, message_id)
        self._changed.add(key)
        self.touched.add(channel_id)
        log = self._channels.get(channel_id)
        kept = log.messages.get(message_id) if log else None
        if kept is None:
            kept = self._unseen.get(key)
        if kept is None:
            kept = self._unseen[key] = MessageFacts(channel_id, message_id)
            if len(self._unseen) > MAX_UNSEEN:
                oldest = next(iter(self._unseen))
                del self._unseen[oldest]
                self._changed.add(oldest)
        return kept

    def keep(self, message: MessageFacts) -> None:
        """Keep a message whose author and time have just become known."""
        key = (message.channel_id, message.message_id)
        self._unseen.pop(key, None)
        self._changed.add(key)
        log = self._channels.get(message.channel_id)
        if log is None:
            log = self._channels[message.channel_id] = _ChannelLog()
        entry = (message.posted_at, message.message_id)
        is_oldest = not log.timeline or entry < log.timeline[0]
        if is_oldest and self._would_not_stay(entry, log):
            return
        if is_oldest:
            heappush(self._ends, (message.posted_at, message.channel_id))
        if log.timeline and entry < log.timeline[-1]:
            insort(log.timeline, entry)
        else:
            log.timeline.append(entry)
        log.messages[message.message_id] = message
        self._n_kept += 1
        if len(log.timeline) > self._per_channel:
            self._forget_oldest(message.channel_id, log)
        while self._n_kept > self._in_all:
            self._forget_oldest_of_all()

    def _would_not_stay(self, entry: tuple[float, str], log: _ChannelLog) -> bool:
        is_full = self._n_kept >= self._in_all and bool(self._ends) and entry[0] < self._ends[0][0]
        return is_full or len(log.timeline) >= self._per_channel

    def _forget_oldest(self, channel_id: str, log: _ChannelLog) -> None:
        _, message_id = log.timeline.pop(0)
        del log.messages[message_id]
        self._changed.add((channel_id, message_id))
        self.touched.add(channel_id)
        self._n_kept -= 1

    def _forget_oldest_of_all(self) -> None:
        at, channel_id = self._ends[0]
        log = self._channels[channel_id]
        if log.timeline and log.timeline[0][0] <= at:
            self._forget_oldest(channel_id, log)
        if log.timeline:
            heapreplace(self._ends, (log.timeline[0][0], channel_id))
        else:
            heappop(self._ends)

    def changes(self) -> dict[str, bytes | None]:
        """Documents of the messages that changed since the last call; None for those no longer kept."""
        changed, self._changed = self._changed, set()
        documents: dict[str, bytes | None] = {}
        for key in changed:
            message = self.get(*key) or self._unseen.get(key)
            documents[_SEPARATOR.join(key)] = None if message is None else message.document()
        return documents

    def load(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Take documents of `changes` in."""
        for name, document in items:
            channel_id, _, message_id = name.partition(_SEPARATOR)
            message = MessageFacts.from_document(channel_id, message_id, document)
            if message.author_id is None:
                self._unseen[channel_id, message_id] = message
            else:
                self.keep(message)
        self._changed.clear()
