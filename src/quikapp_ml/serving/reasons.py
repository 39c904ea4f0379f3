"""Why an item is recommended: the features that speak for it most, each said as a fact that the asker may check.

A reason is given only where its feature adds to the score and the fact behind it is there. Every count is of what the
asker may see.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quikapp_ml.entities.decisions import ItemType, Reason
from quikapp_ml.features.conversations import Conversation
from quikapp_ml.features.viewpoint import Viewpoint
from quikapp_ml.models.recommendation import ItemSimilarity

MAX_REASONS = 3
PLAIN = ""
"""In place of a feature's name: what can be said of an item where no feature speaks for it."""
MAX_NAMED = 2
N_CLOSEST = 10
LAST_PLACE = 5
"""A place below it is nothing to boast of."""
NEW_DAYS = 30
QUIET_DAYS = 30
"""Where the newest message is older than this, the chat is asleep."""
_UNITS = ((365 * 86_400, "year"), (30 * 86_400, "month"), (86_400, "day"), (3_600, "hour"), (60, "minute"))


@dataclass(frozen=True)
class Facts:
    """What candidates and reasons are made of."""

    view: Viewpoint
    similarity: ItemSimilarity
    current_channel: str | None
    promoted: Sequence[str] = ()
    """Channels that an administrator wants to be seen."""


Teller = Callable[[Facts, str], Reason | None]
ConversationTeller = Callable[[Facts, Conversation], Reason | None]


def reasons_for(
    facts: Facts,
    item_type: ItemType,
    item: "str | Conversation",
    contributions: Mapping[str, float],
    heard: dict[str, str | None] | None = None,
) -> tuple[Reason, ...]:
    """At most MAX_REASONS, the strongest first; one at least.

    Into `heard` goes which features were asked, and the code of what they told.
    """

    told: dict[object, Reason | None] = {}  # several features may be told in the same words

    def tell(name: str) -> Reason | None:
        teller = _teller(item_type, item, name)
        if teller not in told:
            told[teller] = _tell(facts, item_type, item, name) if name else _plain(facts, item_type, item)
        reason = told[teller]
        if heard is not None:
            heard[name] = reason.code if reason else None
        return reason

    return strongest(contributions, tell)


def strongest(contributions: Mapping[str, float], tell: Callable[[str], Reason | None]) -> tuple[Reason, ...]:
    """At most MAX_REASONS of what `tell` knows of features, the strongest first; without any, what it says of PLAIN."""
    found: dict[str, Reason] = {}
    for name in sorted(contributions, key=lambda one: (-contributions[one], one)):
        if contributions[name] <= 0 or len(found) == MAX_REASONS:
            break
        reason = tell(name)
        if reason is not None:
            found.setdefault(reason.code, reason)
    plain = None if found else tell(PLAIN)
    return tuple(found.values()) if plain is None else (plain,)


def _teller(item_type: ItemType, item: "str | Conversation", name: str) -> object:
    """Who tells of a feature; the name itself where nobody does, and where none is asked."""
    by_name: Mapping[str, object] = _OF_MESSAGES if isinstance(item, Conversation) else _BY_TYPE[item_type]
    return by_name.get(name, name)


def _tell(facts: Facts, item_type: ItemType, item: "str | Conversation", name: str) -> Reason | None:
    if isinstance(item, Conversation):
        told = _OF_MESSAGES.get(name)
        return told(facts, item) if told else None
    teller = _BY_TYPE[item_type].get(name)
    return teller(facts, item) if teller else None


def _plain(facts: Facts, item_type: ItemType, item: "str | Conversation") -> Reason:
    if isinstance(item, Conversation):
        return _written(facts, item)
    if item_type == "channel":
        return Reason("open", "Open to everybody here")
    return Reason("member", "Is a member of this chat workspace")


# ── channels ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _closest_people(facts: Facts, channel_id: str) -> Reason | None:
    closest = list(facts.view.collaborators)[:N_CLOSEST]
    n_in = len(facts.view.members(channel_id) & set(closest))
    if not n_in:
        return None
    who = "the person" if len(closest) == 1 else f"{n_in} of the {len(closest)} people"
    return Reason("collaborators", f"{_capital(who)} you work with most {'is' if n_in == 1 else 'are'} in it")


