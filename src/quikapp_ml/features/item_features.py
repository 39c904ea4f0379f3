"""What is known of channels, people and conversations, for one asker: the columns of recommendation-v2.

Every feature is 0 where the thing it speaks of is absent, and relative to what the asker may see: shares, not counts,
and ages beside the newest of the items. So the same weights serve a small workspace and a large one, a busy one and
one that has been asleep for years.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from math import log2

import numpy as np

from quikapp_ml.features.conversations import Conversation
from quikapp_ml.features.frame import FeatureFrame, Floats, freshness, newest_first
from quikapp_ml.features.viewpoint import MAX_TELLING_MEMBERS, Viewpoint, share_of_largest

DAY = 86_400.0
MAX_CHANNELS_EACH = 10
"""So many channels of a person are looked at, small ones first."""


def channel_features(
    view: Viewpoint, channel_ids: Sequence[str], similar: Floats, current_channel: str | None
) -> FeatureFrame:
    """Columns for channels that the asker may see; `similar` (n_channels,) comes from the model."""
    members = [view.members(channel_id) for channel_id in channel_ids]
    shares, teammates, companions = view.collaborators, view.teammates, view.companions
    largest = max(view.sizes.values(), default=1)
    here = _telling_members(view, current_channel)
    popularity = np.array([view.popularity[channel_id] for channel_id in channel_ids])
    return FeatureFrame.of(
        len(channel_ids),
        popularity=popularity,
        first_steps=popularity / (1 + len(view.own_channels)),
        joins=[view.joins[channel_id] for channel_id in channel_ids],
        reach=np.log1p([view.sizes[channel_id] for channel_id in channel_ids]) / np.log1p(max(largest, 1)),
        collaborators=[sum(share for other, share in shares.items() if other in of_channel) for of_channel in members],
        team=[len(teammates & of_channel) / max(len(teammates), 1) for of_channel in members],
        shared_members=[_cosine(companions, of_channel) for of_channel in members],
        similar_channels=similar,
        newness=[_newness(view, channel_id) for channel_id in channel_ids],
        current_channel=[_cosine(here, of_channel) for of_channel in members],
    )


def person_features(view: Viewpoint, user_ids: Sequence[str], current_channel: str | None) -> FeatureFrame:
    """Columns for people whom the asker may meet."""
    places = [view.smallest_first(view.channels_of(user_id))[:MAX_CHANNELS_EACH] for user_id in user_ids]
    yours, theirs = _place_weights(view)
    activity, last_posted_at = _presence(view, user_ids, places)
    here = view.members(current_channel) if current_channel else frozenset()
    contacts = view.contacts
    reach = view.weighted(
        "user_user_affinity",
        [(user_id, view.user_id) for user_id in user_ids],
        {"replied_30d": 3.0, "reacted_30d": 1.0},  # not mentions: those may stand where the asker may not look
    )
    return FeatureFrame.of(
        len(user_ids),
        shared_channels=[sum(yours.get(place, 0.0) for place in of_person) for of_person in places],
        team=[float(user_id in view.teammates) for user_id in user_ids],
        collaborators=[sum(theirs.get(place, 0.0) for place in of_person) for of_person in places],
        activity=share_of_largest(activity),
        presence=freshness(last_posted_at, DAY),
        wrote_last=newest_first(last_posted_at),
        reaches_out=share_of_largest(reach),
        current_channel=[float(user_id in here) for user_id in user_ids],
        already_in_contact=[float(user_id in contacts) for user_id in user_ids],
    )


def conversation_features(view: Viewpoint, given: Sequence[Conversation], current_channel: str | None) -> FeatureFrame:
    """Columns for conversations, given newest first."""
    shares, habits, teammates = view.collaborators, view.habits, view.teammates
    closest = max(shares.values(), default=1.0)
    return FeatureFrame.of(
        len(given),
        recency=freshness(np.array([one.last_at for one in given]), DAY / 2),
        newest_first=newest_first(np.array([one.last_at for one in given])),
        author=np.sqrt([shares.get(one.author_id, 0.0) / closest for one in given]),
        channel_habit=[habits.get(one.channel_id, 0.0) for one in given],
        membership=[float(one.channel_id in habits) for one in given],
        replies=np.log1p([one.n_replies for one in given]),
        reactions=np.log1p([one.message.n_reactions for one in given]),
        team=[float(one.author_id in teammates) for one in given],
        answers_you=[float(one.answers_you) for one in given],
        current_channel=[float(one.channel_id == current_channel) for one in given],
        by_bot=[float(one.message.is_bot) for one in given],
    )


def _telling_members(view: Viewpoint, channel_id: str | None) -> frozenset[str]:
    members = view.members(channel_id) if channel_id else frozenset()
    return frozenset(members) if len(members) <= MAX_TELLING_MEMBERS else frozenset()


def _cosine(some: frozenset[str], members: AbstractSet[str]) -> float:
    return len(some & members) / (len(some) * len(members)) ** 0.5 if some and members else 0.0


def _newness(view: Viewpoint, channel_id: str) -> float:
    created_at = view.channels[channel_id].created_at
    return 0.0 if created_at is None else 1 / (1 + max(view.now - created_at, 0.0) / (7 * DAY))


def _place_weights(view: Viewpoint) -> tuple[dict[str, float], dict[str, float]]:
    """Weights by channel that add up to 1: of the asker's channels, and of where the asker's collaborators are."""
    yours = {place: _rarity(view, place) for place in view.own_channels}
    theirs: dict[str, float] = {}
    for other, share in view.collaborators.items():
        for place in view.channels_of(other):
            theirs[place] = theirs.get(place, 0.0) + share * _rarity(view, place)
    return _normalised(yours), _normalised(theirs)


def _rarity(view: Viewpoint, place: str) -> float:
    return 1 / log2(2 + view.sizes[place])


def _normalised(weights: dict[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    return {key: weight / total for key, weight in weights.items()} if total > 0 else {}


def _presence(view: Viewpoint, user_ids: Sequence[str], places: Sequence[Sequence[str]]) -> tuple[Floats, Floats]:
    """(n_people,) twice: how much each wrote in the given places, and when last (-infinity when never)."""
    keys = [(user_id, place) for user_id, of_person in zip(user_ids, places, strict=True) for place in of_person]
    person = np.repeat(np.arange(len(user_ids)), [len(of_person) for of_person in places])
    written = np.zeros(len(user_ids))
    np.add.at(written, person, view.column("user_channel_affinity", keys, "posted_14d"))
    last = np.full(len(user_ids), -np.inf)
    np.maximum.at(
        last, person, np.nan_to_num(view.column("user_channel_affinity", keys, "last_posted_at"), nan=-np.inf)
    )
    return written, last
