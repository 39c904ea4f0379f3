"""A text made from another one, with the place of each of its characters in the original."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

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
        places = np.repeat(np.arange(len(self.text)), _lengths(self.text, table))
        starts = places if self.starts is None else np.array(self.starts, dtype=np.int64)[places]
        ends = places + 1 if self.ends is None else np.array(self.ends, dtype=np.int64)[places]
        return Mapped(text, starts.tolist(), ends.tolist())

    def edited(self, edits: Iterable[Edit]) -> "Mapped":
        """The text after the edits. A replacement as long as what it replaces keeps the place of each character."""
        edits = list(edits)
        if not edits:
            return self
        if all(len(replacement) == end - start for start, end, replacement in edits):
            return Mapped("".join(_replaced(self.text, edits)), self.starts, self.ends)
        old_starts = range(len(self.text)) if self.starts is None else self.starts
        old_ends = range(1, len(self.text) + 1) if self.ends is None else self.ends
        starts: list[int] = []
        ends: list[int] = []
        at = 0
        for start, end, replacement in [*edits, (len(self.text), len(self.text), "")]:
            starts += old_starts[at:start]
            ends += old_ends[at:start]
            if len(replacement) == end - start:
                starts += old_starts[start:end]
                ends += old_ends[start:end]
            else:
                starts += [old_starts[start]] * len(replacement)
                ends += [old_ends[end - 1]] * len(replacement)
            at = end
        return Mapped("".join(_replaced(self.text, edits)), starts, ends)


def codes_of(text: str) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    """Code points, (len(text),)."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _replaced(text: str, edits: Sequence[Edit]) -> Iterable[str]:
    ends = [0, *(end for _, end, _ in edits)]
    kept = [text[at:start] for at, (start, _, _) in zip(ends, edits, strict=False)]
    return chain(chain.from_iterable(zip(kept, (read for _, _, read in edits), strict=True)), (text[ends[-1] :],))


def _lengths(text: str, table: Mapping[str, str]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """How many characters each one of the text becomes."""
    signs = sorted(table)
    known = np.array([ord(sign) for sign in signs], dtype=np.uint32)
    lengths = np.array([len(table[sign]) for sign in signs], dtype=np.int64)
    codes = codes_of(text)
    nearest = np.minimum(np.searchsorted(known, codes), len(known) - 1)
    return np.where(known[nearest] == codes, lengths[nearest], 1)
