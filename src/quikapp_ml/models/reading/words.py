"""Words that are written so that programs do not know them: split, spelt with digits, or drawn out.

A spelling is undone only when the result is a common word and the spelling is not: `gr8`, `mp3` and `h264` stay.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise, product

from quikapp_ml.models.reading.mapped import Edit, Mapped
from quikapp_ml.models.text import MAX_REMEMBERED_WORD, pieces_of

MAX_LETTERS = 20
"""Longer words are left as they are."""
MAX_CHOICES = 4
"""Drawn-out letters and ambiguous digits that are tried both ways, at most."""
MAX_PIECES = 16_384
"""Remembered, with what they mean."""
MAX_ALONE = 7

_KEPT = re.compile(
    r"```.*?```|`[^`\n]{4,400}`|<[@#!][^>\s]{1,200}>|<?(?:https?://|www\.)[^\s<>]+|(?<![\w.+-])[\w.+-]{1,64}+@[\w-]++\.",
    re.IGNORECASE | re.DOTALL,
)
_KEPT_SIGNS = ("`", "<", "://", "www.", "@")
_SINGLE = re.compile(
    r"\b\w(?P<gap>[ .\-_*,/|~+:;]{1,3})[\w$@!](?!\w)(?:(?P=gap)[\w$@!](?!\w))++|\b[^\W_](?:_[^\W_](?![^\W_])){2,}+"
)
"""Letters one by one, at least three, the same gap between them."""
_ALONE = re.compile(r"[^\w\s]{0,3}(?:\w[^\w\s]{0,3})?")
_SPELT_OUT_PIECE = re.compile(r"(?<![^\W_])\w[.\-_*,/|~+:;]{1,3}[\w$@!](?![^\W_])")
"""Two letters of one piece that stand alone."""
_GLUE_SIGNS = "*~>\u00b7\u2022"
_GLUE = re.compile(
    r"(?<=[a-z])(?:[*~\u00b7\u2022]|<(?:/?[a-z]{1,6}\s?/?|!--[\w\s]{0,20}--)>){1,6}(?=[a-z])", re.IGNORECASE
)
_PIECES = re.compile(r"(?<![\w.@/-])[a-z]{1,15}+(?:[._`|\\^-]{1,2}[a-z]{1,15}+){1,19}(?![\w@/-])", re.IGNORECASE)
_ODD = re.compile(
    r"(?<![\w$@!|])(?:[a-z]*+[0-9$@!|][\w$@!|]{1,40}|[a-z]++[0-9$@!|](?!\w)|[a-z]{0,20}?([a-z])\1\1[\w$@!|]*+)",
    re.IGNORECASE,
)
_ODD_SIGN = re.compile(r"[0-9$@!|]|([a-z])\1\1", re.IGNORECASE)
_LEET = {
    "0": "o",
    "1": "il",
    "3": "e",
    "4": "a",
    "5": "s",
    "7": "t",
    "8": "b",
    "$": "s",
    "@": "a",
    "!": "il",
    "|": "il",
}
_LEET_SIGN = re.compile(r"[0134578$@!|]")
_GAP = re.compile(r"[^\w$@!]+|_+")
_NO_LETTER = re.compile(r"[^a-z]+")
_RUN = re.compile(r"([a-z])\1+")
_DRAWN_OUT = re.compile(r"([a-z])\1{2,}")
_LONG_RUN = re.compile(r"([a-z])\1\1")


@lru_cache(maxsize=1)
def known_words() -> frozenset[str]:
    """Common words of ordinary texts and of spam (`training/known_words.py` says whose)."""
    return frozenset((files("quikapp_ml.models.reading") / "words.txt").read_text(encoding="ascii").split())


def joined(mapped: Mapped) -> Mapped:
    """Words whose letters were pulled apart by spaces, punctuation or markup."""
    if any(sign in mapped.text for sign in _GLUE_SIGNS):
        mapped = mapped.edited((*match.span(), "") for match in _outside_kept(_GLUE, mapped.text))
    if _may_be_spelt_out(mapped.text):
        singles = [(match.span(), _together(match.group())) for match in _outside_kept(_SINGLE, mapped.text)]
        mapped = mapped.edited([(*span, letters) for span, letters in singles if letters])
    return _piecewise(mapped, lambda piece: _known(piece).closed)


def undisguised(mapped: Mapped) -> Mapped:
    """Both of it: `joined`, then `spelt`."""
    has_glue = any(sign in mapped.text for sign in _GLUE_SIGNS)
    return spelt(joined(mapped)) if has_glue or _odd(pieces_of(mapped.text)[0]) else mapped


def spelt(mapped: Mapped) -> Mapped:
    """Digits and signs read as the letters they stand for, drawn-out letters written as they should be."""
    return _piecewise(mapped, lambda piece: _known(piece).plain)


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is odd about something between two blanks: how it is to be edited, and whether letters stand alone in it."""

    closed: tuple[Edit, ...]
    plain: tuple[Edit, ...]
    is_alone: bool
    is_spelt_out: bool


