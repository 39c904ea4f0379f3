"""Facts of which the later one holds, whatever the order in which they are learnt."""

from collections.abc import Iterable, Mapping
from sys import intern
from typing import Any


class Facts(dict[str, tuple[float, Any]]):
    """What is said of something: what about → (since when, value).

    Of two facts of the same time, the greater value holds, so that the outcome never depends on the order: write a
    fact so that True is the careful answer (private, left, muted, deleted).
    """

    __slots__ = ()

    def put(self, name: str, at: float, value: bool | str) -> bool:
        """Note a fact; whether it is the one that holds now."""
        fact = (at, value)
        kept = self.get(name)
        if kept is not None and kept >= fact:
            return False
        self[name] = fact
        return True

    def holds(self, name: str) -> bool:
        """Whether the fact is known and true."""
        kept = self.get(name)
        return kept is not None and bool(kept[1])

    @classmethod
    def loaded(cls, stored: Mapping[str, Iterable[Any]]) -> "Facts":
        """Facts from their JSON form, where pairs are lists."""
        facts = cls()
        for name, (at, value) in stored.items():
            facts[intern(name)] = (float(at), value)
        return facts
