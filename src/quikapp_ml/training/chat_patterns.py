"""Ordinary lines of work chat written from patterns: offers, votes, prizes and deadlines that are no spam."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from quikapp_ml.training.corpora import Labelled

SEED = 11
MAX_TRIES = 20
"""For each line asked for: a pattern with few choices gives the same line again and again."""

_LIST = re.compile(r"([a-z]+) = (.+)")
_NAME = re.compile(r"<([a-z]+)>")
_CHOICE = re.compile(r"\{([^{}]*)\}")
_BLANKS = re.compile(r" {2,}")


@dataclass(frozen=True)
class Patterns:
    """Patterns of lines, and the lists that they name."""

    lines: Sequence[str]
    lists: Mapping[str, str]

    def written(self, pattern: str, dice: random.Random) -> str:
        """One line: names become lists, then the innermost choices are made until none is left."""
        text = pattern
        while True:
            chosen = _NAME.sub(lambda name: f"{{{self.lists[name[1]]}}}" if name[1] in self.lists else name[0], text)
            chosen = _CHOICE.sub(lambda choice: dice.choice(choice[1].split("|")), chosen)
            if chosen == text:
                return _BLANKS.sub(" ", text).strip()
            text = chosen


@cache
def patterns() -> Patterns:
    """Those of this package."""
    given = (files("quikapp_ml.training") / "chat_patterns.txt").read_text(encoding="utf-8")
    head, _, lines = given.partition("[ham]\n")
    found = filter(None, map(_LIST.fullmatch, head.splitlines()))
    return Patterns([line for line in lines.splitlines() if line], {each[1]: each[2] for each in found})


def ordinary_lines(count: int, seed: int = SEED) -> list[Labelled]:
    """At most `count` different lines, each pattern about as often as any other; the same seed, the same lines."""
    dice = random.Random(seed)  # noqa: S311 - lines to learn from, not a secret
    known = patterns()
    each = max(1, count // len(known.lines))
    found: dict[str, None] = {}
    for pattern in known.lines:
        of_pattern: dict[str, None] = {}
        for _ in range(each * MAX_TRIES):
            of_pattern[known.written(pattern, dice)] = None
            if len(of_pattern) == each:
                break
        found.update(of_pattern)
    return [Labelled("ham", line) for line in found]
