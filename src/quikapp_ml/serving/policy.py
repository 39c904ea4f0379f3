"""How one list is made of several types: the best by score, with room for each type that has something good."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quikapp_ml.entities.decisions import ItemType

POLICY_VERSION = "mix-1"
"""Kept with each decision; another number where the same scores would make another list."""
LARGEST_SHARE = 0.6
"""No type takes more of a mixed list, as long as others have something to offer."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with its score; `position` is its row among the candidates of its type."""

    item_id: str
    item_type: ItemType
    score: float
    source: str
    position: int


def best_first(items: Sequence[Scored]) -> list[Scored]:
    """By score; equal scores by type and id, so that the same question has the same answer everywhere."""
    return sorted(items, key=lambda one: (-one.score, one.item_type, one.item_id, one.position))


def mix(by_type: Mapping[ItemType, Sequence[Scored]], limit: int, largest_share: float = LARGEST_SHARE) -> list[Scored]:
    """At most `limit` items, best first, each (type, id) once.

    In a list of several types each one is sure of a fair part (half of an equal share) and, while others can fill
    the list, takes no more than `largest_share`.
    """
    queues = {item_type: _distinct(best_first(items)) for item_type, items in by_type.items() if items}
    if not queues:
        return []
    sure = limit // (2 * len(queues))
    most = limit if len(queues) == 1 else max(sure, int(limit * largest_share), 1)
    chosen = [one for queue in queues.values() for one in queue[:sure]]
    rest = best_first([one for queue in queues.values() for one in queue[sure:most]])
    chosen += rest[: limit - len(chosen)]
    surplus = best_first([one for queue in queues.values() for one in queue[most:]])
    chosen += surplus[: limit - len(chosen)]
    return best_first(chosen)


def _distinct(items: Sequence[Scored]) -> list[Scored]:
    first: dict[str, Scored] = {}
    for item in items:
        first.setdefault(item.item_id, item)
    return list(first.values())
