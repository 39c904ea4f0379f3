"""How a channel sounded, day by day: of at least five people, each counting the same, never of one of them."""

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

import numpy as np

from quikapp_ml.entities.decisions import SENTIMENT_LABELS, ModelRef, SentimentLabel
from quikapp_ml.errors import PermissionDenied
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.tables import MESSAGES

MIN_PEOPLE = 5
MAX_DAYS = 31
MESSAGES_A_DAY = 60
"""Messages that are read of one day, as many of each person as of the others."""
DIGITS = 2
"""Means are told roughly, so that one message that comes late does not show whose it was."""

_COLUMNS = ("message_id", "user_id", "posted_at", "content")


class Reads(Protocol):
    """Reads texts."""

    def moods(self, contents: Sequence[str]) -> tuple[list[list[float]], ModelRef, bool]:
        """Scores of each, what gave them, and whether it was not the model."""


@dataclass(frozen=True)
class DayMood:
    """One whole day (UTC); `mean_scores` is the mean over people of the means of their messages."""

    day: date
    n_people: int
    n_messages: int
    mean_scores: Mapping[SentimentLabel, float]


@dataclass(frozen=True)
class ChannelMood:
    """Days of a channel; of days with fewer than `min_people` there is nothing but how many they are."""

    channel_id: str
    days: tuple[DayMood, ...]
    n_withheld: int
    min_people: int
    model: ModelRef
    degraded: bool


@dataclass(frozen=True)
class _Day:
    day: date
    by_person: Mapping[str, Sequence[Mapping[str, Any]]]

    def sampled(self) -> list[tuple[str, str]]:
        """Person and text of the messages to read; which, a checksum of their ids decides."""
        each = max(1, MESSAGES_A_DAY // len(self.by_person))
        return [
            (person, message["content"])
            for person, messages in sorted(self.by_person.items())
            for message in sorted(messages, key=lambda one: zlib.crc32(one["message_id"].encode()))[:each]
        ]


class ChannelMoods:
    """Reads the tables and the model: not for the event loop."""

    def __init__(self, lake: Lake, workspace: Workspace, reader: Reads, clock: Callable[[], datetime]) -> None:
        self._lake = lake
        self._workspace = workspace
        self._reader = reader
        self._clock = clock

    def of(self, channel_id: str, user_id: str, n_days: int) -> ChannelMood:
        """The last whole days, for somebody who may look into the channel. Raises PermissionDenied."""
        if not self._workspace.may_see(user_id, channel_id):
            raise PermissionDenied(f"{user_id!r} may not look into channel {channel_id!r}, if there is such a channel")
        days = self._days(channel_id, n_days)
        told = [day for day in days if len(day.by_person) >= MIN_PEOPLE]
        samples = [day.sampled() for day in told]
        scores, model, is_degraded = self._reader.moods([text for sample in samples for _, text in sample])
        left = iter(scores)
        moods = tuple(
            _mood(day, [person for person, _ in sample], [next(left) for _ in sample])
            for day, sample in zip(told, samples, strict=True)
        )
        return ChannelMood(channel_id, moods, len(days) - len(told), MIN_PEOPLE, model, is_degraded)

    def _days(self, channel_id: str, n_days: int) -> list[_Day]:
        """Days on which people wrote, up to yesterday: today's people are not all there yet."""
        today = self._clock().astimezone(UTC).date()
        found: dict[date, dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
        for message in self._messages(channel_id):
            day = message["posted_at"].astimezone(UTC).date()
            if today - timedelta(days=n_days) <= day < today:
                found[day][message["user_id"]].append(message)
        return [_Day(day, by_person) for day, by_person in sorted(found.items())]

    def _messages(self, channel_id: str) -> Iterable[Mapping[str, Any]]:
        if not self._lake.exists(MESSAGES.name):
            return ()
        rows = self._lake.find(MESSAGES.name, "channel_id", [channel_id]).to_pylist()
        return (
            row
            for row in rows
            if not row["is_bot"] and not row["is_deleted"] and all(row[name] for name in _COLUMNS)
            if row["content"].strip()
        )


def _mood(day: _Day, people: Sequence[str], scores: Sequence[Sequence[float]]) -> DayMood:
    rows, names = np.array(scores), np.array(people)
    mean = np.mean([rows[names == person].mean(axis=0) for person in day.by_person], axis=0)
    told = {label: round(float(score), DIGITS) for label, score in zip(SENTIMENT_LABELS, mean, strict=True)}
    return DayMood(day.day, len(day.by_person), len(people), told)
