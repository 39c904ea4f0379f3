"""Single values of an export's JSON, checked: times, ids, names, texts; and the events made of them."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from quikapp_ml.entities.events import EARLIEST_EVENT_TIME, MAX_CONTENT_LENGTH, MAX_ID_LENGTH
from quikapp_ml.importers.slack.archive import BrokenPart

SECOND = 1_000_000
"""All times here are microseconds since 1970, as precise as Slack's `ts`."""
Timed = tuple[int, dict[str, Any]]
"""An event with its time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TS = re.compile(r"(\d{1,11})(?:\.(\d{1,6}))?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LONGEST_GIVEN_ID = 64
_EARLIEST = int((EARLIEST_EVENT_TIME - _EPOCH) / timedelta(microseconds=1))
_DEPTH_OF_BLOCKS = 12
_OLD_FILE_POST = re.compile(r"<@[^>]+> (?:uploaded|shared) a file: (<[^>]*>)(?: and commented: (.*))?", re.DOTALL)
"""How exports before 2018 tell of a file: in words of Slack's, around the words of the person."""


def time_of(value: object) -> int | None:
    """The time that a `ts`, `created` or `updated` names; None when it names none after the year 2000."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    match = _TS.fullmatch(text)
    if match is None:
        return None
    at = int(match[1]) * SECOND + int((match[2] or "").ljust(6, "0"))
    return at if at >= _EARLIEST else None


def ts_of(entry: Mapping[str, Any], key: str = "ts") -> tuple[str, int]:
    """The time stamp that identifies a message in its channel, as text and as a time; raises BrokenPart."""
    ts = entry.get(key)
    at = time_of(ts)
    if not isinstance(ts, str) or at is None:
        raise BrokenPart(f"it has no {key}" if ts is None else f"its {key} is no time stamp: {str(ts)[:40]!r}")
    return ts, at


def is_id(value: object) -> bool:
    """Whether this can be the id of something."""
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_GIVEN_ID and not _CONTROL.search(value)


def one_line(value: object, limit: int) -> str | None:
    """A name on one line without control characters, cut to `limit`; None when nothing is left."""
    if not isinstance(value, str):
        return None
    return _CONTROL.sub("", " ".join(unescape(value).split()))[:limit].strip() or None


def unescape(text: str) -> str:
    """Slack writes three characters as entities; all others stand for themselves."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def text_of(entry: Mapping[str, Any]) -> str:
    """What a message says: its text, else what its attachments, blocks or files say."""
    text = _old_file_text(entry) or entry.get("text")
    if not isinstance(text, str) or not text.strip():
        said = (*_attachment_texts(entry), *_block_texts(entry.get("blocks"), _DEPTH_OF_BLOCKS), *_file_names(entry))
        text = "\n".join(dict.fromkeys(part for part in said if part.strip()))
    return unescape(text).replace("\x00", "\ufffd")[:MAX_CONTENT_LENGTH]


def event(kind: str, at: int, user_id: str, key: tuple[str, ...], **fields: Any) -> Timed:
    """An event in the API's JSON form; `key` makes its id, the same in every import."""
    event_id = ":".join(("slack", *key))
    if len(event_id) > MAX_ID_LENGTH or _CONTROL.search(event_id):
        event_id = f"slack:{sha256(event_id.encode()).hexdigest()}"
    when = (_EPOCH + timedelta(microseconds=at)).isoformat()
    return at, {"event_id": event_id, "type": kind, "event_time": when, "user_id": user_id, **fields}


def message_id(channel_id: str, ts: str) -> str:
    """A message's id in the workspace; Slack's `ts` is unique in its channel only."""
    return f"{channel_id}-{ts}"


def objects(value: object) -> list[Mapping[str, Any]]:
    """The JSON objects of a list; empty for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _old_file_text(entry: Mapping[str, Any]) -> str | None:
    comment, text = entry.get("comment"), entry.get("text")
    if entry.get("subtype") == "file_comment" and isinstance(comment, dict):
        said = comment.get("comment")
        return said if isinstance(said, str) else None
    match = _OLD_FILE_POST.fullmatch(text) if entry.get("subtype") == "file_share" and isinstance(text, str) else None
    return f"{match[2]} {match[1]}" if match and match[2] else match[1] if match else None


def _attachment_texts(entry: Mapping[str, Any]) -> list[str]:
    return [
        next((part[key] for key in ("text", "fallback", "title") if isinstance(part.get(key), str)), "")
        for part in objects(entry.get("attachments"))
    ]


def _block_texts(value: object, depth: int) -> list[str]:
    """All texts inside a message's blocks, in order."""
    if depth == 0:
        return []
    if isinstance(value, list):
        return [text for item in value for text in _block_texts(item, depth - 1)]
    if isinstance(value, dict):
        text = value.get("text")
        own = [text] if isinstance(text, str) else []
        nested = [
            part
            for key in ("text", "elements", "fields")
            if key in value and not own
            for part in _block_texts(value[key], depth - 1)
        ]
        return own + nested
    return []


def _file_names(entry: Mapping[str, Any]) -> list[str]:
    files = objects(entry.get("files")) or objects([entry.get("file")])
    return [name for file in files if isinstance(name := file.get("title") or file.get("name"), str)]
