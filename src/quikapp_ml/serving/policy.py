"""How one list is made of several types: the best by score, not all alike, with room for each type, and now and then
something that has to be tried."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from heapq import heappop, heapreplace
from typing import Any, NamedTuple, Self

from quikapp_ml.entities.decisions import ItemType
from quikapp_ml.experiments.assignment import position

POLICY_VERSION = "mix-2"
"""Kept with each decision; another number where the same scores would make another list."""
LARGEST_SHARE = 0.6
"""No type takes more of a mixed list, as long as others have something to offer."""
PROMOTED = "promoted"
"""The source of what an administrator wants to be seen."""
LEAST_PLACES = 3
"""A shorter list has no place for promotions and for what is only tried."""
MOST_EXPLORED = 50
"""What is only tried is drawn among so many of the best that are not in the list."""


@dataclass(frozen=True, slots=True)
class ListPolicy:
    """What a list is made by, beside scores. As it is made here, it only keeps room for each type."""

    largest_share: float = LARGEST_SHARE
    diversity: float = 0.0
    """What an item loses of its worth when one just like it is in the list already; half of it where one is half so."""
    most_of_a_source: float = 1.0
    """No source takes a larger share of the places of a type, as long as others have something to offer."""
    explore: float = 0.0
    """Share of the lists whose last place is given to something drawn by lot."""
    promoted: tuple[str, ...] = ()
    """Channels that have a place in the list of everybody who could join them."""

    @classmethod
    def recorded(cls, parameters: Mapping[str, float]) -> Self:
        """The one that a decision kept; what an older one does not name, it did not do."""
        return cls().tried(parameters)

    def tried(self, parameters: Mapping[str, float]) -> Self:
        """With the parameters of an experiment."""
        given: dict[str, Any] = dict(parameters)
        return replace(self, **given) if given else self

    def parameters(self) -> dict[str, float]:
        """For the ledger: the opposite of `recorded`. What is promoted shows in the sources of candidates."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "promoted"}


class Scored(NamedTuple):
    """A candidate with its score; `position` is its row among the candidates of its type.

    `kin` is a number that all of its kind have, such as those by one author; 0 for one without kin.
    """

    item_id: str
    item_type: ItemType
    score: float
    source: str
    position: int
    kin: int = 0


@dataclass(frozen=True, slots=True)
class Chosen:
    """A list, best first; which of it was drawn by lot; and how likely its last place was to be as it is."""

    items: Sequence[Scored]
    explored: Scored | None = None
    propensity: float | None = None
    """None where no lots are drawn."""


def choose(by_type: Mapping[ItemType, Sequence[Scored]], limit: int, policy: ListPolicy, seed: str | None) -> Chosen:
    """The list that the policy makes of the candidates. The same seed draws the same lots; without one, none is."""
    items = mix(by_type, limit, policy)
    if not seed or not policy.explore > 0 or not LEAST_PLACES <= limit == len(items):
        return Chosen(items)
    taken = {(one.item_type, one.item_id) for one in items}
    others = [one for queue in by_type.values() for one in queue if (one.item_type, one.item_id) not in taken]
    if not others:
        return Chosen(items)
    if position("whether to explore", seed) >= policy.explore:
        return Chosen(items, None, 1 - policy.explore)
    best = _distinct(best_first(others))[:MOST_EXPLORED]
    drawn = best[int(position("what to explore", seed) * len(best))]
    least = next((one for one in reversed(items) if one.source != PROMOTED), items[-1])
    kept = [one for one in items if one is not least]
    return Chosen(best_first([*kept, drawn]), drawn, policy.explore / len(best))


def _in_order(one: Scored) -> tuple[float, str, str, int]:
    return -one.score, one.item_type, one.item_id, one.position


def best_first(items: Sequence[Scored]) -> list[Scored]:
    """By score; equal scores by type and id, so that the same question has the same answer everywhere."""
    return sorted(items, key=_in_order)


def mix(by_type: Mapping[ItemType, Sequence[Scored]], limit: int, policy: ListPolicy | None = None) -> list[Scored]:
    """At most `limit` items, best first, each (type, id) once.

    In a list of several types each one is sure of a fair part (half of an equal share) and, while others can fill
    the list, takes no more than the policy's largest share. One promoted item has a place in any longer list.
    """
    policy = policy or ListPolicy()
    queues = {kind: varied(_distinct(best_first(items)), limit, policy) for kind, items in by_type.items() if items}
    if not queues:
        return []
    sure = limit // (2 * len(queues))
    most = limit if len(queues) == 1 else max(sure, int(limit * policy.largest_share), 1)
    chosen = [one for queue in queues.values() for one in queue[:sure]]
    rest = best_first([one for queue in queues.values() for one in queue[sure:most]])
    chosen += rest[: limit - len(chosen)]
    surplus = best_first([one for queue in queues.values() for one in queue[most:]])
    chosen += surplus[: limit - len(chosen)]
    chosen = best_first(chosen)
    promoted = [one for queue in queues.values() for one in queue if one.source == PROMOTED]
    if promoted and limit >= LEAST_PLACES and not any(one.source == PROMOTED for one in chosen):
        chosen = best_first([*chosen[: limit - 1], best_first(promoted)[0]])
    return chosen


def varied(queue: Sequence[Scored], n: int, policy: ListPolicy) -> list[Scored]:
    """The items of one type, given best first, with the first `n` places so that not all are alike.

    Greedily, each place goes to what is worth most beside those before it (maximal marginal relevance). What a source
    offers beyond its share comes after what others offer.
    """
    if not policy.diversity > 0 and policy.most_of_a_source >= 1:
        return list(queue)
    most, of_source, beside = max(1, math.ceil(n * policy.most_of_a_source)), Counter[str](), _Beside()
    heap = [(-one.score, at) for at, one in enumerate(queue)]  # in order, so it is a heap
    picked, held_back = list[int](), list[int]()
    while heap and len(picked) < n:
        worth, at = heap[0]
        one = queue[at]
        now = -one.score * (1 - policy.diversity * beside.likeness(one))
        if of_source[one.source] >= most:
            held_back.append(heappop(heap)[1])
        elif now > worth:  # it is worth less since something was picked; it never is worth more
            heapreplace(heap, (now, at))
        else:
            heappop(heap)
            picked.append(at)
            of_source[one.source] += 1
            beside.put(one)
    return [queue[at] for at in (*picked, *sorted((*held_back, *(at for _, at in heap))))]


class _Beside:
    """What is picked already: how much is another item of the type like it?"""

    def __init__(self) -> None:
        self._both: set[tuple[str, int]] = set()
        self._places: set[str] = set()
        self._kins: set[int] = set()

    def put(self, one: Scored) -> None:
        place = _place(one)
        self._both.add((place, one.kin))
        self._places.add(place)
        self._kins.add(one.kin)

    def likeness(self, one: Scored) -> float:
        """1 for the same place and kin, 0.5 for one of the two; what has neither is like nothing."""
        place = _place(one)
        if not place and not one.kin:
            return 0.0
        if (place, one.kin) in self._both:
            return 1.0
        return 0.5 if (place and place in self._places) or (one.kin and one.kin in self._kins) else 0.0


def _place(one: Scored) -> str:
    return one.source if one.item_type == "message" else ""


def _distinct(items: Sequence[Scored]) -> list[Scored]:
    first: dict[tuple[str, str], Scored] = {}
    for item in items:
        first.setdefault((item.item_type, item.item_id), item)
    return list(first.values())
