"""How a channel sounded, and of whom nothing is told."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from quikapp_ml.entities.decisions import ModelRef
from quikapp_ml.errors import PermissionDenied
from quikapp_ml.serving.channel_mood import MESSAGES_A_DAY, ChannelMood, ChannelMoods
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.stores.lake.tables import MESSAGES
from support.chats import Chat

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
PEOPLE = [f"user-{number}" for number in range(6)]


class Reader:
    """`+` is positive, everything else negative."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def moods(self, contents: Sequence[str]) -> tuple[list[list[float]], ModelRef, bool]:
        self.read += contents
        return [[0, 0, 1] if "+" in content else [1, 0, 0] for content in contents], ModelRef("s", "1"), False


def lake_with(*messages: tuple[str, int, str]) -> MemoryLake:
    """Messages of a person, so many days ago, in channel-1."""
    rows = [
        {
            "message_id": f"m{number}", "channel_id": "channel-1", "user_id": user_id, "content": content,
            "posted_at": NOW - timedelta(days=days), "is_bot": user_id == "bot", "is_deleted": content == "deleted",
            "n_reactions": 0, "n_replies": 0, "n_reports": 0,
        }
        for number, (user_id, days, content) in enumerate(messages)
    ]  # fmt: skip
    lake = MemoryLake()
    lake.ensure(MESSAGES)
    columns = {name: [row.get(name) for row in rows] for name in MESSAGES.columns.names}
    lake.append(MESSAGES.name, pa.table(columns, schema=MESSAGES.columns))
    return lake


def chat() -> Chat:
    chat = Chat()
    chat.people(*PEOPLE, "stranger")
    chat.channel("channel-1", *PEOPLE, is_private=True)
    return chat


def mood(lake: MemoryLake, user_id: str = "user-0", reader: Reader | None = None) -> ChannelMood:
    return ChannelMoods(lake, chat().workspace, reader or Reader(), lambda: NOW).of("channel-1", user_id, 7)


def test_every_person_counts_the_same_however_much_they_write() -> None:
    loud = [("user-0", 1, "bad")] * 500
    found = mood(lake_with(*loud, *((person, 1, "+") for person in PEOPLE[1:5])))
    (day,) = found.days
    assert day.mean_scores == {"negative": 0.2, "neutral": 0.0, "positive": 0.8}
    assert (day.n_people, day.n_messages) == (5, MESSAGES_A_DAY // 5 + 4)


def test_of_fewer_than_five_people_nothing_is_told() -> None:
    reader = Reader()
    found = mood(lake_with(*((person, 2, "+") for person in PEOPLE[:4])), reader=reader)
    assert (found.days, found.n_withheld, reader.read) == ((), 1, [])


def test_today_bots_deleted_and_empty_messages_do_not_count() -> None:
    today = [(person, 0, "+") for person in PEOPLE]
    others = [("bot", 1, "+"), ("user-4", 1, "deleted"), ("user-5", 1, " ")]
    found = mood(lake_with(*today, *others, *((person, 1, "+") for person in PEOPLE[:4])))
    assert (found.days, found.n_withheld) == ((), 1)


def test_days_come_in_order_and_older_ones_not_at_all() -> None:
    found = mood(lake_with(*((person, days, "+") for person in PEOPLE for days in (1, 3, 7, 8))))
    assert [day.day.day for day in found.days] == [13, 17, 19]


def test_who_may_not_look_into_the_channel_is_told_nothing() -> None:
    with pytest.raises(PermissionDenied, match="'stranger' may not look into channel 'channel-1'"):
        mood(lake_with(), user_id="stranger")


def test_without_messages_there_are_no_days() -> None:
    assert mood(MemoryLake()).days == ()
