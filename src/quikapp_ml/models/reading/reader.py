"""One text, read: steps from characters over links to words; each is linear in the length of the text."""

import re
from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass

from quikapp_ml.models.reading.characters import visible
from quikapp_ml.models.reading.links import Link, defanged, links_of
from quikapp_ml.models.reading.mapped import Mapped
from quikapp_ml.models.reading.words import undisguised
from quikapp_ml.models.text import Tokens, tokenise

_CODE = re.compile(r"```.*?```|`[^`\n]{1,400}`", re.DOTALL)
_QUOTE = re.compile(r"^[ \t]{0,8}(?:>|&gt;)[^\n]*", re.MULTILINE)

TRICKS = {"cloaked_link": "⟨cloaked⟩", "look_alike_link": "⟨look-alike⟩", "short_link": "⟨shortened⟩"}
"""Kinds of tokens that stand for a trick of a link, and the tokens."""

BARE_LINK = "bare_link"
_LINKS = frozenset({"link", BARE_LINK, *TRICKS})

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """`mapped` is what models read; `code`, `quotes` and `links` are places of the original text."""

    original: str
    mapped: Mapped
    code: tuple[Place, ...]
    quotes: tuple[Place, ...]
    links: tuple[Link, ...]

    @property
    def text(self) -> str:
        """The text without its disguises; case and ordinary words are as written."""
        return self.mapped.text


def read(text: str) -> Reading:
    """Undo disguises. Inside code, links, mentions and mail addresses nothing is joined or spelt anew."""
    code = tuple(match.span() for match in _CODE.finditer(text)) if "`" in text else ()
    quotes = tuple(match.span() for match in _QUOTE.finditer(text)) if ">" in text or "&gt;" in text else ()
    seen = defanged(visible(Mapped(text)))
    return Reading(text, undisguised(seen), code, quotes, links_of(text, Mapped(text)))


def reading_tokens(text: str) -> Tokens:
    """Tokens of the text as read; their places are those of the original text. Tricks of links are tokens too."""
    reading = read(text)
    mapped = reading.mapped
    tokens = tokenise(mapped.text)
    if mapped.starts is not None:
        places = [mapped.span(start, end) for start, end in zip(tokens.starts, tokens.ends, strict=True)]
        tokens.starts[:] = [start for start, _ in places]
        tokens.ends[:] = [end for _, end in places]
    if is_bare(tokens.kinds):
        _insert(tokens, BARE_LINK, "⟨bare⟩", tokens.starts[0], tokens.ends[0])
    for link in reversed(reading.links):
        for kind in _tricks(link):
            _insert(tokens, kind, TRICKS[kind], link.start, link.end)
    return tokens


def is_bare(kinds: Collection[str]) -> bool:
    """Whether a text is links and nothing else: among colleagues an ordinary message, under a video an advertisement.
    It is a token of its own, so that what is learnt of it is not learnt of links among words."""
    return bool(kinds) and _LINKS.issuperset(kinds)


def _tricks(link: Link) -> list[str]:
    seen = {"cloaked_link": link.is_cloaked, "look_alike_link": link.is_look_alike, "short_link": link.is_shortened}
    return [kind for kind, is_seen in seen.items() if is_seen]


def _insert(tokens: Tokens, kind: str, text: str, start: int, end: int) -> None:
    place = bisect_left(tokens.starts, start)
    tokens.texts.insert(place, text)
    tokens.kinds.insert(place, kind)
    tokens.starts.insert(place, start)
    tokens.ends.insert(place, end)
    tokens.shouted.insert(place, False)
