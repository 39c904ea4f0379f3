"""What there is to read: single messages, and threads as one item each."""

from collections.abc import Iterable
from dataclasses import dataclass

from quikapp_ml.features.viewpoint import Viewpoint
from quikapp_ml.features.workspace import MessageFacts


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


def conversations(view: Viewpoint, channel_ids: Iterable[str], limit_each: int) -> list[Conversation]:
    """What the asker could read next among the newest `limit_each` messages of each channel, newest first."""
    found = [one for channel_id in channel_ids for one in _of_channel(view, channel_id, limit_each)]
    return sorted(found, key=lambda one: (-one.last_at, one.channel_id, one.message.message_id))


def _of_channel(view: Viewpoint, channel_id: str, limit: int) -> Iterable[Conversation]:
    seen: set[str] = set()
    for newest in view.recent_messages(channel_id, limit):
        thread_id = newest.thread_id or newest.message_id
        if thread_id in seen or newest.author_id == view.user_id or not view.may_read(newest):
            continue
        seen.add(thread_id)
        conversation = _conversation(view, channel_id, newest, view.message(channel_id, thread_id))
        if conversation is not None:
            yield conversation


def _conversation(
    view: Viewpoint, channel_id: str, newest: MessageFacts, first: MessageFacts | None
) -> Conversation | None:
    answers_you = first is not None and first.author_id == view.user_id
    if first is None or first.author_id is None or first.is_deleted or answers_you:
        shown, n_replies = newest, 0
    elif not view.may_read(first):
        return None
    else:
        shown, n_replies = first, first.n_replies
    return Conversation(channel_id, shown, str(shown.author_id), newest.posted_at, n_replies, answers_you)
