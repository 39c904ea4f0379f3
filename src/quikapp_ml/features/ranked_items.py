"""What is known of items that a client wants in order, for one asker: the columns of content-ranker.

An item's own fields come from the client. What they leave out is looked up, but only where the asker may look: an item
of a hidden channel has the very features of an item of a channel that does not exist.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quikapp_ml.entities.questions import RankItem
from quikapp_ml.features.frame import FeatureFrame, Floats, freshness, newest_first
from quikapp_ml.features.query_match import query_match
from quikapp_ml.features.viewpoint import Viewpoint
from quikapp_ml.features.workspace import MessageFacts

HALF_DAY_SECONDS = 43_200.0
MAX_CHANNELS_SEARCHED = 50
"""An item that names no channel is looked for in so many channels, the asker's own ones first."""


@dataclass(frozen=True, slots=True)
class _Resolved:
    channel_id: str | None
    author_id: str | None
    created_at: float | None
    text: str
    facts: MessageFacts | None = None


def item_features(view: Viewpoint, items: Sequence[RankItem], query: str | None) -> FeatureFrame:
    """Columns for the items, in the order given."""
    places = [
        *view.smallest_first(view.own_rows).tolist(),
        *view.liveliest(view.visible, MAX_CHANNELS_SEARCHED).tolist(),
    ]
    searched = view.ids(np.array(list(dict.fromkeys(places))[:MAX_CHANNELS_SEARCHED], dtype=np.int64))
    resolved = [_resolve(view, item, searched) for item in items]
    shares, habits, teammates = view.collaborators, view.habits, view.teammates
    closest = max(shares.values(), default=1.0)
    matches = query_match(query, [one.text for one in resolved])
    created = np.array([-np.inf if one.created_at is None else one.created_at for one in resolved])
    return FeatureFrame.of(
        len(items),
        author=np.sqrt([shares.get(one.author_id or "", 0.0) / closest for one in resolved]),
        channel_habit=[habits.get(one.channel_id or "", 0.0) for one in resolved],
        membership=[float(one.channel_id in habits) for one in resolved],
        recency=freshness(created, HALF_DAY_SECONDS),
        newest_first=newest_first(created),
        replies=np.log1p([one.facts.n_replies if one.facts else 0 for one in resolved]),
        reactions=np.log1p([one.facts.n_reactions if one.facts else 0 for one in resolved]),
        team=[float(one.author_id in teammates) for one in resolved],
        to_you=[float(_is_to_asker(view, one)) for one in resolved],
        popularity=_popularity(view, [one.channel_id for one in resolved]),
        query_found=(matches > 0).astype(float),
        query_match=matches,
        unwanted=[float(_is_unwanted(view, one)) for one in resolved],
    )


def _resolve(view: Viewpoint, item: RankItem, searched: Sequence[str]) -> _Resolved:
    created_at = item.created_at.timestamp() if item.created_at else None
    if item.item_type == "channel":
        channel = view.channel(item.item_id)
        text = " ".join(filter(None, (channel.name, channel.topic))) if channel else ""
        return _Resolved(item.item_id, item.author_id, created_at, item.content or text)
    if item.item_type == "user":
        person = view.person(item.item_id)
        text = " ".join(filter(None, (person.name, person.title, person.team))) if person else ""
        return _Resolved(item.channel_id, item.item_id, created_at, item.content or text)
    channel_id, facts = _look_up(view, item, searched)
    if facts is not None:
        created_at = facts.posted_at if created_at is None else created_at
    author_id = item.author_id or (facts.author_id if facts else None)
    return _Resolved(channel_id, author_id, created_at, item.content or "", facts)


def _look_up(view: Viewpoint, item: RankItem, searched: Sequence[str]) -> tuple[str | None, MessageFacts | None]:
    for channel_id in (item.channel_id,) if item.channel_id else searched:
        facts = view.message(channel_id, item.item_id)
        if facts is not None:
            return channel_id, facts
    return item.channel_id, None


def _popularity(view: Viewpoint, channel_ids: Sequence[str | None]) -> Floats:
    found = np.zeros(len(channel_ids))
    seen = [at for at, channel_id in enumerate(channel_ids) if view.sees(channel_id)]
    found[seen] = view.popularity(view.rows([channel_ids[at] or "" for at in seen]))
    return found


def _is_to_asker(view: Viewpoint, one: _Resolved) -> bool:
    if f"<@{view.user_id}>" in one.text:
        return True
    if one.facts is None or one.facts.thread_id is None or one.channel_id is None or one.author_id == view.user_id:
        return False
    first = view.message(one.channel_id, one.facts.thread_id)
    return first is not None and first.author_id == view.user_id


def _is_unwanted(view: Viewpoint, one: _Resolved) -> bool:
    if one.facts is not None and one.facts.is_deleted:
        return True
    if one.author_id is not None and one.author_id != view.user_id and view.avoids(one.author_id):
        return True
    return one.channel_id is not None and view.sees(one.channel_id) and view.mutes(one.channel_id)
