"""Templates with slots, compiled once: how the sample's people find their words."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_SLOT = re.compile(r"(?<!\{)\{(\w+)\}(?!\})")
WHO = "who"
"""The slot for a person: a mention, `<@U0001>`, or a first name when nobody is to be called."""


@dataclass(frozen=True, slots=True)
class Number:
    """A slot that is a whole number from `low` to `high`."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Template:
    """Literals and slots in turn; `parts` of odd index are the names of slots."""

    parts: tuple[str, ...]

    @property
    def names_somebody(self) -> bool:
        """Whether the text calls a person."""
        return WHO in self.parts[1::2]


def compile_template(text: str) -> Template:
    """Split a template at its slots; `{{` and `}}` stand for braces, `\\n` for a line break."""
    parts = _SLOT.split(text)
    literals = (part.replace("{{", "{").replace("}}", "}").replace("\\n", "\n") for part in parts[::2])
    return Template(tuple(p for pair in zip(literals, [*parts[1::2], ""], strict=True) for p in pair)[:-1])


class Grammar:
    """Fills the slots of templates with words, numbers and people."""

    def __init__(self, words: Mapping[str, Sequence[str]], numbers: Mapping[str, Number]) -> None:
        self._words = {name: tuple(map(compile_template, lines)) for name, lines in words.items()}
        self._numbers = dict(numbers)

    def fill(self, template: Template, rng: random.Random, who: str = "") -> str:
        """The template as a text; `who` stands in its slot for a person."""
        parts = template.parts
        if len(parts) == 1:
            return parts[0]
        text = list(parts)
        for index in range(1, len(parts), 2):
            text[index] = self._word(parts[index], rng, who)
        return "".join(text)

    def _word(self, slot: str, rng: random.Random, who: str) -> str:
        words = self._words.get(slot)
        if words is not None:
            return self.fill(words[int(rng.random() * len(words))], rng, who)
        number = self._numbers.get(slot)
        if number is not None:
            return str(number.low + int(rng.random() * (number.high - number.low + 1)))
        return who

    def check(self, template: Template) -> None:
        """Raise KeyError for a slot that nothing fills."""
        for slot in template.parts[1::2]:
            if slot not in self._words and slot not in self._numbers and slot != WHO:
                raise KeyError(slot)
