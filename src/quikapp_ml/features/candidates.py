"""What could be recommended, from several sources; nothing that the asker may not see is ever among it.

A source gives items best first. The first source that gives an item is the one the answer names.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from quikapp_ml.features.conversations import Conversation, conversations
from quikapp_ml.features.viewpoint import Viewpoint

MAX_CANDIDATES = 300
MAX_FROM_A_SOURCE = 60
ENOUGH_PEOPLE = 120
"""With fewer from the sources, everybody else is looked through, too."""
MAX_TEAMMATES = 200
MAX_OWN_CHANNELS_READ = 40
MAX_OTHER_CHANNELS_READ = 10
MESSAGES_A_CHANNEL = 15
NEW_CHANNEL_SECONDS = 30 * 86_400.0

Source = Callable[[], Iterable[str]]


def channel_candidates(view: Viewpoint, similar: Sequence[str] = ()) -> dict[str, str]:
    """Channels that the asker could join, and the source of each; `similar` comes from a model, best first."""
    allowed = frozenset(view.open_channels)
    sources: dict[str, Source] = {
        "collaborators": lambda: _best(_channels_of_people(view, view.collaborators)),
        "team": lambda: _best(_channels_of_people(view, dict.fromkeys(sorted(view.teammates)[:MAX_TEAMMATES], 1.0))),
        "similar": lambda: similar,
        "new": lambda: _new(view),
        "popular": lambda: _best({channel_id: view.popularity[channel_id] for channel_id in view.open_channels}),
    }
    found = _gather(sources, allowed.__contains__)
    return _fill(found, view.open_channels, "popular")


def person_candidates(view: Viewpoint) -> dict[str, str]:
    """People whom the asker could meet, and the source of each; people already known come last."""
    sources: dict[str, Source] = {
        "collaborators": lambda: _people_near_collaborators(view),
        "team": lambda: sorted(view.teammates - view.contacts),
        "shared_channels": lambda: _strangers_first(view, sorted(view.companions)),
        "popular": lambda: _strangers_first(view, _recent_authors(view)),
    }
    found = _gather(sources, view.may_meet)
    if len(found) < ENOUGH_PEOPLE:
        strangers = (one for one in view.listed_people() if one not in view.contacts)
        known = (one for one in sorted(view.contacts) if view.may_meet(one) and view.person(one))
        found = _fill(_fill(found, strangers, "everybody"), known, "contacts")
    return found


def conversation_candidates(view: Viewpoint) -> list[Conversation]:
    """Messages and threads that the asker could read, newest first."""
    readable = dict.fromkeys(view.readable_channels)
    own = sorted((one for one in view.own_channels if one in readable), key=lambda one: -view.habits[one])
    others = sorted((one for one in readable if one not in view.habits), key=lambda one: -view.popularity[one])
    chosen = own[:MAX_OWN_CHANNELS_READ] + others[:MAX_OTHER_CHANNELS_READ]
    found = conversations(view, chosen, MESSAGES_A_CHANNEL)
    if not found:
        found = conversations(view, readable, MESSAGES_A_CHANNEL)
    return found[:MAX_CANDIDATES]


def _gather(sources: Mapping[str, Source], is_allowed: Callable[[str], bool]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, source in sources.items():
        for item_id in islice(filter(is_allowed, source()), MAX_FROM_A_SOURCE):
            found.setdefault(item_id, name)
    return found


def _fill(found: dict[str, str], others: Iterable[str], source: str) -> dict[str, str]:
    for item_id in others:
        if len(found) >= MAX_CANDIDATES:
            break
        found.setdefault(item_id, source)
    return found


def _best(weights: Mapping[str, float]) -> list[str]:
    return sorted(weights, key=lambda item_id: (-weights[item_id], item_id))


def _channels_of_people(view: Viewpoint, people: Mapping[str, float]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for other, weight in people.items():
        for channel_id in view.channels_of(other):
            weights[channel_id] = weights.get(channel_id, 0.0) + weight
    return weights


def _new(view: Viewpoint) -> list[str]:
    opened = {one: view.channels[one].created_at for one in view.open_channels}
    recent = {one: at for one, at in opened.items() if at is not None and view.now - at < NEW_CHANNEL_SECONDS}
    return _best(recent)


def _people_near_collaborators(view: Viewpoint) -> Iterator[str]:
    """Members of the channels where the asker's collaborators are, small channels first."""
    places = _best(_channels_of_people(view, view.collaborators))[:MAX_OTHER_CHANNELS_READ]
    for channel_id in view.smallest_first(places):
        yield from sorted(view.members(channel_id) - view.contacts)


def _recent_authors(view: Viewpoint) -> list[str]:
    """Who wrote last in the liveliest channels that the asker may see."""
    found: dict[str, None] = {}
    for channel_id in sorted(view.readable_channels, key=lambda one: -view.popularity[one])[:MAX_OTHER_CHANNELS_READ]:
        recent = view.recent_messages(channel_id, MESSAGES_A_CHANNEL)
        found.update(dict.fromkeys(message.author_id for message in recent if message.author_id and not message.is_bot))
    return list(found)


def _strangers_first(view: Viewpoint, people: Iterable[str]) -> list[str]:
    return [one for one in people if one not in view.contacts]
