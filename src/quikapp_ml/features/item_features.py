"""What is known of channels, people and conversations, for one asker: the columns of recommendation-v2.

Every feature is 0 where the thing it speaks of is absent, and relative to what the asker may see: shares, not counts,
and ages beside the newest of the items. So the same weights serve a small workspace and a large one, a busy one and
one that has been asleep for years.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import count

import numpy as np

from quikapp_ml.features.conversations import Conversation
from quikapp_ml.features.frame import FeatureFrame, Floats, freshness, newest_first, share_of_largest
from quikapp_ml.features.landscape import Rows
from quikapp_ml.features.seats import Lines
from quikapp_ml.features.viewpoint import MAX_TELLING_MEMBERS, Viewpoint

DAY = 86_400.0
MAX_CHANNELS_EACH = 10
"""So many channels of a person are looked at, small ones first."""


def channel_features(
    view: Viewpoint, channel_ids: Sequence[str], similar: Floats, current_channel: str | None
) -> FeatureFrame:
    """Columns for channels that the asker may see; `similar` (n_channels,) comes from the model."""
    rows = view.rows(channel_ids)
    sizes = view.sizes(rows)
    popularity = view.popularity(rows)
    return FeatureFrame.of(
        len(channel_ids),
        popularity=popularity,
        first_steps=popularity / (1 + len(view.own_channels)),
        joins=view.joins(rows),
        reach=np.log1p(sizes) / np.log1p(max(view.largest_size, 1)),
        collaborators=view.near_collaborators[rows],
        team=view.near_teammates[rows] / max(len(view.teammates), 1),
        shared_members=_of_people(view, list(view.companions), rows),
        similar_channels=similar,
        newness=_newness(view, rows),
        current_channel=_alike(view, current_channel, rows),
    )


def person_features(view: Viewpoint, user_ids: Sequence[str], current_channel: str | None) -> FeatureFrame:
    """Columns for people whom the asker may meet."""
    places = _Places(view, user_ids)
    here = view.members(current_channel) if current_channel else frozenset()
    return FeatureFrame.of(
        len(user_ids),
        shared_channels=places.sums(_own_weights(view)),
        team=_are_in(view.teammates, user_ids),
        collaborators=places.sums(_normalised(view.near_collaborators * view.rarities)),
        activity=places.activity(),
        presence=freshness(places.last_at, DAY),
        wrote_last=newest_first(places.last_at),
        reaches_out=share_of_largest(view.reach(user_ids)),
        current_channel=_are_in(here, user_ids),
        already_in_contact=_are_in(view.contacts, user_ids),
    )


def conversation_features(view: Viewpoint, given: Sequence[Conversation], current_channel: str | None) -> FeatureFrame:
    """Columns for conversations, given newest first."""
    shares, habits = view.collaborators, view.habits
    closest = max(shares.values(), default=1.0)
    places, at_place = _distinct([one.channel_id for one in given])
    authors, by_author = _distinct([one.author_id for one in given])
    messages, last_at = [one.message for one in given], np.array([one.last_at for one in given])
    return FeatureFrame.of(
        len(given),
        recency=freshness(last_at, DAY / 2),
        newest_first=newest_first(last_at),
        author=np.sqrt([shares.get(one, 0.0) / closest for one in authors])[by_author],
        channel_habit=np.array([habits.get(one, 0.0) for one in places], dtype=float)[at_place],
        membership=_are_in(habits.keys(), places)[at_place],
        replies=np.log1p([one.n_replies for one in given]),
        reactions=np.log1p([one.n_reactions for one in messages]),
        team=_are_in(view.teammates, authors)[by_author],
        answers_you=[float(one.answers_you) for one in given],
        current_channel=_are_in({current_channel}, places)[at_place],
        by_bot=[float(one.is_bot) for one in messages],
    )


def _are_in(names: AbstractSet[str] | AbstractSet[str | None], asked: Sequence[str]) -> Floats:
    """(n_asked,): 1 for each name that is there, 0 for others."""
    return np.fromiter(map(names.__contains__, asked), dtype=float, count=len(asked))


def _distinct(names: Sequence[str]) -> tuple[list[str], Rows]:
    """Each name once, and (n_names,) which of these every given one is."""
    number = dict(zip(dict.fromkeys(names), count(), strict=False))
    return list(number), np.fromiter(map(number.__getitem__, names), dtype=np.int64, count=len(names))


def _alike(view: Viewpoint, channel_id: str | None, rows: Rows) -> Floats:
    """(n_rows,): how much the members of channels and of this one are the same; nothing where it is a large one."""
    n_members = len(view.members(channel_id)) if channel_id else 0
    if channel_id is None or not 0 < n_members <= MAX_TELLING_MEMBERS:
        return np.zeros(len(rows))
    return _cosines(view.overlaps(channel_id)[rows], n_members, view.sizes(rows))


def _of_people(view: Viewpoint, people: Sequence[str], rows: Rows) -> Floats:
    """(n_rows,): how much the members of channels and the people are the same."""
    return _cosines(view.counts(people)[rows], max(len(people), 1), view.sizes(rows))


def _cosines(n_both: Floats, n_people: int, sizes: Rows) -> Floats:
    return np.asarray(n_both / np.sqrt(n_people * np.maximum(sizes, 1)))


def _newness(view: Viewpoint, rows: Rows) -> Floats:
    age = np.maximum(view.now - view.created_at(rows), 0.0)
    return np.where(np.isnan(age), 0.0, 1 / (1 + age / (7 * DAY)))


def _own_weights(view: Viewpoint) -> Floats:
    """(n_channels,): rarity of the asker's channels, adding up to 1."""
    weights = np.zeros(len(view.visible))
    weights[view.own_rows] = view.rarities[view.own_rows]
    return _normalised(weights)


