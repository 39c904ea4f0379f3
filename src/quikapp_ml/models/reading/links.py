"""Links of a text: where they really lead, and by which tricks they seem to lead elsewhere."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from publicsuffixlist import PublicSuffixList

from quikapp_ml.models.reading.characters import LOOK_ALIKES
from quikapp_ml.models.reading.mapped import Edit, Mapped

MAX_LINKS = 500
"""Further links of one text are not looked at."""

_SHORTENERS = (
    "bit.ly tinyurl.com goo.gl t.co is.gd ow.ly buff.ly rebrand.ly cutt.ly shorturl.at tiny.cc rb.gy t.ly v.gd adf.ly "
    "bit.do lnkd.in s.id soo.gd clck.ru"
)
_KNOWN_PLACES = (
    "google.com paypal.com apple.com microsoft.com amazon.com facebook.com instagram.com netflix.com github.com "
    "slack.com dropbox.com linkedin.com twitter.com youtube.com whatsapp.com coinbase.com binance.com"
)
SHORTENERS = frozenset(_SHORTENERS.split())
KNOWN_PLACES = frozenset(_KNOWN_PLACES.split())
"""Places that others pretend to be."""

_LINK = re.compile(
    r"(?P<open><)?(?:https?://|(?<![\w@.])www\.)(?P<rest>[^\s<>|\"']{1,2048}+)(?:\|(?P<shown>[^<>\n]{0,500})>)?",
    re.IGNORECASE,
)
_WRITTEN_AROUND = re.compile(
    r"(?P<scheme>\bhxxps?(?=://))|(?<=\w)\s?[\[({](?P<dot>\.|dot)[\])}]\s?(?=\w)", re.IGNORECASE
)
_HOST_IN_TEXT = re.compile(r"(?:https?://)?((?:[\w-]{1,63}\.){1,6}[a-z]{2,24})(?![\w@])", re.IGNORECASE)
_FILE_ENDINGS = frozenset({"ai", "cc", "md", "mov", "pl", "ps", "py", "rs", "sh", "so", "zip"})
"""Ends of file names that are top-level domains as well."""
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_AS_LETTERS = str.maketrans({**LOOK_ALIKES, "0": "o", "1": "l", "3": "e", "5": "s"})


@dataclass(frozen=True, slots=True)
class Link:
    """One link, its place in the original text, the registrable domain it leads to, and what is odd about it."""

    start: int
    end: int
    host: str
    domain: str
    shown_host: str = ""
    is_shortened: bool = False
    is_cloaked: bool = False
    """The text shown names another domain than the link leads to."""
    is_look_alike: bool = False
    """It is written to be taken for a known place."""


def defanged(mapped: Mapped) -> Mapped:
    """`hxxp://x[.]com` and `x (dot) com` written as links."""
    text = mapped.text
    if any(sign in text for sign in "[({") or "xxp" in text.lower():
        return mapped.edited(_plain_links(text))
    return mapped


def links_of(text: str, original: Mapped) -> tuple[Link, ...]:
    """Links of `text`, which `original` maps; MAX_LINKS at most."""
    if "://" not in text and "www." not in text.lower():
        return ()
    found: list[Link] = []
    for match in _LINK.finditer(text):
        host = _host(match["rest"])
        if host:
            link = _judged(host, match["shown"] or "")
            start, end = original.span(match.start(), match.end())
            found.append(replace(link, start=start, end=end))
        if len(found) == MAX_LINKS:
            break
    return tuple(found)


@lru_cache(maxsize=4_096)
def registrable_domain(host: str) -> str:
    """What somebody registered: `shop.example.co.uk` belongs to `example.co.uk`. Addresses stay as they are."""
    if _ADDRESS.fullmatch(host):
        return host
    return _suffixes().privatesuffix(host) or host


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)


def _shown_host(shown: str) -> str:
    """The host that the text of a link names, if any; `notes.md` and `fritz.jpg` are files."""
    named = _HOST_IN_TEXT.fullmatch(shown.split("/", 3)[2] if "://" in shown else shown.split("/", 1)[0].strip())
    host = named[1].lower().removeprefix("www.") if named else ""
    is_file = host == shown.strip().lower() and host.rpartition(".")[2] in _FILE_ENDINGS
    return "" if is_file or not _suffixes().privatesuffix(host) else host


def _plain_links(text: str) -> list[Edit]:
    return [
        (*match.span(), "." if match["dot"] else match.group().lower().replace("xx", "tt"))
        for match in _WRITTEN_AROUND.finditer(text)
    ]


def _host(rest: str) -> str:
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    return authority.rsplit("@", 1)[-1].split(":", 1)[0].lower().removeprefix("www.").strip(".")[:253]


@lru_cache(maxsize=4_096)
def _judged(host: str, shown: str) -> Link:
    """A link without its place."""
    domain = registrable_domain(host)
    shown_host = _shown_host(shown)
    return Link(
        0, 0, host, domain, shown_host,
        is_shortened=domain in SHORTENERS,
        is_cloaked=bool(shown_host) and registrable_domain(shown_host) != domain,
        is_look_alike=_looks_known(host, domain),
    )  # fmt: skip


def _looks_known(host: str, domain: str) -> bool:
    """A known place in other letters, or a known place as the beginning of another's host."""
    if domain in KNOWN_PLACES:
        return False
    if host.startswith("xn--") or ".xn--" in host:
        host = _decoded(host)
        domain = registrable_domain(host)
    begins = any(f".{place}." in f".{host}." for place in KNOWN_PLACES)
    return begins or domain.translate(_AS_LETTERS).replace("rn", "m").replace("vv", "w") in KNOWN_PLACES


def _decoded(host: str) -> str:
    try:
        return host.encode("ascii").decode("idna")
    except UnicodeError:
        return host
