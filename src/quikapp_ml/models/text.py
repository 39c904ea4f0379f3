"""Chat text as tokens: what a message says, in a normal form, with the place of every token in the original.

The normal form is casefolded NFKC without accents and zero-width characters; letters repeated more than twice are
written twice. Links, mentions and code become one token each, so that nothing is learnt from their insides.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain, pairwise

from quikapp_ml.models.moods import EMOTICONS, MOOD_OF

LINK = "⟨link⟩"
MENTION = "⟨mention⟩"
BROADCAST = "⟨broadcast⟩"
CODE = "⟨code⟩"
EMAIL = "⟨email⟩"
MONEY = "⟨money⟩"
REFERENCE = "⟨reference⟩"
CHANNEL = "⟨channel⟩"

MAX_NUMBER_SHAPE = 12
MIN_SHOUTED_LETTERS = 3
LONGEST_PIECE = 2_000
"""What is longer without a blank, and is no code, is nothing that people write: it is read in short cuts."""
MAX_REMEMBERED_WORD = 32
"""What is longer between two blanks is not kept in the cache, so that its size is bounded."""

_TOP_LEVEL = (
    "com|net|org|info|biz|io|co|me|ly|tv|app|dev|ai|gg|xyz|top|online|club|shop|site|store|live|link|click|win|vip|icu"
    "|pro|mobi|uk|de|ru|cn|fr|nl|eu|us|ca|in|jp|au|br|pl|it|es|ch|se"
)


def _any_of(signs: Sequence[str]) -> str:
    """A pattern for the longest of the signs; those with the same beginning stand together, to be passed over fast."""
    ends: dict[str, list[str]] = {}
    for sign in sorted(signs, key=len, reverse=True):
        ends.setdefault(sign[0], []).append(re.escape(sign[1:]))
    return "|".join(f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in ends.items())


_EMOTICON = _any_of(EMOTICONS)

# Every alternative is bounded or consumes what it scans, so that time stays linear in the length of the text.
_TOKEN = re.compile(
    rf"""
      (?P<plain>[^\W\d_]++(?=[\s,;!?]|$))
    | (?P<code>```.*?```|`[^`\n]{{1,400}}`)
    | (?P<link><?(?:https?://|www\.)[^\s<>|]+\|?
        |(?<![\w@.])(?:[a-z0-9-]{{1,63}}+\.){{1,4}}(?:{_TOP_LEVEL})(?![\w-])(?:/[^\s<>|]*)?)
    | (?P<email><?(?:mailto:)?(?<![\w.+-])[\w.+-]{{1,64}}+@[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,4}}
        (?:\|[^>\s]{{0,100}}>)?)
    | (?P<broadcast><!(?:here|channel|everyone)[^>\s]{{0,40}}>|(?<!\w)@(?:here|channel|everyone|all)\b)
    | (?P<mention><@[^>\s]{{1,160}}>|(?<!\w)@\w[\w.-]{{0,80}})
    | (?P<channel><\#[^>\s]{{1,200}}>)
    | (?P<shortcode>(?<!\w):(?:[+-]1|100|[a-z][\w+'-]{{0,40}}):)
    | (?P<emoticon>(?<!\w)(?:{_EMOTICON})(?!\w)|:[()](?=\s|$))
    | (?P<entity>&(?:[a-z]{{2,6}}|\#\d{{2,5}});)
    | (?P<money>[$£€¥₹]\d[\d.,]*+k?)
    | (?P<reference>\#\d+\b)
    | (?P<word>[^\W\d_]++(?:(?:'|&\#39;)[^\W\d_]++)*)
    | (?P<number>\d[\d.,:/-]*+)
    | (?P<exclamation>[!?]+)
    | (?P<ellipsis>\.\.+)
    | (?P<sign>[^\w\s])
    """,
    re.VERBOSE | re.DOTALL,
)
_CODE_SPAN = re.compile(r"```.*?```|`[^`\n]{1,400}`", re.DOTALL)
_BLANKS = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680"
    + "".join(map(chr, range(0x2000, 0x200B)))
    + "\u2028\u2029\u202f\u205f\u3000"
)
_ASCII_BLANKS = _BLANKS[:9]
_RUN = re.compile(r"([^\W\d_])\1{2,}")
_DIGIT = re.compile(r"\d")
_HOST = re.compile(r"<?(?:https?://)?(?:www\.)?([^\s/<>|:?#]{1,100})")
WORDS = frozenset({"plain", "word"})
_ZERO_WIDTH = frozenset("\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u3164\ufeff\uffa0")
_PLAIN_SIGNS = frozenset("\"'`,;()[]{}<>|*_~-/\\^=+#@&.%:")
"""Signs that tell nothing by themselves; other signs, emoji among them, are tokens."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one text, in parallel lists; `starts` and `ends` are code points of the original text."""

    texts: list[str]
    kinds: list[str]
    starts: list[int]
    ends: list[int]
    shouted: list[bool]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Tokens of what stands between two blanks, with places within it, and which of them are words in capitals."""

    texts: tuple[str, ...]
    kinds: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    capitals: tuple[bool, ...]


def tokenise(text: str) -> Tokens:
    """Read a text as tokens; time is linear in its length, and common words are not read twice."""
    written, offsets = pieces_of(text)
    pieces = [_known_piece(piece) if len(piece) <= MAX_REMEMBERED_WORD else _piece(piece) for piece in written]
    capitals = list(chain.from_iterable([piece.capitals for piece in pieces]))
    return Tokens(
        list(chain.from_iterable([piece.texts for piece in pieces])),
        list(chain.from_iterable([piece.kinds for piece in pieces])),
        [at + start for at, piece in zip(offsets, pieces, strict=True) for start in piece.starts],
        [at + end for at, piece in zip(offsets, pieces, strict=True) for end in piece.ends],
        _shouted(capitals),
    )


@lru_cache(maxsize=4)
def pieces_of(text: str) -> tuple[Sequence[str], Sequence[int]]:
    """What stands between blanks, and where it begins. Code with blanks inside is one piece."""
    code = [match.span() for match in _CODE_SPAN.finditer(text)] if "`" in text else []
    for blank in _ASCII_BLANKS if text.isascii() else _BLANKS:
        text = text.replace(blank, " ")
    pieces: list[str] = []
    offsets: list[int] = []
    at = 0
    for start, end in (*code, (len(text), len(text))):
        between, places = _between(text[at:start], at)
        pieces += between
        offsets += places
        pieces.append(text[start:end])
        offsets.append(start)
        at = end
    return pieces, offsets


def _between(text: str, at: int) -> tuple[Sequence[str], Sequence[int]]:
    pieces = text.split(" ")
    places = list(accumulate([len(piece) + 1 for piece in pieces], initial=at))
    places.pop()
    if len(text) <= LONGEST_PIECE or max(map(len, pieces)) <= LONGEST_PIECE:
        return pieces, places
    cut = [
        (piece[start : start + size], place + start)
        for piece, place in zip(pieces, places, strict=True)
        for size in (MAX_REMEMBERED_WORD if len(piece) > LONGEST_PIECE else LONGEST_PIECE,)
        for start in range(0, len(piece), size)
    ]
    return [piece for piece, _ in cut], [place for _, place in cut]


def _piece(piece: str) -> _Piece:
    if piece.isascii() and piece.isalpha():
        texts = _word(piece.lower())
        n_texts, end = len(texts), len(piece)
        is_capital = end >= MIN_SHOUTED_LETTERS and piece.isupper()
        return _Piece(texts, ("plain",) * n_texts, (0,) * n_texts, (end,) * n_texts, (is_capital,) * n_texts)
    folded, offsets = fold(piece)
    tokens: list[tuple[str, str, int, int, bool]] = []
    for match in _TOKEN.finditer(folded):
        kind = match.lastgroup or "sign"
        start, end = match.span()
        if offsets is not None:
            start, end = offsets[start], offsets[end - 1] + 1
        is_capital = kind in WORDS and end - start >= MIN_SHOUTED_LETTERS and piece[start:end].isupper()
        tokens += [(token, kind, start, end, is_capital) for token in _WRITTEN[kind](match.group())]
    return _Piece(*zip(*tokens, strict=True)) if tokens else _NO_TOKENS


_NO_TOKENS = _Piece((), (), (), (), ())
_known_piece = lru_cache(maxsize=16_384)(_piece)


def _shouted(capitals: list[bool]) -> list[bool]:
    """Two words or more in capitals, one after the other, are shouted; a single one may be an abbreviation."""
    shouted = [False] * len(capitals)
    if True in capitals:
        for index, (one, other) in enumerate(pairwise(capitals)):
            if one and other:
                shouted[index] = shouted[index + 1] = True
    return shouted


def fold(text: str) -> tuple[str, list[int] | None]:
    """The text in normal form, and for each of its characters the index in the original (None: the same)."""
    if text.isascii():
        return text.lower(), None
    pieces = list(map(_fold_character, text))
    if max(map(len, pieces)) == min(map(len, pieces)) == 1:
        return "".join(pieces), None
    offsets = list(chain.from_iterable([index] * len(piece) for index, piece in enumerate(pieces)))
    return "".join(pieces), offsets


@lru_cache(maxsize=65_536)
def _fold_character(character: str) -> str:
    if character in "‘’ʼ`´" and character != "`":
        return "'"
    if character in _ZERO_WIDTH or unicodedata.category(character) == "Cf" or "\ufe00" <= character <= "\ufe0f":
        return ""
    plain = unicodedata.normalize("NFKD", character).casefold()
    plain = "".join(part for part in plain if not "\u0300" <= part <= "\u036f")
    return unicodedata.normalize("NFKC", plain)


def _word(found: str) -> tuple[str, ...]:
    if found in MOOD_OF:
        return found, MOOD_OF[found]
    word = found.replace("&#39;", "'") if "&" in found else found
    return (_RUN.sub(r"\1\1", word),)


def _link(found: str) -> tuple[str, ...]:
    host = _HOST.match(found)
    return (LINK, f"⟨host⟩{host.group(1)}") if host else (LINK,)


def _number(found: str) -> tuple[str, ...]:
    return (_DIGIT.sub("0", found.rstrip(".,:/-"))[:MAX_NUMBER_SHAPE],)


def _exclamation(found: str) -> tuple[str, ...]:
    return (found[:2],)


def _mood(found: str) -> tuple[str, ...]:
    mood = MOOD_OF.get(found)
    return (found,) if mood is None else (found, mood)


def _sign(found: str) -> tuple[str, ...]:
    return () if found in _PLAIN_SIGNS else _mood(found)


def _always(*tokens: str) -> Callable[[str], tuple[str, ...]]:
    return lambda _: tokens


_WRITTEN: dict[str, Callable[[str], tuple[str, ...]]] = {
    "plain": _word,
    "code": _always(CODE),
    "link": _link,
    "email": _always(EMAIL),
    "broadcast": _always(BROADCAST),
    "mention": _always(MENTION),
    "channel": _always(CHANNEL),
    "shortcode": _mood,
    "emoticon": _mood,
    "entity": _always(),
    "money": _always(MONEY),
    "reference": _always(REFERENCE),
    "word": _word,
    "number": _number,
    "exclamation": _exclamation,
    "ellipsis": _always(".."),
    "sign": _sign,
}
