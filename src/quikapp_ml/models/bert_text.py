"""What BERT reads of a message: its words, and what its emoji, :shortcodes: and emoticons are called.

Code, stack traces, quotes and links are left out, disguises are undone, and every spelling of one mood starts with the
same word, so that what is learnt of one emoji holds for the others.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache

from quikapp_ml.models.moods import MOOD_OF
from quikapp_ml.models.reading import Mapped, read
from quikapp_ml.models.text import tokenise

MENTION = "@user"
_LEFT_OUT = frozenset({"code", "link", "email", "broadcast", "channel", "reference"})
_SIGNS = frozenset({"shortcode", "emoticon", "sign", "word", "plain"})
_TRACE = re.compile(
    r"""
      ^Traceback[ ]\(most[ ]recent[ ]call[ ]last\):[^\n]*
    | ^[ \t]{0,16}File[ ]"[^"\n]{1,400}",[ ]line[ ]\d+[^\n]*
    | ^[ \t]{0,16}at[ ][\w$.<>/]{1,300}[ ]?\([^()\n]{0,300}\)[^\n]*
    | ^(?:Caused[ ]by:[ ])?(?:[\w$]{1,80}\.){0,12}\w{0,80}(?:Error|Exception)(?::[^\n]*|[ \t]*)$
    """,
    re.VERBOSE | re.MULTILINE,
)
_SPACES = re.compile(r"\s+")

Place = tuple[int, int]


def bert_text(content: str) -> str:
    """The text to read; empty where a message holds nothing but code, quotes and links."""
    reading = read(content)
    places = [*reading.code, *reading.quotes, *((link.start, link.end) for link in reading.links)]
    places += (match.span() for match in _TRACE.finditer(content))
    return _SPACES.sub(" ", _in_words(_without(reading.mapped, places))).strip()


def _without(mapped: Mapped, places: Iterable[Place]) -> str:
    """The text without those places of the original."""
    starts = range(len(mapped.text)) if mapped.starts is None else mapped.starts
    kept = []
    at = 0
    for start, end in sorted(places):
        kept.append(mapped.text[at : max(at, bisect_left(starts, start))])
        at = max(at, bisect_left(starts, end))
    return " ".join((*kept, mapped.text[at:]))


def _in_words(text: str) -> str:
    tokens = tokenise(text)
    pieces: list[str] = []
    at = 0
    for token, kind, start, end in zip(tokens.texts, tokens.kinds, tokens.starts, tokens.ends, strict=True):
        if start < at:  # a token's second reading, such as the mood of an emoji
            continue
        words = _words_for(token, kind)
        if words is not None:
            pieces += (text[at:start], words)
            at = end
    return "".join((*pieces, text[at:]))


def _words_for(token: str, kind: str) -> str | None:
    """What to read instead of a token; None: the token as written."""
    if kind in _LEFT_OUT:
        return " "
    if kind == "mention":
        return f" {MENTION} "
    return _called(token, kind) if kind in _SIGNS else None


@lru_cache(maxsize=8_192)
def _called(token: str, kind: str) -> str | None:
    mood = MOOD_OF.get(token, "").strip("⟨⟩")
    if kind == "shortcode":
        name = token.strip(":").replace("_", " ").replace("-", " ")
    elif kind == "sign" and (mood or unicodedata.category(token) in {"So", "Sk"}):
        name = unicodedata.name(token, "").lower()
    elif kind == "emoticon" or mood:
        name = ""
    else:
        return None
    if "emoji modifier" in name or "regional indicator" in name:
        return " "
    return f" :{f'{mood} {name}'.strip()}: "
