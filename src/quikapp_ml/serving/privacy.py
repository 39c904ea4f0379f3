"""IP addresses leave as keyed hashes: the same address looks the same, and nobody can tell which one it was."""

import hmac
import re
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from typing import Any

import orjson

ADDRESS_KEYS = frozenset({"ip", "ips", "ip_address", "ip_addresses", "ipaddress", "remote_addr", "x_forwarded_for"})
TEXT_KEYS = frozenset({"content", "query", "comment"})
"""What people wrote: kept as it came, even where it is an address."""

_LOOKS_LIKE_ADDRESSES = re.compile(r"[\s,\[\]0-9a-fA-F.:/]+(?:%[\w.-]+)?")
_INSIDE = re.compile(
    r"(?:(?<![\w.:/-])|(?<=//))"
    r"(?:(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d)|(?=[0-9a-fA-F.]*:[0-9a-fA-F.]*:)[0-9a-fA-F:.]{2,45}(?<!\.)(?![\w:]))"
)
"""Looks like an address in a longer text: `for=203.0.113.7;proto=http`, but not the version in `Chrome/120.0.0.0`."""
_DOTTED = re.compile(r"\.\d+\.\d")
_COLONS = re.compile(r":(?<!T\d\d:)[0-9a-fA-F.]*:")
"""Two colons with nothing but hex digits between, but for those of times."""
_ADDRESS_KEY = re.compile(r'"(?:ips?|ip[_-]?address(?:es)?|remote[_-]addr|x[_-]forwarded[_-]for)":')
_ADDRESS_NAMES = ('"ip', '"remote', '"x')
"""What the names of ADDRESS_KEYS begin with."""
_DIGITS, _HEX = b"0123456789", b"0123456789abcdef."
_NETWORK = re.compile(r"/\d{1,3}$")
_PORT = re.compile(r"(?<=[\d\]]):\d{1,5}$")


def hash_ip(ip: str, key: bytes) -> str:
    """`ip-` and 32 hex digits of HMAC-SHA256. All spellings of one address give the same hash."""
    parsed = _parse(ip)
    spelling = ip.strip().lower() if parsed is None else parsed
    digest = hmac.digest(key, spelling.encode("utf-8", "surrogatepass"), "sha256")
    return f"ip-{digest.hex()[:32]}"


def without_addresses(given: Any, key: bytes) -> Any:
    """The same JSON value with every IP address in it hashed.

    Hashed are all texts under a key of ADDRESS_KEYS, and the addresses in all other texts, such as a `Forwarded`
    header, but for those under TEXT_KEYS.
    """
    if isinstance(given, str):
        return _hash_addresses(given, key)
    if isinstance(given, Mapping):
        return {
            without_addresses(name, key): _without_addresses_under(name, value, key) for name, value in given.items()
        }
    if isinstance(given, (list, tuple)):
        return [without_addresses(value, key) for value in given]
    return given


def json_without_addresses(text: str, key: bytes) -> str:
    """`without_addresses` for a text of JSON as orjson writes it; quick where there is no address in it."""
    if not _may_hold_addresses(text):
        return text
    return orjson.dumps(without_addresses(orjson.loads(text), key)).decode()


def _may_hold_addresses(text: str) -> bool:
    """Patterns are looked for only where it is seen, many times faster, that they can be there at all.

    What a pattern has between its dots or colons is taken out first: then these are side by side.
    """
    folded = text.lower()
    told = folded.encode("utf-8", "surrogatepass")
    return bool(
        (b".." in told.translate(None, _DIGITS) and _DOTTED.search(text))
        or (b"::" in told.translate(None, _HEX) and _COLONS.search(text))
        or (any(name in folded for name in _ADDRESS_NAMES) and _ADDRESS_KEY.search(folded))
    )


def _without_addresses_under(name: Any, value: Any, key: bytes) -> Any:
    folded = str(name).lower().replace("-", "_")
    if folded in TEXT_KEYS and isinstance(value, str):
        return value
    if folded in ADDRESS_KEYS:
        return _hash_all(value, key)
    return without_addresses(value, key)


def _hash_all(value: Any, key: bytes) -> Any:
    if isinstance(value, str):
        return ", ".join(hash_ip(part, key) for part in value.split(","))
    if isinstance(value, (list, tuple)):
        return [_hash_all(part, key) for part in value]
    return without_addresses(value, key)


def _hash_addresses(text: str, key: bytes) -> str:
    """Hash one address or a list of them, as proxies write (`203.0.113.7, 10.0.0.1`), and those inside other texts."""
    if _LOOKS_LIKE_ADDRESSES.fullmatch(text):
        parts = [part.strip() for part in text.split(",")]
        if all(_parse(part) for part in parts):
            return ", ".join(hash_ip(part, key) for part in parts)
    if text.count(".") < 3 and text.count(":") < 2:
        return text
    return _INSIDE.sub(lambda found: hash_ip(found[0], key) if _parse(found[0]) else found[0], text)


def _parse(text: str) -> str | None:
    """The one spelling of an address that is given with or without a port, brackets, a zone; None for others."""
    bare = _NETWORK.sub("", text.strip())
    if bare.count(":") == 1 or "]" in bare:
        bare = _PORT.sub("", bare)
    try:
        address = ip_address(bare.strip("[]"))
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)