def _teammates_in(facts: Facts, channel_id: str) -> Reason | None:
    n_in, n_all = len(facts.view.teammates & facts.view.members(channel_id)), len(facts.view.teammates)
    if not n_in:
        return None
    return Reason("team", f"{n_in} of your {_many(n_all, 'teammate')} {'is' if n_in == 1 else 'are'} in it")


def _lively(facts: Facts, channel_id: str) -> Reason | None:
    place = _worth_saying(facts.view.place_in_popularity(channel_id))
    return Reason("popular", f"Number {place} in activity among the channels you can see") if place else None


def _growing(facts: Facts, channel_id: str) -> Reason | None:
    place = _worth_saying(facts.view.place_in_joins(channel_id))
    return Reason("growing", f"Number {place} in people joining among the channels you can see") if place else None


def _worth_saying(place: int | None) -> int | None:
    return place if place is not None and place <= LAST_PLACE else None


def _many_members(facts: Facts, channel_id: str) -> Reason | None:
    n_members = len(facts.view.members(channel_id))
    verb = "is" if n_members == 1 else "are"
    return Reason("members", f"{_many(n_members, 'person', 'people')} {verb} in it") if n_members else None


def _companions_in(facts: Facts, channel_id: str) -> Reason | None:
    n_in = len(facts.view.companions & facts.view.members(channel_id))
    verb = "is" if n_in == 1 else "are"
    text = f"{_many(n_in, 'person', 'people')} of your channels {verb} in it too"
    return Reason("shared_members", text) if n_in else None


def _like_yours(facts: Facts, channel_id: str) -> Reason | None:
    closest = facts.similarity.closest([channel_id], facts.view.own_channels)[0]
    if closest is None:
        return None
    return Reason("similar_channels", f"The same people use {_channel(facts, closest)}, where you are a member")


def _newly_opened(facts: Facts, channel_id: str) -> Reason | None:
    channel = facts.view.channel(channel_id)
    created_at = channel.created_at if channel else None
    if created_at is None or facts.view.now - created_at > NEW_DAYS * 86_400:
        return None
    return Reason("new_channel", f"Opened {_ago(facts.view.now - created_at)}")


def _people_of_current_channel(facts: Facts, channel_id: str) -> Reason | None:
    here = facts.current_channel
    n_in = len(facts.view.members(here) & facts.view.members(channel_id)) if here else 0
    if not here or not n_in:
        return None
    verb = "is" if n_in == 1 else "are"
    people = _many(n_in, "person", "people")
    return Reason("current_channel", f"{people} of {_channel(facts, here)}, where you are now, {verb} in it")


# ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _both_in(facts: Facts, user_id: str) -> Reason | None:
    view = facts.view
    shared = view.ids(view.smallest_first(np.intersect1d(view.own_rows, view.rows_of(user_id))))
    return Reason("shared_channels", f"You are both in {_listed(facts, shared)}") if shared else None


def _same_team(facts: Facts, user_id: str) -> Reason | None:
    return Reason("team", f"On your team, {facts.view.team}") if user_id in facts.view.teammates else None


def _among_collaborators(facts: Facts, user_id: str) -> Reason | None:
    view, closest = facts.view, set(facts.view.collaborators)
    met = {place: len(view.members(place) & closest - {user_id}) for place in view.channels_of(user_id)}
    places = [place for place in view.ids(view.smallest_first(view.rows(met))) if met[place]]
    if not places:
        return None
    place = max(places, key=lambda one: met[one] / (2 + len(view.members(one))))
    people = "one of the people" if met[place] == 1 else f"{met[place]} of the people"
    return Reason("collaborators", f"Is in {_channel(facts, place)} with {people} you work with")


def _writes(facts: Facts, user_id: str) -> Reason | None:
    places = facts.view.channels_of(user_id)
    written = facts.view.column("user_channel_affinity", [(user_id, place) for place in places], "posted_14d")
    if not places or not written.max() > 0:
        return None
    return Reason("active", f"Writes in {_channel(facts, places[int(written.argmax())])}")


def _reaches_out(facts: Facts, user_id: str) -> Reason | None:
    is_turned = facts.view.reach([user_id])[0] > 0
    return Reason("contacts_you", "Has replied or reacted to your messages") if is_turned else None


def _in_current_channel(facts: Facts, user_id: str) -> Reason | None:
    here = facts.current_channel
    if not here or user_id not in facts.view.members(here):
        return None
    return Reason("current_channel", f"Is in {_channel(facts, here)}, where you are now")


# ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _written(facts: Facts, item: Conversation) -> Reason:
    seconds = facts.view.now - item.last_at
    said = f"{'somebody answered' if item.last_at > item.message.posted_at else 'written'} {_ago(seconds)}"
    if seconds > QUIET_DAYS * 86_400:  # ages are judged beside the newest item: in a chat asleep, old ones are new
        said = f"among the newest that you can see, {said}"
    return Reason("recent", said[0].upper() + said[1:])


def _by_collaborator(facts: Facts, item: Conversation) -> Reason | None:
    if item.author_id not in facts.view.collaborators:
        return None
    return Reason("collaborators", f"By {_person(facts, item.author_id)}, whom you work with")


def _by_teammate(facts: Facts, item: Conversation) -> Reason | None:
    if item.author_id not in facts.view.teammates:
        return None
    return Reason("team", f"By {_person(facts, item.author_id)}, of your team")


def _in_your_channel(facts: Facts, item: Conversation) -> Reason | None:
    habit = facts.view.habits.get(item.channel_id)
    if habit is None:
        return None
    what = "are active" if habit > 0 else "are a member"
    return Reason("your_channel", f"In {_channel(facts, item.channel_id)}, where you {what}")


def _answered(facts: Facts, item: Conversation) -> Reason | None:
    if not item.n_replies:
        return None
    replies = _many(item.n_replies, "reply", "replies")
    return Reason("active_thread", f"{replies}, and somebody wrote {_ago(facts.view.now - item.last_at)}")


def _reacted_to(_facts: Facts, item: Conversation) -> Reason | None:
    n_reactions = item.message.n_reactions
    return Reason("reactions", _many(n_reactions, "reaction")) if n_reactions else None


def _answers_you(_facts: Facts, item: Conversation) -> Reason | None:
    return Reason("answers_you", "Answers your message") if item.answers_you else None


def _where_you_are(facts: Facts, item: Conversation) -> Reason | None:
    if item.channel_id != facts.current_channel:
        return None
    return Reason("current_channel", f"In {_channel(facts, item.channel_id)}, where you are now")


_OF_CHANNELS: Mapping[str, Teller] = {
    "collaborators": _closest_people,
    "team": _teammates_in,
    "popularity": _lively,
    "first_steps": _lively,
    "joins": _growing,
    "reach": _many_members,
    "shared_members": _companions_in,
    "similar_channels": _like_yours,
    "newness": _newly_opened,
    "current_channel": _people_of_current_channel,
}
_OF_PEOPLE: Mapping[str, Teller] = {
    "shared_channels": _both_in,
    "team": _same_team,
    "collaborators": _among_collaborators,
    "activity": _writes,
    "presence": _writes,
    "wrote_last": _writes,
    "reaches_out": _reaches_out,
    "current_channel": _in_current_channel,
}
_BY_TYPE: Mapping[ItemType, Mapping[str, Teller]] = {"channel": _OF_CHANNELS, "user": _OF_PEOPLE}
_OF_MESSAGES: Mapping[str, ConversationTeller] = {
    "recency": _written,
    "newest_first": _written,
    "author": _by_collaborator,
    "team": _by_teammate,
    "channel_habit": _in_your_channel,
    "membership": _in_your_channel,
    "replies": _answered,
    "reactions": _reacted_to,
    "answers_you": _answers_you,
    "current_channel": _where_you_are,
}


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _channel(facts: Facts, channel_id: str) -> str:
    channel = facts.view.channel(channel_id)
    return f"#{channel.name}" if channel and channel.name else channel_id


def _person(facts: Facts, user_id: str) -> str:
    person = facts.view.person(user_id)
    return person.name if person and person.name else user_id


def _listed(facts: Facts, channel_ids: Sequence[str]) -> str:
    named = [_channel(facts, one) for one in channel_ids[:MAX_NAMED]]
    if len(channel_ids) > MAX_NAMED:
        return f"{', '.join(named)} and {len(channel_ids) - MAX_NAMED} more"
    return " and ".join(named)


def _many(number: int, one: str, more: str | None = None) -> str:
    return f"{number} {one if number == 1 else more or one + 's'}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _ago(seconds: float) -> str:
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{_many(int(seconds // length), unit)} ago"
    return "just now"
