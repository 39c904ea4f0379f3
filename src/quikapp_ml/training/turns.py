"""What people turned to, read off events before they are applied: the labels of recommendation and ranking."""

import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from quikapp_ml.entities.decisions import ItemType
from quikapp_ml.entities.events import Event, Join, Message, Reaction
from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.features.base import FeatureView
from quikapp_ml.features.conversations import Conversation
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.training.replay import LeakAlarm

WARM_UP_SECONDS = 86_400.0
"""Nothing is asked on the first day of a log: a workspace that is being set up tells nothing of taste."""

_PARTNERS = "user_user_affinity"
_READ_OFF = tuple(view for view in FEATURE_VIEWS if view.name == _PARTNERS)

_MENTION = re.compile(r"<@([^<>|\s]+)")


@dataclass(frozen=True, slots=True)
class Turn:
    """At `at` a person turned to a channel, to somebody new, or to a thread (`item_id`, with its channel)."""

    kind: ItemType
    user_id: str
    item_id: str
    channel_id: str
    at: float
    event_id: str


@dataclass(frozen=True, slots=True)
class Moment:
    """One event of a replay, just before it is applied: the state as it was, and what the event shows."""

    event: Event
    workspace: Workspace
    features: OnlineFeatures
    turns: tuple[Turn, ...]


def turns_in(events: Iterable[Event]) -> list[Turn]:
    """All turns of a log, in its order. Only what they are read off is counted: most of a replay's work is saved."""
    return [turn for moment in replay(events, _READ_OFF) for turn in moment.turns]


def replay(events: Iterable[Event], views: Sequence[FeatureView] = FEATURE_VIEWS) -> Iterator[Moment]:
    """Apply a log in its order, stopping before each event, so that nothing of the future can be seen.

    Raises LeakAlarm when an event is older than one before it: that one was known too early.
    """
    workspace, features = Workspace(), OnlineFeatures(views)
    opened_at: float | None = None
    known_until = -math.inf
    for event in events:
        if event.unix_seconds < known_until:
            raise LeakAlarm(
                f"event {event.event_id!r} is of second {event.unix_seconds:.3f}, but what happened until "
                f"{known_until:.3f} is known already: replay a log in the order of event time"
            )
        known_until = event.unix_seconds
        opened_at = event.unix_seconds if opened_at is None else opened_at
        is_warm = event.unix_seconds - opened_at >= WARM_UP_SECONDS
        yield Moment(event, workspace, features, turns_of(event, workspace, features) if is_warm else ())
        for activity in workspace.apply(event):
            features.apply(activity)


def turns_of(event: Event, workspace: Workspace, features: OnlineFeatures) -> tuple[Turn, ...]:
    """What the event shows of the choices of the person who did it; nothing for bots."""
    person = workspace.people.get(event.user_id)
    if not isinstance(event, Join | Message | Reaction) or (person is not None and person.is_bot):
        return ()
    if (isinstance(event, Message) and event.is_bot) or (isinstance(event, Reaction) and event.removed):
        return ()
    return tuple(_turns(event, workspace, features))


def adopted_channel(event: Event, workspace: Workspace) -> str | None:
    """The channel, open to everybody, that somebody begins to use by this event."""
    if not isinstance(event, Join | Message) or event.user_id in workspace.members_of(event.channel_id):
        return None
    channel = workspace.channels.get(event.channel_id)
    is_open = channel is not None and channel.is_known and not channel.is_private and not channel.is_archived
    return event.channel_id if is_open else None


def sampled(turns: Iterable[Turn], at_most: int) -> list[Turn]:
    """At most so many turns of each kind, chosen by a hash of their events: the same ones in every run."""
    by_kind: dict[ItemType, list[Turn]] = {}
    for turn in turns:
        by_kind.setdefault(turn.kind, []).append(turn)
    return [turn for of_kind in by_kind.values() for turn in sorted(of_kind, key=_lot)[:at_most]]


def conversation_of(turn: Turn, given: Iterable[Conversation]) -> int | None:
    """Position of the conversation that a person turned to; None where it is not among them."""
    for position, one in enumerate(given):
        thread_id = one.message.thread_id or one.message.message_id
        if one.channel_id == turn.channel_id and thread_id == turn.item_id:
            return position
    return None


def count_by_kind(turns: Iterable[Turn]) -> Mapping[ItemType, int]:
    """How many turns of each kind there are."""
    counts: dict[ItemType, int] = {"channel": 0, "user": 0, "message": 0}
    for turn in turns:
        counts[turn.kind] += 1
    return counts


def _turns(event: Join | Message | Reaction, workspace: Workspace, features: OnlineFeatures) -> Iterator[Turn]:
    user_id, channel_id, at, event_id = event.user_id, event.channel_id, event.unix_seconds, event.event_id
    if adopted_channel(event, workspace) and not workspace.is_muted(user_id, channel_id=channel_id):
        yield Turn("channel", user_id, channel_id, channel_id, at, event_id)
    thread_id, author_id = _thread_and_author(event, workspace)
    if thread_id is not None and author_id is not None:
        yield Turn("message", user_id, thread_id, channel_id, at, event_id)
    known = features.partners(_PARTNERS, user_id)
    for other in dict.fromkeys(filter(None, (author_id, *_mentioned(event)))):
        if other != user_id and other in workspace.people and other not in known:
            yield Turn("user", user_id, other, channel_id, at, event_id)


def _thread_and_author(event: Join | Message | Reaction, workspace: Workspace) -> tuple[str | None, str | None]:
    """The thread that the event answers or reacts to, and whose message that is."""
    if isinstance(event, Join):
        return None, None
    target = event.thread_id if isinstance(event, Message) else event.message_id
    if target is None or (isinstance(event, Message) and target == event.message_id):
        return None, None
    facts = workspace.message(event.channel_id, target)
    if facts is None:
        return None, None
    return facts.thread_id or target, facts.author_id


def _mentioned(event: Join | Message | Reaction) -> list[str]:
    return _MENTION.findall(event.content or "") if isinstance(event, Message) else []


def _lot(turn: Turn) -> tuple[bytes, str]:
    return hashlib.blake2b(f"{turn.kind}:{turn.event_id}:{turn.item_id}".encode(), digest_size=8).digest(), turn.item_id
