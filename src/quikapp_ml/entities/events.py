"""What happens in a chat, as the service accepts it: one frozen class an event type, one flat row for all.

An event has two clocks: `event_time`, when it happened, and `ingest_time`, when this service learnt of it.
"""

import re
import reprlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, TypeAdapter
from pydantic import ValidationError as PydanticValidationError
from pydantic_core import PydanticCustomError

from quikapp_ml.errors import InvalidInput, Problem

MAX_ID_LENGTH = 128
MAX_CONTENT_LENGTH = 40_000
MAX_CLOCK_SKEW = timedelta(minutes=5)
EARLIEST_EVENT_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_TIME_FORMAT = "must be a string, an ISO 8601 time such as 2026-11-23T08:00:00+00:00"
_REPR = reprlib.Repr()  # never walks all of a large value, nor deeper than a few levels
_REPR.maxstring = _REPR.maxlong = _REPR.maxother = 200
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _no_control_characters(text: str) -> str:
    if _CONTROL_CHARACTER.search(text):
        raise PydanticCustomError("control_character", "must not hold control characters or line breaks")
    return text


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise PydanticCustomError("nul_character", "must not hold the character NUL (U+0000)")
    return text


def _aware_time(value: object) -> datetime:
    if isinstance(value, datetime):
        parsed = value
    elif isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError(
                "time_format", "must be an ISO 8601 time, such as 2026-11-23T08:00:00+00:00"
            ) from None
    else:
        raise PydanticCustomError("time_format", "must be a string, an ISO 8601 time such as 2026-11-23T08:00:00+00:00")
    if parsed.tzinfo is None:
        raise PydanticCustomError("time_zone_missing", "must name its time zone, such as 2026-11-23T08:00:00+00:00")
    try:
        in_utc = parsed.astimezone(UTC)
    except OverflowError:  # in UTC it is before the year 1 or after the year 9999
        in_utc = parsed.replace(tzinfo=UTC)
    if in_utc < EARLIEST_EVENT_TIME:
        raise PydanticCustomError("time_too_early", "must not be before the year 2000")
    return in_utc


Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH), AfterValidator(_no_control_characters)]
Name = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_no_control_characters)]
Text = Annotated[str, Field(max_length=MAX_CONTENT_LENGTH), AfterValidator(_no_nul)]
ShortText = Annotated[str, Field(max_length=1_000), AfterValidator(_no_nul)]
Time = Annotated[datetime, BeforeValidator(_aware_time)]
Role = Literal["guest", "member", "moderator", "admin", "owner"]


class EventBase(BaseModel):
    """What every event has: its own id (a retry repeats it), when it happened, and who did it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    event_id: Id
    event_time: Time
    user_id: Id

    columns: ClassVar[frozenset[str]]

    @cached_property
    def unix_seconds(self) -> float:
        """The event time in seconds since 1970, which features compute with."""
        return self.event_time.timestamp()


class Message(EventBase):
    """Somebody wrote a message; `thread_id` is the message id of the thread's first message."""

    type: Literal["message"]
    channel_id: Id
    message_id: Id
    thread_id: Id | None = None
    content: Text | None = None
    is_bot: bool = False


class Edit(EventBase):
    """The text of a message was replaced."""

    type: Literal["edit"]
    channel_id: Id
    message_id: Id
    content: Text | None = None


class Delete(EventBase):
    """A message was taken away."""

    type: Literal["delete"]
    channel_id: Id
    message_id: Id


class Reaction(EventBase):
    """An emoji was put on a message, or taken off it (`removed`)."""

    type: Literal["reaction"]
    channel_id: Id
    message_id: Id
    reaction: Name
    removed: bool = False


class Read(EventBase):
    """Somebody read a channel, up to a message when it is named."""

    type: Literal["read"]
    channel_id: Id
    message_id: Id | None = None


class Join(EventBase):
    """Somebody became a member of a channel."""

    type: Literal["join"]
    channel_id: Id


class Leave(EventBase):
    """Somebody left a channel, or was removed from it."""

    type: Literal["leave"]
    channel_id: Id


class Mute(EventBase):
    """Somebody muted a channel or a person, or unmuted them (`removed`)."""

    type: Literal["mute"]
    channel_id: Id | None = None
    target_user_id: Id | None = None
    removed: bool = False


class Block(EventBase):
    """Somebody blocked a person, or unblocked them (`removed`)."""

    type: Literal["block"]
    target_user_id: Id
    removed: bool = False


class Report(EventBase):
    """Somebody reported a message to the moderators."""

    type: Literal["report"]
    channel_id: Id
    message_id: Id
    reason: Literal["spam", "abuse", "other"] = "other"


