"""Characters that hide or that look like others: what a reader of the text sees in their place.

The Latin look-alikes are those of UTS 39 (`training/confusables.py`), and a few that it does not list but spam uses:
small capitals, letters with strokes, capitals for small ones. Mathematical, full-width and circled letters and letters
with accents are found by Unicode's own decompositions.
"""

import html
import re
import unicodedata
from functools import lru_cache
from importlib.resources import files

from quikapp_ml.models.reading.mapped import Edit, Mapped
from quikapp_ml.models.text import MAX_REMEMBERED_WORD

_PAIRS = (
    "аa вb еe ѕs іi јj кk мm нh оo рp сc тt уy хx һh ԁd ԛq ԝw ьb ґr гr пn зe "
    "АA ВB ЕE ЅS ІI ЈJ КK МM НH ОO РP СC ТT УY ХX ҺH ԌG ԚQ ԜW ӏl ӀI ꙅs ᴦr "
    "αa βb εe ηn ιi κk νv οo ρp τt υu χx γy ωw σo ϲc ϳj "
    "ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX ϹC ͿJ "
    "օo սu ոn հh յj ցg քp ѵv ѡw Ꭺa Ᏼb Ꮯc Ꭰd Ꭼe Ꮐg Ꮋh Ꭵi Ꭻj Ꮶk Ꮮl Ꮇm Ꮲp Ꭱr Ꮪs Ꭲt Ꮩv Ꮃw Ꮓz "
    "ɑa ɡg ɩi ı i ɪi ʏy ʀr ɴn ʟl ʙb ɢg ʜh ᴀa ᴄc ᴅd ᴇe ᴊj ᴋk ᴍm ᴏo ᴘp ᴛt ᴜu ᴠv ᴡw ᴢz ꜰf ꜱs ſs "
    "øo ØO đd ĐD łl ŁL ħh ĦH ŧt ŦT ƒf ƅb ɗd ɓb ɠg ɦh ƙk ƥp ƭt ʋv ɛe ɐa ǝe ɹr ʇt"
)


def _uts39() -> dict[str, str]:
    lines = (files("quikapp_ml.models.reading") / "confusables.txt").read_text(encoding="ascii").splitlines()
    return {chr(int(code, 16)): letters for code, letters in map(str.split, lines[1:])}


LOOK_ALIKES = _uts39() | {pair[0]: pair[1] for pair in _PAIRS.replace("ı i", "ıi").split()}
"""A letter, and the Latin one or two that it looks like."""

_HIDDEN = re.compile("[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]")
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180e\u3164\ufeff\uffa0\u2800")
_FOREIGN_WORD = re.compile(r"\b[A-Za-z0-9_]*+(?![\x00-\x7f])\w+")
_LATIN = re.compile("[A-Za-z]")
_AS_LATIN = str.maketrans(LOOK_ALIKES)
_LETTERS = tuple(bytes([code]) for code in b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_ENTITY = re.compile(r"&(?:#\d{2,7}|#x[0-9a-f]{2,6}|[a-z]{2,24});", re.IGNORECASE)
_MARKUP = frozenset("<>&")


def visible(mapped: Mapped) -> Mapped:
    """HTML entities read, hidden characters and storms of marks taken out, look-alikes written as Latin letters."""
    if "&" in mapped.text:
        mapped = mapped.edited(_entities(mapped.text))
    if mapped.text.isascii():
        return mapped
    read = {sign: _seen(sign) for sign in set(mapped.text) if sign > "\x7f"}
    changed = {sign: seen for sign, seen in read.items() if seen != sign}
    mapped = mapped.translated(changed) if changed else mapped
    return mapped.edited(_look_alikes(mapped.text))


def _entities(text: str) -> list[Edit]:
    """Those that Slack writes for `<`, `>` and `&` stay: read, they would look like markup."""
    found = ((match.span(), _unescaped(match.group())) for match in _ENTITY.finditer(text))
    return [(*span, read) for span, read in found if len(read) == 1 and read not in _MARKUP]


_unescaped = lru_cache(maxsize=1_024)(html.unescape)


@lru_cache(maxsize=65_536)
def _seen(character: str) -> str:
    if character in _BLANK or unicodedata.category(character) == "Cf" or _HIDDEN.match(character):
        return ""
    if character in "‘’ʼ´":
        return "'"
    if not character.isalnum() and unicodedata.category(character) not in {"So", "Po"}:
        return character
    plain = _HIDDEN.sub("", unicodedata.normalize("NFKD", character))
    plain = unicodedata.normalize("NFKC", plain)
    return plain.strip("()") if plain.isascii() and plain.strip("()").isalnum() else character


def _look_alikes(text: str) -> list[Edit]:
    """In words with Latin letters every look-alike is meant to be one; in others only when all letters are look-alikes
    and most of the text is Latin, so that Russian and Greek are left alone."""
    plain = text.encode("ascii", "ignore")
    mostly_latin = sum(map(plain.count, _LETTERS)) >= len(text) - len(plain)
    edits: list[Edit] = []
    for match in _FOREIGN_WORD.finditer(text):
        read = _latin(match.group(), mostly_latin)
        if read is not None:
            edits.append((*match.span(), read))
    return edits


def _latin(word: str, mostly_latin: bool) -> str | None:
    return (_known_latin if len(word) <= MAX_REMEMBERED_WORD else _read_latin)(word, mostly_latin)


def _read_latin(word: str, mostly_latin: bool) -> str | None:
    read = word.translate(_AS_LATIN)
    return read if read != word and (_LATIN.search(word) or (mostly_latin and read.isascii())) else None


_known_latin = lru_cache(maxsize=4_096)(_read_latin)
