"""People and channels of a chat, as they are now."""

from dataclasses import dataclass, field

import orjson

from quikapp_ml.features.facts import Facts


@dataclass(slots=True, eq=False)
class Person:
    """What is known of a person. Times are unix seconds; `last_seen_at` is None before they do something."""

    user_id: str
    name: str | None = None
    team: str | None = None
    title: str | None = None
    role: str | None = None
    is_bot: bool = False
    is_deleted: bool = False
    first_seen_at: float = float("inf")
    last_seen_at: float | None = None
    facts: Facts = field(default_factory=Facts, repr=False)
    left: Facts = field(default_factory=Facts, repr=False)
    """Channel → whether the person left it again."""
    muted_channels: Facts = field(default_factory=Facts, repr=False)
    muted_people: Facts = field(default_factory=Facts, repr=False)
    blocked: Facts = field(default_factory=Facts, repr=False)

    def learn(self, name: str, at: float, value: bool | str) -> None:
        """Take a fact of the person in, unless a later one is known."""
        if self.facts.put(name, at, value):
            setattr(self, name, value)

    def document(self) -> bytes:
        """All of it but the id, as JSON."""
        seen = (self.first_seen_at, self.last_seen_at)
        return orjson.dumps((seen, self.facts, self.left, self.muted_channels, self.muted_people, self.blocked))

    @classmethod
    def from_document(cls, user_id: str, document: bytes) -> "Person":
        """The person that `document` wrote."""
        (first, last), stored, left, muted_channels, muted_people, blocked = orjson.loads(document)
        facts = Facts.loaded(stored)
        person = cls(user_id, **{name: value for name, (_, value) in facts.items()})
        person.first_seen_at, person.last_seen_at = first, last
        person.facts, person.left = facts, Facts.loaded(left)
        person.muted_channels, person.muted_people = Facts.loaded(muted_channels), Facts.loaded(muted_people)
        person.blocked = Facts.loaded(blocked)
        return person


@dataclass(slots=True, eq=False)
class Channel:
    """What is known of a channel. It is known (`is_known`) once its creation was seen; `created_at` is unix seconds."""

    channel_id: str
    name: str | None = None
    topic: str | None = None
    is_private: bool = False
    is_archived: bool = False
    creator_id: str | None = None
    created_at: float | None = None
    facts: Facts = field(default_factory=Facts, repr=False)

    @property
    def is_known(self) -> bool:
        """Whether its creation was seen: of another it is not known who may see it."""
        return self.created_at is not None

    def learn(self, name: str, at: float, value: bool | str) -> None:
        """Take a fact of the channel in, unless a later one is known."""
        if self.facts.put(name, at, value):
            setattr(self, name, value)

    def document(self) -> bytes:
        """All of it but the id, as JSON."""
        return orjson.dumps((self.creator_id, self.created_at, self.facts))

    @classmethod
    def from_document(cls, channel_id: str, document: bytes) -> "Channel":
        """The channel that `document` wrote."""
        creator_id, created_at, stored = orjson.loads(document)
        facts = Facts.loaded(stored)
        values = {name: value for name, (_, value) in facts.items()}
        return cls(channel_id, **values, creator_id=creator_id, created_at=created_at, facts=facts)
