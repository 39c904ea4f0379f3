"""Chat text as tokens: what a message says, in a normal form, with the place of every token in the original.

The normal form is casefolded NFKC without accents and zero-width characters; letters repeated more than twice are
written twice. Links, mentions and code become one token each, so that nothing is learnt from their insides.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

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
MAX_REMEMBERED_WORD = 24
"""Longer words are not kept in the cache, so that its size is bounded."""

_TOP_LEVEL = (
    "com|net|org|info|biz|io|co|me|ly|tv|app|dev|ai|gg|xyz|top|online|club|shop|site|store|live|link|click|win|vip|icu"
    "|pro|mobi|uk|de|ru|cn|fr|nl|eu|us|ca|in|jp|au|br|pl|it|es|ch|se"
)
_EMOTICON = "|".join(re.escape(sign) for sign in sorted(EMOTICONS, key=len, reverse=True))

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
    | (?P<money>[$£€¥₹]\s?\d[\d.,]*+k?)
    | (?P<reference>\#\d+\b)
    | (?P<word>[^\W\d_]++(?:(?:'|&\#39;)[^\W\d_]++)*)
    | (?P<number>\d[\d.,:/-]*+)
    | (?P<exclamation>[!?]+)
    | (?P<ellipsis>\.\.+)
    | (?P<sign>[^\w\s])
    """,
    re.VERBOSE | re.DOTALL,
)
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


def tokenise(text: str) -> Tokens:
    """Read a text as tokens; time is linear in its length."""
    folded, offsets = fold(text)
    tokens = Tokens([], [], [], [], [])
    for match in _TOKEN.finditer(folded):
        kind = match.lastgroup or "sign"
        for token in _WRITTEN[kind](match.group()):
            tokens.texts.append(token)
            tokens.kinds.append(kind)
            tokens.starts.append(match.start())
            tokens.ends.append(match.end())
    if offsets is not None:
        tokens.starts[:] = [offsets[start] for start in tokens.starts]
        tokens.ends[:] = [offsets[end - 1] + 1 for end in tokens.ends]
    _mark_shouting(text, tokens)
    return tokens


def _mark_shouting(text: str, tokens: Tokens) -> None:
    """Two words or more in capitals, one after the other, are shouted; a single one may be an abbreviation."""
    tokens.shouted.extend([False] * len(tokens))
    if text.islower():
        return
    previous = False
    for index, (start, end, kind) in enumerate(zip(tokens.starts, tokens.ends, tokens.kinds, strict=True)):
        capital = end - start >= MIN_SHOUTED_LETTERS and kind in WORDS and text[start:end].isupper()
        if capital and previous:
            tokens.shouted[index - 1] = tokens.shouted[index] = True
        previous = capital


def fold(text: str) -> tuple[str, list[int] | None]:
    """The text in normal form, and for each of its characters the index in the original (None: the same)."""
    if text.isascii():
        return text.lower(), None
    pieces = [_fold_character(character) for character in text]
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
    return _common_word(found) if len(found) <= MAX_REMEMBERED_WORD else _spelt(found)


@lru_cache(maxsize=65_536)
def _common_word(found: str) -> tuple[str, ...]:
    return _spelt(found)


def _spelt(found: str) -> tuple[str, ...]:
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
