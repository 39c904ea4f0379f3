"""One entry of a channel's day → the events that it tells of."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from quikapp_ml.importers.slack.archive import BrokenPart
from quikapp_ml.importers.slack.facts import SECOND, Timed, event, is_id, message_id, objects, one_line, text_of, ts_of

JOINS = frozenset({"channel_join", "group_join", "mpim_join"})
LEAVES = frozenset({"channel_leave", "group_leave"})
RENAMES = frozenset({"channel_name", "group_name"})
TOPICS = {
    "channel_topic": "topic",
    "group_topic": "topic",
    "channel_purpose": "purpose",
    "group_purpose": "purpose",
}
ARCHIVES = {"channel_archive": False, "group_archive": False, "channel_unarchive": True, "group_unarchive": True}
PRIVACY = {"channel_convert_to_private": False, "channel_convert_to_public": True}
POSTS = frozenset({
    None, "", "bot_message", "me_message", "file_share", "file_comment", "file_mention", "thread_broadcast",
    "reply_broadcast", "slackbot_response", "huddle_thread",
})  # fmt: skip
"""Subtypes under which somebody says something."""
_UNKNOWN_AUTHOR = "USLACKBOT"
"""Whom Slack itself names as the author of what it no longer knows."""
_REACTION_DELAY = SECOND
"""An export does not say when a reaction was given: one second after its message."""
_LONGEST_REACTION = 100
_LONGEST_TOPIC = 1_000


def author_of(entry: Mapping[str, Any]) -> str | None:
    """Who an entry is by: a person, else a bot, else the name that an integration gave itself."""
    named = (entry, *(part for key in ("comment", "message", "previous_message") if (part := entry.get(key))))
    for source in named:
        for key in ("user", "bot_id"):
            if isinstance(source, dict) and is_id(source.get(key)):
                return str(source[key])
    username = one_line(entry.get("username"), 48)
    return f"bot:{username}" if username else None


class EntryReader:
    """Reads entries in the order of their times; remembers the topics of channels, since Slack has two for each."""

    def __init__(self, bots: Mapping[str, str]) -> None:
        self._bots = bots
        self._about: dict[tuple[str, str], str] = {}

    def events(self, channel_id: str, entry: Mapping[str, Any]) -> Iterator[Timed]:
        """The events of one entry; raises BrokenPart. An entry that says nothing of interest has none."""
        ts, at = ts_of(entry)
        subtype = entry.get("subtype")
        if subtype in POSTS:
            return self._post(channel_id, ts, at, entry)
        read = _READERS.get(subtype) if isinstance(subtype, str) else None
        if read is not None:
            return read(self, channel_id, ts, at, entry)
        return iter(())

    def _post(self, channel_id: str, ts: str, at: int, entry: Mapping[str, Any]) -> Iterator[Timed]:
        author = _required_author(entry)
        message = message_id(channel_id, ts)
        fields: dict[str, Any] = {"channel_id": channel_id, "message_id": message}
        content = text_of(entry)
        posted = {**fields, "content": content}
        thread_ts = entry.get("thread_ts")
        if thread_ts is not None and thread_ts != ts:
            posted["thread_id"] = message_id(channel_id, ts_of(entry, "thread_ts")[0])
        if entry.get("subtype") == "bot_message" or author in self._bots:
            posted["is_bot"] = True
        yield event("message", at, author, (channel_id, ts, "message"), **posted)
        edited = entry.get("edited")
        if isinstance(edited, dict):
            edit_ts, edited_at = ts_of(edited)
            editor = edited["user"] if is_id(edited.get("user")) else author
            yield event("edit", edited_at, editor, (channel_id, ts, "edit", edit_ts), **fields, content=content)
        for reaction in objects(entry.get("reactions")):
            yield from _reactions(channel_id, ts, at, reaction)

    def _join(self, channel_id: str, ts: str, at: int, entry: Mapping[str, Any]) -> Iterator[Timed]:
        yield event("join", at, _required_author(entry), (channel_id, ts, "join"), channel_id=channel_id)

    def _leave(self, channel_id: str, ts: str, at: int, entry: Mapping[str, Any]) -> Iterator[Timed]:
        yield event("leave", at, _required_author(entry), (channel_id, ts, "leave"), channel_id=channel_id)

    def _rename(self, channel_id: str, ts: str, at: int, entry: Mapping[str, Any]) -> Iterator[Timed]:
        name = one_line(entry.get("name"), 256)
        if name is None:
            raise BrokenPart("it renames a channel and does not say to what")
        author = _required_author(entry)
        yield event("channel_renamed", at, author, (channel_id, ts, "renamed"), channel_id=channel_id, name=name)

    def _topic(self, channel_id: str, ts: str, at: int, entry: Mapping[str, Any]) -> Iterator[Timed]:
        """Of Slack's topic and purpose, the topic is told; the purpose while there is no topic."""
        part = TOPICS[entry["subtype"]]
        self._about[channel_id, part] = one_line(entry.get(part), _LONGEST_TOPIC) or ""
        topic = self._about.get((channel_id, "topic")) or self._about.get((channel_id, "purpose")) or ""
        author = _required_author(entry)
        yield event("channel_topic_set", at, author, (channel_id, ts, part), channel_id=channel_id, topic=topic)

    def _archive(self, channel_id: str, ts: str, at: int, entry: Mapping[str, Any]) -> Iterator[Timed]:
        undone = {"removed": True} if ARCHIVES[entry["subtype"]] else {}
        author = _required_author(entry)
        yield event("channel_archived", at, author, (channel_id, ts, "archived"), channel_id=channel_id, **undone)

    def _privacy(self, channel_id: str, ts: str, at: int, entry: Mapping[str, Any]) -> Iterator[Timed]:
        undone = {"removed": True} if PRIVACY[entry["subtype"]] else {}
        author = _required_author(entry)
        yield event("channel_made_private", at, author, (channel_id, ts, "private"), channel_id=channel_id, **undone)

    def _changed(self, channel_id: str, ts: str, at: int, entry: Mapping[str, Any]) -> Iterator[Timed]:
        """A log of changes, as compliance exports hold it: the message as it became."""
        changed = entry.get("message")
        if not isinstance(changed, dict):
            raise BrokenPart("it changes a message and does not hold it")
        message_ts, _ = ts_of(changed)
        fields = {"channel_id": channel_id, "message_id": message_id(channel_id, message_ts)}
        author = _required_author(entry)
        yield event("edit", at, author, (channel_id, message_ts, "edit", ts), **fields, content=text_of(changed))

    def _deleted(self, channel_id: str, ts: str, at: int, entry: Mapping[str, Any]) -> Iterator[Timed]:
        message_ts, _ = ts_of(entry, "deleted_ts")
        fields = {"channel_id": channel_id, "message_id": message_id(channel_id, message_ts)}
        author = author_of(entry) or _UNKNOWN_AUTHOR
        yield event("delete", at, author, (channel_id, message_ts, "delete", ts), **fields)

    def _tombstone(self, channel_id: str, ts: str, at: int, entry: Mapping[str, Any]) -> Iterator[Timed]:
        """What is left of a deleted message that has answers."""
        fields = {"channel_id": channel_id, "message_id": message_id(channel_id, ts)}
        yield event("delete", at, author_of(entry) or _UNKNOWN_AUTHOR, (channel_id, ts, "delete"), **fields)


