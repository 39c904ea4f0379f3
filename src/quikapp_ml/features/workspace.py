"""The chat as it is now, folded from events. No text of a message is kept, and no clock is read.

Events may come late and in any order: each fact keeps the time it happened at, and the later one holds.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from sys import intern
from typing import Any

from quikapp_ml.entities.activities import Activity, ActivityKind
from quikapp_ml.entities.events import (
    Block,
    ChannelArchived,
    ChannelCreated,
    ChannelMadePrivate,
    ChannelRenamed,
    ChannelTopicSet,
    Delete,
    Event,
    Join,
    Leave,
    Message,
    Mute,
    Reaction,
    Read,
    Report,
    RoleChanged,
    UserUpdated,
)
from quikapp_ml.errors import InvalidInput
from quikapp_ml.features.chat import Channel, Person
from quikapp_ml.features.message_log import MessageFacts, MessageLog
from quikapp_ml.features.touched import Touched

__all__ = ["MENTION", "Channel", "MessageFacts", "Person", "Workspace"]

MENTION = r"<@([^<>|\x00-\x20\x7f-\xa0]{1,128})(?:\|[^<>]*)?>"
"""A person named in a text: `<@U1>` or `<@U1|name>`; the SQL of silver tables uses the very same."""

_MENTION = re.compile(MENTION)
_NOBODY: frozenset[str] = frozenset()
_PASSIVE = frozenset({"role_changed", "user_updated", "leave"})
"""Events that somebody else may have brought about: they do not show that the person was there."""


class Workspace:
    """People, channels, who is where, who may see what, and the newest messages.

    What it hands out is its own state, to be read, never changed. Not safe for several threads at once.
    """

    NAMESPACES: tuple[str, ...] = ("people", "channels", "messages")

    def __init__(self, messages: MessageLog | None = None) -> None:
        self._people: dict[str, Person] = {}
        self._channels: dict[str, Channel] = {}
        self._messages = MessageLog() if messages is None else messages
        self._members: dict[str, set[str]] = {}
        self._memberships: dict[str, set[str]] = {}
        self._changed_people: set[str] = set()
        self._changed_channels: set[str] = set()
        self.touched = Touched(messages=self._messages.touched)
        self.landscape: Any = None
        """What is derived of all this, kept by `features.landscape`."""
        self._folds: Mapping[str, Callable[[Any, Person, float], list[Activity]]] = {
            "message": self._message,
            "edit": self._nothing,
            "delete": self._delete,
            "reaction": self._reaction,
            "read": self._read,
            "join": self._join,
            "leave": self._leave,
            "mute": self._mute,
            "block": self._block,
            "report": self._report,
            "channel_created": self._channel_created,
            "channel_renamed": self._channel_renamed,
            "channel_topic_set": self._channel_topic_set,
            "channel_archived": self._channel_archived,
            "channel_made_private": self._channel_made_private,
            "role_changed": self._role_changed,
            "user_updated": self._user_updated,
        }

    # ── events in ────────────────────────────────────────────────────────────────────────────────────────────────

    def apply(self, event: Event) -> list[Activity]:
        """Take one event in and say what it means for feature views."""
        at = event.unix_seconds
        user_id = event.user_id
        person = self._people.get(user_id)
        if person is None:
            person = self._people[user_id] = Person(user_id)
        if at < person.first_seen_at:
            person.first_seen_at = at
        if event.type not in _PASSIVE and (person.last_seen_at is None or at > person.last_seen_at):
            person.last_seen_at = at
        self._changed_people.add(user_id)
        self.touched.people.add(user_id)
        return self._folds[event.type](event, person, at)

    def _message(self, event: Message, person: Person, at: float) -> list[Activity]:
        user_id, channel_id = event.user_id, event.channel_id
        self._place(person, channel_id, at)
        if event.is_bot:
            person.learn("is_bot", at, True)
        message = self._messages.touch(channel_id, event.message_id)
        if message.author_id is not None:  # sent again under another event id
            return []
        message.author_id, message.posted_at, message.is_bot = user_id, at, event.is_bot
        activities = [Activity("posted", at, user_id, channel_id, event.message_id)]
        if event.thread_id is not None and event.thread_id != event.message_id:
            message.thread_id = event.thread_id
            first = self._messages.touch(channel_id, event.thread_id)
            first.n_replies += 1
            activities.append(self._towards_author("replied", at, user_id, first))
        if event.content is not None and "<@" in event.content:
            activities += [
                Activity("mentioned", at, user_id, channel_id, event.message_id, other)
                for other in dict.fromkeys(_MENTION.findall(event.content))
                if other != user_id
            ]
        if message.waiting:
            activities += [
                _towards(kind, then, other, message, completes=True)
                for kind, then, other in message.waiting
                if other != user_id
            ]
            message.waiting = None
        self._messages.keep(message)
        return activities

    def _delete(self, event: Delete, _person: Person, _at: float) -> list[Activity]:
        self._messages.touch(event.channel_id, event.message_id).is_deleted = True
        return []

    def _reaction(self, event: Reaction, _person: Person, at: float) -> list[Activity]:
        message = self._messages.touch(event.channel_id, event.message_id)
        message.react(event.user_id, event.reaction, at, removed=event.removed)
        return [] if event.removed else [self._towards_author("reacted", at, event.user_id, message)]

    def _report(self, event: Report, _person: Person, at: float) -> list[Activity]:
        message = self._messages.touch(event.channel_id, event.message_id)
        message.report(event.user_id)
        return [self._towards_author("reported", at, event.user_id, message)]

    def _read(self, event: Read, _person: Person, at: float) -> list[Activity]:
        # Who may look into a public channel is no member of it, and would keep seeing it when it becomes private.
        return [Activity("read", at, event.user_id, event.channel_id, event.message_id)]

    def _join(self, event: Join, person: Person, at: float) -> list[Activity]:
        self._place(person, event.channel_id, at)
        return [Activity("joined", at, event.user_id, event.channel_id)]

    def _leave(self, event: Leave, person: Person, at: float) -> list[Activity]:
        self._place(person, event.channel_id, at, left=True)
        return [Activity("left", at, event.user_id, event.channel_id)]

    def _mute(self, event: Mute, person: Person, at: float) -> list[Activity]:
        if event.channel_id is not None:
            person.muted_channels.put(event.channel_id, at, not event.removed)
        if event.target_user_id is not None:
            person.muted_people.put(event.target_user_id, at, not event.removed)
        return []

    def _block(self, event: Block, person: Person, at: float) -> list[Activity]:
        person.blocked.put(event.target_user_id, at, not event.removed)
        return []

    def _channel_created(self, event: ChannelCreated, person: Person, at: float) -> list[Activity]:
        channel = self._channel(event.channel_id)
        if channel.created_at is None or (at, event.user_id) < (channel.created_at, channel.creator_id):
            channel.created_at, channel.creator_id = at, event.user_id
        channel.learn("name", at, event.name)
        channel.learn("is_private", at, event.is_private)
        if event.topic is not None:
            channel.learn("topic", at, event.topic)
        self._place(person, event.channel_id, at)
        return []

    def _channel_renamed(self, event: ChannelRenamed, _person: Person, at: float) -> list[Activity]:
        self._channel(event.channel_id).learn("name", at, event.name)
        return []

    def _channel_topic_set(self, event: ChannelTopicSet, _person: Person, at: float) -> list[Activity]:
        self._channel(event.channel_id).learn("topic", at, event.topic)
        return []

    def _channel_archived(self, event: ChannelArchived, _person: Person, at: float) -> list[Activity]:
        self._channel(event.channel_id).learn("is_archived", at, not event.removed)
        return []

    def _channel_made_private(self, event: ChannelMadePrivate, _person: Person, at: float) -> list[Activity]:
        self._channel(event.channel_id).learn("is_private", at, not event.removed)
        return []

    def _role_changed(self, event: RoleChanged, person: Person, at: float) -> list[Activity]:
        person.learn("role", at, event.role)
        return []

    def _user_updated(self, event: UserUpdated, person: Person, at: float) -> list[Activity]:
        for name, value in (("name", event.name), ("team", event.team), ("title", event.title)):
            if value is not None:
                person.learn(name, at, value)
        person.learn("is_bot", at, event.is_bot)
        person.learn("is_deleted", at, event.is_deleted)
        self._seat(person)
        return []

    def _nothing(self, _event: Event, _person: Person, _at: float) -> list[Activity]:
        return []

    def _towards_author(self, kind: ActivityKind, at: float, user_id: str, message: MessageFacts) -> Activity:
        author_id = message.author_id
        if author_id is None:
            message.wait(kind, at, user_id)
        if author_id is None or author_id == user_id:
            return Activity(kind, at, user_id, message.channel_id, message.message_id)
        return _towards(kind, at, user_id, message)

    # ── who is where ─────────────────────────────────────────────────────────────────────────────────────────────

    def _channel(self, channel_id: str) -> Channel:
        self._changed_channels.add(channel_id)
        self.touched.channels.add(channel_id)
        channel = self._channels.get(channel_id)
        if channel is None:
            channel = self._channels[channel_id] = Channel(channel_id)
        return channel

    def _place(self, person: Person, channel_id: str, at: float, *, left: bool = False) -> None:
        """Note that a person was in a channel at a time, or left it."""
        channel_id = intern(channel_id)  # one text for all who were there
        if channel_id not in self._channels:
            self._channel(channel_id)
        if person.left.put(channel_id, at, left):
            self._seat_in(person, channel_id, is_in=not left and not person.is_deleted)

    def _seat(self, person: Person) -> None:
        for channel_id, (_, left) in person.left.items():
            self._seat_in(person, channel_id, is_in=not left and not person.is_deleted)

    def _seat_in(self, person: Person, channel_id: str, *, is_in: bool) -> None:
        members = self._members.get(channel_id)
        if members is None:
            members = self._members[channel_id] = set()
        if is_in == (person.user_id in members):
            return
        self.touched.seats.add(channel_id)
        memberships = self._memberships.setdefault(person.user_id, set())
        if is_in:
            members.add(person.user_id)
            memberships.add(channel_id)
        else:
            members.discard(person.user_id)
            memberships.discard(channel_id)

    # ── questions ────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def people(self) -> Mapping[str, Person]:
        """Everybody who ever did something, or was announced."""
        return self._people

    @property
    def channels(self) -> Mapping[str, Channel]:
        """All channels of which something was seen."""
        return self._channels

    def channels_of(self, user_id: str) -> AbstractSet[str]:
        """Channels that a person is in now; none for somebody who is gone."""
        return self._memberships.get(user_id, _NOBODY)

    def members_of(self, channel_id: str) -> AbstractSet[str]:
        """People who are in a channel now."""
        return self._members.get(channel_id, _NOBODY)

    def may_see(self, user_id: str, channel_id: str) -> bool:
        """Whether a person may look into a channel: its members may, and all but guests where it is public.

        A channel whose creation was never seen may be private: its members only.
        """
        if user_id in self._members.get(channel_id, _NOBODY):
            return True
        channel = self._channels.get(channel_id)
        if channel is None or not channel.is_known or channel.is_private:
            return False
        person = self._people.get(user_id)
        return person is None or not (person.is_deleted or person.role == "guest")

    def is_muted(self, user_id: str, *, channel_id: str | None = None, other_user_id: str | None = None) -> bool:
        """Whether a person muted the channel, or the other person."""
        person = self._people.get(user_id)
        if person is None:
            return False
        by_channel = channel_id is not None and person.muted_channels.holds(channel_id)
        return by_channel or (other_user_id is not None and person.muted_people.holds(other_user_id))

    def is_blocked(self, user_id: str, other_user_id: str) -> bool:
        """Whether one of the two blocked the other."""
        one, other = self._people.get(user_id), self._people.get(other_user_id)
        return (one is not None and one.blocked.holds(other_user_id)) or (
            other is not None and other.blocked.holds(user_id)
        )

    def message(self, channel_id: str, message_id: str) -> MessageFacts | None:
        """A message that was seen and is still kept."""
        return self._messages.get(channel_id, message_id)

    def recent_messages(self, channel_id: str, limit: int) -> list[MessageFacts]:
        """The newest messages of a channel that are not deleted, newest first."""
        return self._messages.recent(channel_id, limit)

    # ── documents ────────────────────────────────────────────────────────────────────────────────────────────────

    def changes(self) -> dict[str, dict[str, bytes | None]]:
        """Documents changed since the last call: namespace → key → document, None where one is gone."""
        people, self._changed_people = self._changed_people, set()
        channels, self._changed_channels = self._changed_channels, set()
        changed: dict[str, dict[str, bytes | None]] = {
            "people": {user_id: self._people[user_id].document() for user_id in people},
            "channels": {channel_id: self._channels[channel_id].document() for channel_id in channels},
            "messages": self._messages.changes(),
        }
        return {namespace: documents for namespace, documents in changed.items() if documents}

    def load(self, namespace: str, items: Iterable[tuple[str, bytes]]) -> None:
        """Take documents of `changes` in."""
        self.touched.everything = True
        if namespace == "people":
            for user_id, document in items:
                person = self._people[user_id] = Person.from_document(user_id, document)
                self._seat(person)
        elif namespace == "channels":
            for channel_id, document in items:
                self._channels[channel_id] = Channel.from_document(channel_id, document)
        elif namespace == "messages":
            self._messages.load(items)
        else:
            raise InvalidInput(f"unknown namespace {namespace!r}; known are {', '.join(self.NAMESPACES)}")


def _towards(
    kind: ActivityKind, at: float, user_id: str, message: MessageFacts, *, completes: bool = False
) -> Activity:
    """What somebody did to the message of another."""
    waited = round(at - message.posted_at, 6) if kind == "replied" else 0.0  # a microsecond, as times are told
    return Activity(
        kind, at, user_id, message.channel_id, message.message_id, message.author_id, completes,
        value=waited if waited > 0 else None,
    )  # fmt: skip
