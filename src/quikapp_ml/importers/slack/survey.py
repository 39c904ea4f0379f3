"""A first reading of a whole export: is every part sound, and what must be known before the first event is told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from quikapp_ml.importers.slack.directory import Channel, Person
from quikapp_ml.importers.slack.entries import (
    ARCHIVES,
    JOINS,
    LEAVES,
    POSTS,
    PRIVACY,
    RENAMES,
    TOPICS,
    EntryReader,
    author_of,
)
from quikapp_ml.importers.slack.facts import SECOND, Timed, event, is_id, one_line, time_of, ts_of

_NO_TIME = time_of(946_684_800) or 0
_NAME_LENGTH = 256


@dataclass(slots=True)
class _Seen:
    """What the days of one channel tell."""

    first_at: int | None = None
    last_at: int = 0
    first_name: tuple[int, str] | None = None
    was_public: bool = False
    tells_topics: bool = False
    tells_archive: bool = False
    first_posts: dict[str, int] = field(default_factory=dict)
    joined: set[str] = field(default_factory=set)
    memberships: dict[str, tuple[int, bool]] = field(default_factory=dict)
    """Person → when they were last seen to be, or to cease to be, a member."""


class Survey:
    """Collects, from entries in any order, what `opening` and `closing` need."""

    def __init__(self, people: Mapping[str, Person], channels: Mapping[str, Channel]) -> None:
        self._people = people
        self._channels = channels
        self._seen: dict[str, _Seen] = {channel_id: _Seen() for channel_id in channels}
        self._last_seen_of: dict[str, int] = {}
        self._strangers: dict[str, tuple[str, bool]] = {}
        self._checker = EntryReader({})

    @property
    def bots(self) -> dict[str, str]:
        """Ids of all bots, with their names."""
        listed = {person.user_id: person.name or person.user_id for person in self._people.values() if person.is_bot}
        return listed | {user_id: name for user_id, (name, is_bot) in self._strangers.items() if is_bot}

    def see(self, channel_id: str, entry: Mapping[str, Any]) -> None:
        """Check one entry and remember what it tells; raises BrokenPart."""
        _, at = ts_of(entry)
        for told_at, _ in self._checker.events(channel_id, entry):
            self._latest(channel_id, told_at)
        seen = self._seen.setdefault(channel_id, _Seen())
        seen.first_at = at if seen.first_at is None else min(at, seen.first_at)
        self._latest(channel_id, at)
        author, subtype = author_of(entry), entry.get("subtype")
        if author is not None:
            self._last_seen_of[author] = max(at, self._last_seen_of.get(author, 0))
            self._see_member(seen, author, subtype, at)
            self._meet(author, entry)
        _see_channel(seen, subtype, at, entry)

    def opening(self) -> Iterator[Timed]:
        """People, channels and memberships that no day tells of."""
        first_at, last_at = self._first_at(), self._last_at()
        for person in self._people.values():
            yield from person.events(first_at, self._last_seen_of.get(person.user_id, 0), last_at)
        for user_id, (name, is_bot) in self._strangers.items():
            told = {"name": name, "is_bot": True} if is_bot else {"name": name}
            yield event("user_updated", first_at, user_id, (user_id, "user", name), **told)
        for channel in self._channels.values():
            yield from self._opening_of(channel, first_at)

    def closing(self) -> Iterator[Timed]:
        """What the lists say of the last day and no day tells of: channels closed, memberships ended or begun."""
        last_at = self._last_at()
        for channel in self._channels.values():
            seen = self._seen[channel.channel_id]
            if channel.is_archived:
                if not seen.tells_archive and channel.creator is not None:
                    key = (channel.channel_id, "archived")
                    at = max(seen.last_at, channel.created_at or 0, self._first_at())
                    yield event("channel_archived", at, channel.creator, key, channel_id=channel.channel_id)
            elif channel.members:
                yield from self._settled(channel, seen, last_at)

    def _opening_of(self, channel: Channel, first_at: int) -> Iterator[Timed]:
        seen, channel_id = self._seen[channel.channel_id], channel.channel_id
        created_at = self._created_at(channel, first_at)
        creator = channel.creator or next(iter(seen.first_posts), None)
        if creator is None:
            return
        fields: dict[str, Any] = {"name": seen.first_name[1] if seen.first_name else channel.name}
        if channel.topic and not seen.tells_topics:
            fields["topic"] = channel.topic
        if channel.is_private and not seen.was_public:
            fields["is_private"] = True
        yield event("channel_created", created_at, creator, (channel_id, "created"), channel_id=channel_id, **fields)
        seen.memberships.setdefault(creator, (created_at, True))
        for user_id in channel.members or ():
            if user_id != creator and user_id not in seen.joined:
                at = seen.first_posts.get(user_id, created_at)
                seen.memberships.setdefault(user_id, (at, True))
                yield event("join", at, user_id, (channel_id, "member", user_id), channel_id=channel_id)

    def _settled(self, channel: Channel, seen: _Seen, at: int) -> Iterator[Timed]:
        members, bots = set(channel.members or ()), self.bots
        for user_id, (since, is_member) in seen.memberships.items():
            if is_member and user_id not in members and user_id not in bots:
                key = (channel.channel_id, "left", user_id, str(since))
                yield event("leave", at, user_id, key, channel_id=channel.channel_id)
            elif not is_member and user_id in members:
                key = (channel.channel_id, "back", user_id, str(since))
                yield event("join", at, user_id, key, channel_id=channel.channel_id)

    def _created_at(self, channel: Channel, first_at: int) -> int:
        times = [at for at in (channel.created_at, self._seen[channel.channel_id].first_at) if at is not None]
        return min(times, default=first_at)

    def _first_at(self) -> int:
        listed = (channel.created_at for channel in self._channels.values())
        told = (seen.first_at for seen in self._seen.values())
        return min((at for at in (*listed, *told) if at is not None), default=_NO_TIME)

    def _last_at(self) -> int:
        return max((seen.last_at for seen in self._seen.values()), default=0) + SECOND or self._first_at()

    def _latest(self, channel_id: str, at: int) -> None:
        seen = self._seen.setdefault(channel_id, _Seen())
        seen.last_at = max(seen.last_at, at)

    def _see_member(self, seen: _Seen, author: str, subtype: object, at: int) -> None:
        if subtype in POSTS:
            seen.first_posts[author] = min(at, seen.first_posts.get(author, at))
        elif subtype in JOINS:
            seen.joined.add(author)
        elif subtype not in LEAVES:
            return
        if at >= seen.memberships.get(author, (0, False))[0]:
            seen.memberships[author] = (at, subtype not in LEAVES)

    def _meet(self, author: str, entry: Mapping[str, Any]) -> None:
        """Keep who is in no list: guests from other workspaces, and integrations without an account."""
        if author in self._people or author in self._strangers:
            return
        profile = entry.get("user_profile") or entry.get("bot_profile")
        given = profile if isinstance(profile, dict) else {}
        is_bot = not is_id(entry.get("user")) and (is_id(entry.get("bot_id")) or author.startswith("bot:"))
        names = (*(given.get(key) for key in ("display_name", "real_name", "name")), entry.get("username"))
        name = next((name for value in names if (name := one_line(value, _NAME_LENGTH))), author if is_bot else None)
        if name is not None:
            self._strangers[author] = (name, is_bot)


def _see_channel(seen: _Seen, subtype: object, at: int, entry: Mapping[str, Any]) -> None:
    if subtype in RENAMES:
        old_name = one_line(entry.get("old_name"), _NAME_LENGTH)
        if old_name is not None and (seen.first_name is None or at < seen.first_name[0]):
            seen.first_name = (at, old_name)
    elif subtype in TOPICS:
        seen.tells_topics = True
    elif subtype in ARCHIVES:
        seen.tells_archive = True
    elif subtype in PRIVACY:
        seen.was_public = True
