"""Two rankers in one list, so that each asker compares them.

Team draft: Radlinski, Kurup, Joachims, "How does clickthrough data reflect retrieval quality?", CIKM 2008.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Pick:
    """An item of the mixed list, and which ranker put it there: 0 or 1."""

    item: str
    team: int


def team_draft(first: Sequence[str], second: Sequence[str], length: int, random: Random) -> list[Pick]:
    """Rankers take turns, in an order drawn anew each round; each adds its best item that is not there yet."""
    waiting = (iter(first), iter(second))
    picks: list[Pick] = []
    taken: set[str] = set()
    exhausted: set[int] = set()
    while len(picks) < length and len(exhausted) < 2:
        for team in random.sample((0, 1), 2):
            item = next((one for one in waiting[team] if one not in taken), None)
            if item is None:
                exhausted.add(team)
            elif len(picks) < length:
                picks.append(Pick(item, team))
                taken.add(item)
    return picks


def preference(picks: Sequence[Pick], clicked: Collection[str]) -> int:
    """1 where the second ranker's items were clicked more, -1 where the first's were, 0 for a tie.

    The mean over lists, tested against 0, says which ranker is better.
    """
    balance = sum(1 if pick.team else -1 for pick in picks if pick.item in clicked)
    return (balance > 0) - (balance < 0)
