"""The lists at the top of an export: people and channels as they were on the day of the export."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from quikapp_ml.importers.slack.archive import BrokenPart
from quikapp_ml.importers.slack.facts import Timed, event, is_id, objects, one_line, time_of

SLACKBOT = "USLACKBOT"
_NAME_LENGTH = 256
_NAMELESS = {"dms.json": "direct message", "mpims.json": "group message"}
"""Conversations without a name of their own; naming them after their people would tell who talks with whom."""


@dataclass(frozen=True, slots=True)
class Person:
    """One entry of users.json."""

    user_id: str
    name: str | None
    title: str | None
    role: str | None
    is_bot: bool
    is_deleted: bool
    updated_at: int | None

    def events(self, first_at: int, last_seen_at: int, last_at: int) -> Iterator[Timed]:
        """What the chat knows of them, from the beginning of the export on.

        That an account is closed is told at its last update, unless they were seen after it: then at the end.
        """
        fields: dict[str, Any] = {"name": self.name, "title": self.title, "is_bot": self.is_bot or None}
        told = {key: value for key, value in fields.items() if value is not None}
        version = sha256(repr(sorted(told.items())).encode()).hexdigest()[:12]
        yield event("user_updated", first_at, self.user_id, (self.user_id, "user", version), **told)
        if self.role is not None:
            yield event("role_changed", first_at, self.user_id, (self.user_id, "role", self.role), role=self.role)
        if self.is_deleted:
            updated_at = self.updated_at or 0
            gone_at = updated_at if updated_at > last_seen_at else last_at
            yield event("user_updated", gone_at, self.user_id, (self.user_id, "deleted"), **told, is_deleted=True)


@dataclass(frozen=True, slots=True)
class Channel:
    """One entry of channels.json, groups.json, dms.json or mpims.json."""

    channel_id: str
    name: str
    folder: str
    topic: str | None
    creator: str | None
    created_at: int | None
    is_private: bool
    is_archived: bool
    members: tuple[str, ...] | None
    """None when the export does not list them."""


def read_person(entry: object) -> Person:
    """Check one entry of users.json; raises BrokenPart."""
    if not isinstance(entry, dict) or not is_id(entry.get("id")):
        raise BrokenPart("it is not a person with an id")
    profile = entry["profile"] if isinstance(entry.get("profile"), dict) else {}
    names = (profile.get("display_name"), profile.get("real_name"), entry.get("real_name"), entry.get("name"))
    return Person(
        user_id=entry["id"],
        name=next((name for given in names if (name := one_line(given, _NAME_LENGTH))), None),
        title=one_line(profile.get("title"), _NAME_LENGTH),
        role=_role(entry),
        is_bot=entry.get("is_bot") is True or entry["id"] == SLACKBOT,
        is_deleted=entry.get("deleted") is True,
        updated_at=time_of(entry.get("updated")),
    )


def read_channel(entry: object, file: str) -> Channel:
    """Check one entry of the list `file`; raises BrokenPart."""
    if not isinstance(entry, dict) or not is_id(entry.get("id")):
        raise BrokenPart("it is not a channel with an id")
    members = entry.get("members")
    people = tuple(user for user in members if is_id(user)) if isinstance(members, list) else None
    own_name = one_line(entry.get("name"), _NAME_LENGTH)
    creator = entry.get("creator") if is_id(entry.get("creator")) else None
    return Channel(
        channel_id=entry["id"],
        name=_NAMELESS.get(file) or own_name or entry["id"],
        folder=entry["name"] if isinstance(entry.get("name"), str) else entry["id"],
        topic=_value(entry.get("topic")) or _value(entry.get("purpose")),
        creator=creator or (people[0] if people else None),
        created_at=time_of(entry.get("created")),
        is_private=file != "channels.json" or entry.get("is_private") is True,
        is_archived=entry.get("is_archived") is True,
        members=people,
    )


def _role(entry: Mapping[str, Any]) -> str | None:
    if entry.get("is_owner") is True or entry.get("is_primary_owner") is True:
        return "owner"
    if entry.get("is_admin") is True:
        return "admin"
    if entry.get("is_restricted") is True or entry.get("is_ultra_restricted") is True:
        return "guest"
    return None


def _value(part: object) -> str | None:
    return next((one_line(found.get("value"), 1_000) for found in objects([part])), None)