def _read_piece(piece: str) -> _Piece:
    if len(piece) > 1 and piece.isalpha() and not _ODD_SIGN.search(piece):
        return _ORDINARY  # nothing below could be found
    found = _Piece(
        tuple([_closed(match) for match in _outside_kept(_PIECES, piece) if _is_cut_word(match.group())]),
        tuple(_plain_words(piece)) if _ODD_SIGN.search(piece) else (),
        0 < len(piece) <= MAX_ALONE and _ALONE.fullmatch(piece) is not None,
        _SPELT_OUT_PIECE.search(piece) is not None,
    )
    return _ORDINARY if found == _ORDINARY else found


_ORDINARY = _Piece((), (), is_alone=False, is_spelt_out=False)
_known_piece = lru_cache(maxsize=MAX_PIECES)(_read_piece)


def _known(piece: str) -> _Piece:
    return _known_piece(piece) if len(piece) <= MAX_REMEMBERED_WORD else _read_piece(piece)


def _piecewise(mapped: Mapped, edits_of: Callable[[str], tuple[Edit, ...]]) -> Mapped:
    """The text after the edits of what stands between blanks."""
    pieces, offsets = pieces_of(mapped.text)
    edits = {piece: found for piece in _odd(pieces) if (found := edits_of(piece))}
    if not edits:
        return mapped
    places = [(at, piece) for at, piece in zip(offsets, pieces, strict=True) if piece in edits]
    return mapped.edited([(at + start, at + end, read) for at, piece in places for start, end, read in edits[piece]])


def _plain_words(piece: str) -> Iterator[Edit]:
    for match in _outside_kept(_ODD, piece):
        word = match.group()
        meant = _meant(word.lower()) if len(word) <= MAX_LETTERS else None
        if meant is not None:
            yield (*match.span(), meant.upper() if word.upper() == word else meant)


def _may_be_spelt_out(text: str) -> bool:
    """Whether to look closely for letters one by one: two in a row, or some inside a piece."""
    pieces, _ = pieces_of(text)
    odd = {piece: _known(piece) for piece in _odd(pieces)}
    alone = {piece for piece, read in odd.items() if read.is_alone}
    if any(read.is_spelt_out for read in odd.values()):
        return True
    return bool(alone) and any(
        one in alone and other in alone for one, other in pairwise([piece for piece in pieces if piece])
    )


def _odd(pieces: Sequence[str]) -> list[str]:
    return [piece for piece in set(pieces) if _known(piece) is not _ORDINARY]


def _outside_kept(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """Matches that do not begin in code, a link, a mention or a mail address."""
    matches = list(pattern.finditer(text))
    if not matches:
        return
    signs = any(sign in text for sign in _KEPT_SIGNS)
    kept = [match.span() for match in _KEPT.finditer(text)] if signs else []
    at = 0
    for match in matches:
        while at < len(kept) and kept[at][1] <= match.start():
            at += 1
        if at == len(kept) or match.end() <= kept[at][0]:
            yield match


def _closed(match: re.Match[str]) -> Edit:
    return (*match.span(), _GAP.sub("", match.group()))


def _together(found: str) -> str:
    """The letters without their gaps; empty when they are too few, or mostly signs."""
    return _known_together(found) if len(found) <= MAX_REMEMBERED_WORD else _letters_of(found)


def _letters_of(found: str) -> str:
    letters = _GAP.sub("", found)
    return letters if len(letters) >= 3 and 2 * sum(map(str.isalpha, letters)) > len(letters) else ""


_known_together = lru_cache(maxsize=1_024)(_letters_of)


def _is_cut_word(found: str) -> bool:
    """Together a common word, and its pieces are none."""
    letters = _GAP.sub("", found.lower())
    pieces = _NO_LETTER.split(found.lower())
    return letters in known_words() and not all(piece in known_words() for piece in pieces)


@lru_cache(maxsize=65_536)
def _meant(word: str) -> str | None:
    """The common word; signs at the end may be letters (`ca$h`) or cries (`free!!`), and cries are kept.

    What is no common word either way loses its drawn-out letters: in English most letters stand alone.
    """
    bare = word.rstrip("!|")
    if bare in known_words() or not any(map(str.isalpha, word)):
        return None
    for spelling in dict.fromkeys((word, bare)):
        for letters in _without_digits(spelling):
            for read in _shortened(letters):
                if read != bare and read in known_words():
                    return read + (word[len(bare) :] if spelling == bare else "")
    once = _DRAWN_OUT.sub(r"\1", bare)
    return once + word[len(bare) :] if once != bare and len(once) > 1 and bare.isalpha() else None


def _without_digits(word: str) -> list[str]:
    if not _LEET_SIGN.search(word):
        return [word]
    choices = [_LEET.get(sign, sign) for sign in word]
    if sum(len(choice) > 1 for choice in choices) > MAX_CHOICES:
        choices = [choice[0] for choice in choices]
    return ["".join(letters) for letters in product(*choices)]


def _shortened(word: str) -> list[str]:
    runs = list(_RUN.finditer(word))
    if not (_LONG_RUN.search(word) or len(runs) >= 2):
        return [word]
    twos = [2, 1] if len(runs) <= MAX_CHOICES else [1]
    spellings = []
    for lengths in product(twos, repeat=len(runs)):
        left = iter(lengths)
        spellings.append(_RUN.sub(lambda run, left=left: run.group(1) * next(left), word))  # type: ignore[misc]
    return spellings