def _normalised(weights: Floats) -> Floats:
    total = weights.sum()
    return weights / total if total > 0 else weights


class _Places:
    """The channels of some people that the asker may see: a line each, at most MAX_CHANNELS_EACH of a person."""

    def __init__(self, view: Viewpoint, user_ids: Sequence[str]) -> None:
        self._n_people = len(user_ids)
        lines, written = view.written(user_ids)
        kept = _few_each(view, lines, self._n_people)
        self._rows, self._person, written = lines.rows[kept], lines.person[kept], written[kept]
        self._strengths = written[:, 0]
        self.last_at = np.full(len(user_ids), -np.inf)
        """(n_people,): when each wrote there last, -infinity when never."""
        np.maximum.at(self.last_at, self._person, written[:, 1])

    def sums(self, weights: Floats) -> Floats:
        """(n_people,): weights of channels, summed over those of each."""
        return _summed(self._person, weights[self._rows], self._n_people)

    def activity(self) -> Floats:
        """(n_people,): how much each wrote there, as the square root of a share of the largest."""
        greatest = self._strengths.max(initial=-np.inf)
        written = np.exp2(self._strengths - greatest) if np.isfinite(greatest) else np.zeros(len(self._strengths))
        return share_of_largest(_summed(self._person, written, self._n_people))


def _few_each(view: Viewpoint, lines: Lines, n_people: int) -> Rows:
    """Which lines are looked at: of each person those of the smallest channels."""
    is_crowded = (np.bincount(lines.person, minlength=n_people) > MAX_CHANNELS_EACH)[lines.person]
    crowded = np.flatnonzero(is_crowded)
    rows, person = lines.rows[crowded], lines.person[crowded]
    order = np.lexsort((rows, view.sizes(rows), person))
    is_one_of_few = np.arange(len(person)) - np.searchsorted(person, person) < MAX_CHANNELS_EACH
    return np.concatenate((np.flatnonzero(~is_crowded), crowded[order[is_one_of_few]]))


def _summed(place: Rows, weights: Floats, n: int) -> Floats:
    return np.asarray(np.bincount(place, weights, n), dtype=float)
