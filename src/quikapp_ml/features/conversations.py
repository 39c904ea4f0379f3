"""What there is to read: single messages, and threads as one item each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

from quikapp_ml.features.viewpoint import Viewpoint, may_be_read
from quikapp_ml.features.workspace import MessageFacts, Workspace


@dataclass(frozen=True, slots=True)
class Conversation:
    """A message to show: the first one of a thread, or the newest answer where the asker began the thread."""

    channel_id: str
    message: MessageFacts
    author_id: str
    last_at: float
    """When somebody else wrote in it last (unix seconds)."""
    n_replies: int
    answers_you: bool


_LAST_AT = attrgetter("last_at")


@dataclass(frozen=True, slots=True)
class _Digest:
    """What there is to read in a channel for everybody who did not write there and avoids nobody who did."""

    conversations: tuple[Conversation, ...]
    authors: frozenset[str]


def conversations(view: Viewpoint, channel_ids: Iterable[str], limit_each: int) -> list[Conversation]:
    """What the asker could read next among the newest `limit_each` messages of each channel, newest first."""
    found = [one for channel_id in sorted(channel_ids) for one in _of_channel(view, channel_id, limit_each)]
    return sorted(found, key=_LAST_AT, reverse=True)  # equal ones stay in order: by channel, then by message


def _of_channel(view: Viewpoint, channel_id: str, limit: int) -> Iterable[Conversation]:
    if not view.sees(channel_id):
        return ()
    digest = view.of_messages(
        channel_id, f"newest {limit}", lambda workspace: _digest(_Anybody(workspace), channel_id, limit)
    )
    if view.user_id in digest.authors or not digest.authors.isdisjoint(view.avoided):
        return _sorted(_read(view, channel_id, limit))
    return digest.conversations


def _digest(reader: "_Anybody", channel_id: str, limit: int) -> _Digest:
    found = _sorted(_read(reader, channel_id, limit))
    return _Digest(tuple(found), frozenset(reader.authors))


def _sorted(found: Iterable[Conversation]) -> list[Conversation]:
    return sorted(found, key=lambda one: (-one.last_at, one.message.message_id))


class _Reader(Protocol):
    """Who reads: `Viewpoint` is one."""

    user_id: str

    def recent_messages(self, channel_id: str, limit: int) -> list[MessageFacts]:
        """The newest messages of a channel, newest first."""

    def message(self, channel_id: str, message_id: str) -> MessageFacts | None:
        """A message that is kept."""

    def may_read(self, message: MessageFacts) -> bool:
        """Whether a message may be shown."""


class _Anybody:
    """A reader who wrote nothing and avoids nobody; notes whose messages they came upon."""

    user_id = ""  # nobody's

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.recent_messages = workspace.recent_messages
        self.message = workspace.message
        self.authors: set[str] = set()

    def may_read(self, message: MessageFacts) -> bool:
        if message.author_id is not None:
            self.authors.add(message.author_id)
        return may_be_read(self._workspace, message)


def _read(reader: _Reader, channel_id: str, limit: int) -> Iterator[Conversation]:
    seen: set[str] = set()
    for newest in reader.recent_messages(channel_id, limit):
        thread_id = newest.thread_id or newest.message_id
        if thread_id in seen or newest.author_id == reader.user_id or not reader.may_read(newest):
            continue
        seen.add(thread_id)
        conversation = _conversation(reader, channel_id, newest, reader.message(channel_id, thread_id))
        if conversation is not None:
            yield conversation


def _conversation(
    reader: _Reader, channel_id: str, newest: MessageFacts, first: MessageFacts | None
) -> Conversation | None:
    answers_you = first is not None and first.author_id == reader.user_id
    if first is None or first.author_id is None or first.is_deleted or answers_you:
        shown, n_replies = newest, 0
    elif not reader.may_read(first):
        return None
    else:
        shown, n_replies = first, first.n_replies
    return Conversation(channel_id, shown, str(shown.author_id), newest.posted_at, n_replies, answers_you)