class ChannelCreated(EventBase):
    """A channel was opened; its creator is its first member."""

    type: Literal["channel_created"]
    channel_id: Id
    name: Name
    topic: ShortText | None = None
    is_private: bool = False


class ChannelRenamed(EventBase):
    """A channel has a new name."""

    type: Literal["channel_renamed"]
    channel_id: Id
    name: Name


class ChannelTopicSet(EventBase):
    """A channel has a new topic."""

    type: Literal["channel_topic_set"]
    channel_id: Id
    topic: ShortText


class ChannelArchived(EventBase):
    """A channel was closed, or opened again (`removed`)."""

    type: Literal["channel_archived"]
    channel_id: Id
    removed: bool = False


class ChannelMadePrivate(EventBase):
    """A channel may be seen by its members only from now on, or by everybody again (`removed`)."""

    type: Literal["channel_made_private"]
    channel_id: Id
    removed: bool = False


class RoleChanged(EventBase):
    """Somebody has another role in the chat workspace."""

    type: Literal["role_changed"]
    role: Role


class UserUpdated(EventBase):
    """What the chat knows of a person: sent when somebody arrives, changes team or title, or goes (`is_deleted`)."""

    type: Literal["user_updated"]
    name: Name | None = None
    team: Name | None = None
    title: Name | None = None
    is_bot: bool = False
    is_deleted: bool = False


Event = (
    Message | Edit | Delete | Reaction | Read | Join | Leave | Mute | Block | Report
    | ChannelCreated | ChannelRenamed | ChannelTopicSet | ChannelArchived | ChannelMadePrivate
    | RoleChanged | UserUpdated
)  # fmt: skip

EVENT_TYPES: dict[str, type[EventBase]] = {
    cls.model_fields["type"].annotation.__args__[0]: cls for cls in Event.__args__
}

ROW_COLUMNS = (
    "event_id", "type", "event_time", "user_id", "channel_id", "message_id", "thread_id", "target_user_id", "content",
)  # fmt: skip
"""Columns of the table `events` that hold a field of their own; all other fields go to `attributes` as JSON."""

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Discriminator("type")])


def parse_event(given: object, *, now: datetime) -> Event:
    """Check one event as a client sent it.

    Raises InvalidInput with the field, what was given and what is allowed.
    """
    if not isinstance(given, Mapping):
        message = "an event must be a JSON object"
        raise InvalidInput(message, (Problem("", "not_an_object", message, short(given)),))
    kind = given.get("type")
    if not isinstance(kind, str) or kind not in EVENT_TYPES:
        message = f"unknown event type {short(kind)}; known are {', '.join(sorted(EVENT_TYPES))}"
        raise InvalidInput(message, (Problem("type", "unknown_event_type", message, short(kind)),))
    try:
        event = _ADAPTER.validate_python(given)
    except PydanticValidationError as error:
        problems = tuple(problem_of(detail, skip=1) for detail in error.errors(include_url=False))
        raise InvalidInput("; ".join(f"{p.path}: {p.message}" for p in problems), problems) from None
    if event.event_time > now + MAX_CLOCK_SKEW:
        message = (
            f"event_time {event.event_time.isoformat()} is in the future; it may be at most "
            f"{int(MAX_CLOCK_SKEW.total_seconds())} seconds after {now.isoformat(timespec='seconds')}"
        )
        raise InvalidInput(message, (Problem("event_time", "time_in_future", message),))
    return event


def problem_of(detail: Mapping[str, Any], *, skip: int = 0) -> Problem:
    """Turn one pydantic error into our shape; `skip` drops leading parts of its location."""
    path = ".".join(str(part)[:MAX_ID_LENGTH] for part in detail["loc"][skip:])
    given = None if detail["type"] == "missing" else short(detail["input"])
    return Problem(path=path, code=detail["type"], message=detail["msg"], given=given)


def short(value: object, limit: int = 80) -> str:
    """Print a given value in at most `limit` characters, safe for logs and error messages."""
    text = _REPR.repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def event_row(event: Event, ingest_time: datetime) -> bytes:
    """One line of JSON with the columns of the table `events`."""
    fields = event.model_dump(exclude_none=True, exclude_defaults=True)
    row: dict[str, Any] = {name: fields.pop(name) for name in ROW_COLUMNS if name in fields}
    row["ingest_time"] = ingest_time
    if fields:
        row["attributes"] = orjson.dumps(fields).decode()
    return orjson.dumps(row, option=orjson.OPT_UTC_Z)


def event_from_row(row: Mapping[str, Any]) -> Event:
    """The event that `event_row` wrote; `row` maps columns to values, None or absent where there is none."""
    fields = {name: row[name] for name in ROW_COLUMNS if row.get(name) is not None}
    if row.get("attributes"):
        fields.update(orjson.loads(row["attributes"]))
    return _ADAPTER.validate_python(fields)