_Reader = Callable[[EntryReader, str, str, int, Mapping[str, Any]], Iterator[Timed]]
_READERS: dict[str, _Reader] = {
    **dict.fromkeys(JOINS, EntryReader._join),
    **dict.fromkeys(LEAVES, EntryReader._leave),
    **dict.fromkeys(RENAMES, EntryReader._rename),
    **dict.fromkeys(TOPICS, EntryReader._topic),
    **dict.fromkeys(ARCHIVES, EntryReader._archive),
    **dict.fromkeys(PRIVACY, EntryReader._privacy),
    "message_changed": EntryReader._changed,
    "message_deleted": EntryReader._deleted,
    "tombstone": EntryReader._tombstone,
}
KNOWN_SUBTYPES = POSTS | _READERS.keys()


def _required_author(entry: Mapping[str, Any]) -> str:
    author = author_of(entry)
    if author is None:
        raise BrokenPart("it does not say who it is by")
    return author


def _reactions(channel_id: str, ts: str, at: int, reaction: Mapping[str, Any]) -> Iterator[Timed]:
    name = one_line(reaction.get("name"), _LONGEST_REACTION)
    users = reaction.get("users")
    if name is None or not isinstance(users, list):
        raise BrokenPart("it has a reaction without a name or users")
    fields = {"channel_id": channel_id, "message_id": message_id(channel_id, ts), "reaction": name}
    for user in users:
        if is_id(user):
            yield event("reaction", at + _REACTION_DELAY, user, (channel_id, ts, "reaction", name, user), **fields)
