"""A text made from another one, with the place of each of its characters in the original."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Edit = tuple[int, int, str]
"""Characters `start` to `end` are replaced; edits come in the order of the text and do not overlap."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """`starts` and `ends` (exclusive) never fall from one character to the next; None: the text is the original."""

    text: str
    starts: list[int] | None = None
    ends: list[int] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where characters `start` to `end` (at least one) come from in the original."""
        if self.starts is None or self.ends is None:
            return start, end
        return self.starts[start], self.ends[end - 1]

    def translated(self, table: Mapping[str, str]) -> "Mapped":
        """The text with single characters replaced."""
        text = self.text.translate({ord(sign): read for sign, read in table.items()})
        if all(len(read) == 1 for read in table.values()):
            return Mapped(text, self.starts, self.ends)
        places = [place for place, sign in enumerate(self.text) for _ in table.get(sign, " ")]
        starts = places if self.starts is None else [self.starts[place] for place in places]
        ends = [place + 1 for place in places] if self.ends is None else [self.ends[place] for place in places]
        return Mapped(text, starts, ends)

    def edited(self, edits: Iterable[Edit]) -> "Mapped":
        """The text after the edits. A replacement as long as what it replaces keeps the place of each character."""
        edits = list(edits)
        if not edits:
            return self
        old_starts = range(len(self.text)) if self.starts is None else self.starts
        old_ends = range(1, len(self.text) + 1) if self.ends is None else self.ends
        pieces: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        at = 0
        for start, end, replacement in [*edits, (len(self.text), len(self.text), "")]:
            pieces += (self.text[at:start], replacement)
            starts += old_starts[at:start]
            ends += old_ends[at:start]
            if len(replacement) == end - start:
                starts += old_starts[start:end]
                ends += old_ends[start:end]
            else:
                starts += [old_starts[start]] * len(replacement)
                ends += [old_ends[end - 1]] * len(replacement)
            at = end
        return Mapped("".join(pieces), starts, ends)
