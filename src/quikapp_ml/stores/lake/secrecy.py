"""Errors of engines and object stores, told without the keys that they may quote."""

import os
import re

_HOLDS_KEYS = re.compile(r"KEY|SECRET|TOKEN|SAS|PASSWORD|CREDENTIAL|CONNECTION_STRING|SERVICE_ACCOUNT", re.IGNORECASE)
_MIN_LENGTH = 8
"""Shorter values are no keys, and would blot out ordinary words."""

_SIGNED = re.compile(
    r"(?<=[?&;])(sig|signature|token|[a-z-]*-(?:signature|credential|security-token))=[^&;\s\"'<>)]+", re.IGNORECASE
)
_USER = re.compile(r"(?<=://)[^/\s@]+:[^/\s@]+(?=@)")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_KEY_ID = re.compile(r"(?<=<AWSAccessKeyId>)[^<]+")


def without_keys(text: str) -> str:
    """The text without values of environment variables that are named like keys, signatures in URLs, and colours."""
    values = (value for name, value in os.environ.items() if _HOLDS_KEYS.search(name))
    for value in sorted({value for value in values if len(value) >= _MIN_LENGTH}, key=len, reverse=True):
        text = text.replace(value, "…")
    text = _SIGNED.sub(r"\1=…", _COLOUR.sub("", text))
    return _KEY_ID.sub("…", _USER.sub("…", text))


def cause(error: BaseException) -> BaseException | None:
    """The error to chain to: none where its own words hold keys, as a log would print them."""
    return error if without_keys(str(error)) == _COLOUR.sub("", str(error)) else None
