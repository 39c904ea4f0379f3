"""Lists in pages. A page token is the name that the page before ended with, so a list may change in between."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TypeVar

from quikapp_ml.errors import InvalidInput

T = TypeVar("T")

PAGE_ITEMS = 500
_MARK = b"after:"


def page_of(
    items: Sequence[T], key: Callable[[T], str], max_results: int | None, token: str | None
) -> tuple[list[T], str | None]:
    """A page of items that are in the order of their keys, and the token of the next; None: there is no more.

    Raises InvalidInput when the token is not one of ours.
    """
    last = _key_in(token) if token else ""
    start = bisect_right(items, last, key=key) if last else 0
    found = list(items[start : start + min(PAGE_ITEMS if max_results is None else max_results, PAGE_ITEMS)])
    if start + len(found) >= len(items):
        return found, None
    return found, urlsafe_b64encode(_MARK + (key(found[-1]) if found else last).encode()).decode()


def _key_in(token: str) -> str:
    try:
        mark, key = (decoded := urlsafe_b64decode(token.encode()))[: len(_MARK)], decoded[len(_MARK) :]
        if mark != _MARK:
            raise ValueError(token)
        return key.decode()
    except ValueError:
        raise InvalidInput("pageToken is not one that this service gave") from None
