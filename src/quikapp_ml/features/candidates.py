"""What could be recommended, from several sources; nothing that the asker may not see is ever among it.

A source gives items best first. The first source that gives an item is the one the answer names.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice

import numpy as np

from quikapp_ml.features.conversations import Conversation, conversations
from quikapp_ml.features.landscape import Flags, Floats, Rows
from quikapp_ml.features.viewpoint import Viewpoint
from quikapp_ml.features.workspace import Workspace

MAX_CANDIDATES = 300
MAX_FROM_A_SOURCE = 60
ENOUGH_CHANNELS = 120
"""With fewer from the sources, or where all that could be joined are few, the others are candidates, too."""
ENOUGH_PEOPLE = 120
"""With fewer from the sources, everybody else is looked through, too."""
MAX_OWN_CHANNELS_READ = 40
MAX_OTHER_CHANNELS_READ = 10
MESSAGES_A_CHANNEL = 15
NEW_CHANNEL_SECONDS = 30 * 86_400.0

Source = Callable[[], Iterable[str]]


def channel_candidates(
    view: Viewpoint, similar: Mapping[str, float] | None = None, promoted: Sequence[str] = ()
) -> dict[str, str]:
    """Channels that the asker could join, and the source of each; `similar` comes from a model."""
    could = view.open
    sources: dict[str, Source] = {
        "promoted": lambda: filter(view.may_join, promoted),
        "collaborators": lambda: view.ids(_best(view.near_collaborators, could)),
        "team": lambda: view.ids(_best(view.near_teammates, could)),
        "similar": lambda: _most_similar(view, similar or {}),
        "new": lambda: view.ids(view.newest_open(view.now - NEW_CHANNEL_SECONDS, MAX_FROM_A_SOURCE)),
        "popular": lambda: view.ids(view.liveliest(could, MAX_FROM_A_SOURCE)),
    }
    found = _gather(sources, None)
    others = np.flatnonzero(could)
    if len(found) < ENOUGH_CHANNELS or len(others) <= MAX_CANDIDATES:
        found = _fill(found, view.ids(others[: 2 * MAX_CANDIDATES]), "popular")
    return found


def person_candidates(view: Viewpoint) -> dict[str, str]:
    """People whom the asker could meet, and the source of each; people already known come last."""
    sources: dict[str, Source] = {
        "collaborators": lambda: _people_near_collaborators(view),
        "team": lambda: sorted(view.teammates - view.contacts),
        "shared_channels": lambda: _strangers(view, sorted(view.companions)),
        "popular": lambda: _strangers(view, _recent_authors(view)),
    }
    found = _gather(sources, view.may_meet)
    if len(found) < ENOUGH_PEOPLE:
        strangers = (one for one in view.listed_people() if one not in view.contacts)
        known = (one for one in sorted(view.contacts) if view.may_meet(one) and view.person(one))
        found = _fill(_fill(found, strangers, "everybody"), known, "contacts")
    return found


def conversation_candidates(view: Viewpoint) -> list[Conversation]:
    """Messages and threads that the asker could read, newest first."""
    readable, habits = view.readable, view.habits
    own = sorted(view.ids(view.own_rows[readable[view.own_rows]]), key=lambda one: -habits[one])
    others = readable.copy()
    others[view.own_rows] = False
    chosen = own[:MAX_OWN_CHANNELS_READ] + view.ids(view.liveliest(others, MAX_OTHER_CHANNELS_READ))
    found = conversations(view, chosen, MESSAGES_A_CHANNEL)
    if not found:
        found = conversations(view, view.ids(np.flatnonzero(readable)), MESSAGES_A_CHANNEL)
    return found[:MAX_CANDIDATES]


def _gather(sources: Mapping[str, Source], is_allowed: Callable[[str], bool] | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, source in sources.items():
        allowed = list(islice(filter(is_allowed, source()), MAX_FROM_A_SOURCE))
        found.update(dict.fromkeys([item_id for item_id in allowed if item_id not in found], name))
    return found


def _fill(found: dict[str, str], others: Iterable[str], source: str) -> dict[str, str]:
    """With others, as long as there is room."""
    others = (item_id for item_id in others if item_id not in found)
    return {**found, **dict.fromkeys(islice(others, max(MAX_CANDIDATES - len(found), 0)), source)}


def _best(weights: Floats, among: Flags) -> Rows:
    """The MAX_FROM_A_SOURCE channels of the greatest weights above 0, best first; equal ones by id."""
    rows = np.flatnonzero(among & (weights > 0))
    return rows[np.argsort(-weights[rows], kind="stable")[:MAX_FROM_A_SOURCE]]


def _most_similar(view: Viewpoint, similar: Mapping[str, float]) -> list[str]:
    seen = [one for one in similar if view.sees(one)]
    rows = view.rows(seen)
    could = [one for one, is_open in zip(seen, view.open[rows].tolist(), strict=True) if is_open and similar[one] > 0]
    return sorted(could, key=lambda one: (-similar[one], one))


def _people_near_collaborators(view: Viewpoint) -> Iterator[str]:
    """Members of the channels where the asker's collaborators are, small channels first."""
    weights = view.near_collaborators
    rows = np.flatnonzero(weights > 0)
    places = rows[np.argsort(-weights[rows], kind="stable")[:MAX_OTHER_CHANNELS_READ]]
    for channel_id in view.ids(view.smallest_first(places)):
        yield from _strangers(view, view.roster(channel_id))


def _recent_authors(view: Viewpoint) -> list[str]:
    """Who wrote last in the liveliest channels that the asker may see."""
    found: dict[str, None] = {}
    for channel_id in view.ids(view.liveliest(view.readable, MAX_OTHER_CHANNELS_READ)):
        found.update(view.of_messages(channel_id, "authors", partial(_authors, channel_id)))
    return list(found)


def _authors(channel_id: str, workspace: Workspace) -> dict[str, None]:
    recent = workspace.recent_messages(channel_id, MESSAGES_A_CHANNEL)
    return dict.fromkeys(message.author_id for message in recent if message.author_id and not message.is_bot)


def _strangers(view: Viewpoint, people: Iterable[str]) -> Iterator[str]:
    contacts = view.contacts
    return (one for one in people if one not in contacts)
