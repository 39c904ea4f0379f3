"""Stores on another machine: their URLs, of which no password is ever shown, and the packages that they need."""

import re
from importlib import import_module
from types import ModuleType
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from quikapp_ml.errors import InvalidInput

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")


def import_optional(module: str, package: str, extra: str) -> ModuleType:
    """Import a module of ours that needs an optional package. Raises InvalidInput naming the extra without it."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise InvalidInput(f"this URL needs the package {package}: pip install 'quikapp-ml[{extra}]'") from None


def address(url: str) -> str:
    """The URL without user, password and parameters: what may stand in a message. Raises InvalidInput."""
    parts = _split(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def split_name(url: str, parameter: str, default: str) -> tuple[str, str]:
    """The URL without `?parameter=name`, and the name, which tells the stores on one server apart.

    Raises InvalidInput for a name that is not made of letters, digits, _ and -.
    """
    parts = _split(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    name = dict(pairs).get(parameter, default)
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{parameter}={name!r} of a store URL: 1 to 63 letters, digits, _ and - are allowed")
    rest = urlencode([pair for pair in pairs if pair[0] != parameter])
    # Not `urlunsplit`: it drops the `//` before an empty host, and a socket of this machine has no host.
    return f"{parts.scheme}://{parts.netloc}{parts.path}" + (f"?{rest}" if rest else ""), name


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise InvalidInput("a store URL has a host or port that cannot be read; it is not shown here") from None
    return parts
