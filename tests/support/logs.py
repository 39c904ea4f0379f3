"""Random logs of a small chat, for tests that compare what is made of them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import orjson
import pyarrow as pa

from quikapp_ml.entities.events import Event, event_row, parse_event
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.stores.lake.tables import EVENTS

LOG_START = datetime(2026, 1, 5, 8, tzinfo=UTC)
LOG_END = datetime(2026, 4, 1, tzinfo=UTC)

_EMOJI = ("+1", "tada", ":heart:", "clap::skin-tone-3", "👍🏽", "cry", "rage", "eyes")
_TEXTS = (
    "ready", "", "look <@u1>", "<@u2|Bob> and <@u3> and <@u2>", "broken <@u1", "<@>", "<@u 1>", "it's \\done\\ 100%",
    None, "<@u4|> ta <@nobody>", "<<@u5>>", "<@u1\t>", "a\n<@u2>\nb",
)  # fmt: skip


def random_log(seed: int, n_events: int, n_people: int = 8, n_channels: int = 4) -> list[Event]:
    """Events in the order of their times; many answer to messages that others wrote, some to messages never written."""
    rng = Random(seed)
    span = (LOG_END - LOG_START).total_seconds() - 86_400
    times = sorted(LOG_START + timedelta(microseconds=int(rng.random() * span * 1e6)) for _ in range(n_events))
    return [_random_event(rng, number, at, n_people, n_channels) for number, at in enumerate(times)]


def _random_event(rng: Random, number: int, at: datetime, n_people: int, n_channels: int) -> Event:
    kinds = ("message", "reaction", "read", "join", "leave", "report", "edit", "delete", "channel_created", "mute")
    kind = rng.choices(kinds, (45, 25, 10, 4, 2, 4, 4, 2, 2, 2))[0]
    earlier = rng.randrange(max(number, 1))
    answers = kind in ("reaction", "report", "edit", "delete")
    channel = number if kind == "message" else earlier if answers and rng.random() < 0.9 else rng.randrange(n_channels)
    given: dict[str, Any] = {
        "event_id": f"e{number}",
        "type": kind,
        "event_time": at.isoformat(),
        "user_id": f"u{rng.randrange(n_people)}",
        "channel_id": f"c{channel % n_channels}",
    }
    if kind == "message":
        given |= {"message_id": f"m{number}", "content": rng.choice(_TEXTS), "is_bot": rng.random() < 0.1}
        given["thread_id"] = rng.choice((None, f"m{earlier - (earlier - number) % n_channels}", f"m{number}"))
    elif answers:
        given["message_id"] = f"m{earlier}"
    if kind == "reaction":
        given |= {"reaction": rng.choice(_EMOJI), "removed": rng.random() < 0.2}
    elif kind == "report":
        given["reason"] = rng.choice(("spam", "abuse", "other"))
    elif kind == "edit":
        given["content"] = f"edited {number}"
    elif kind == "channel_created":
        given |= {"name": f"channel {number}", "is_private": rng.random() < 0.3}
    return parse_event(given, now=LOG_END)


def late(events: Iterable[Event], seed: int, most_places: float = 60.0) -> list[Event]:
    """The same events in the order in which they might arrive: each up to so many places too late."""
    rng = Random(seed)
    placed = [(number + rng.random() * most_places, event) for number, event in enumerate(events)]
    return [event for _, event in sorted(placed, key=lambda one: one[0])]


def table_of(events: Iterable[Event], ingest_time: datetime = LOG_END) -> pa.Table:
    """Rows of the table `events`."""
    rows = [orjson.loads(event_row(event, ingest_time)) for event in events]
    for row in rows:
        row["event_time"] = datetime.fromisoformat(row["event_time"])
        row["ingest_time"] = datetime.fromisoformat(row["ingest_time"])
    return pa.Table.from_pylist(rows, schema=EVENTS.columns)


def folded(events: Iterable[Event]) -> tuple[Workspace, OnlineFeatures]:
    """The state after the events."""
    workspace, features = Workspace(), OnlineFeatures()
    for event in events:
        for activity in workspace.apply(event):
            features.apply(activity)
    return workspace, features
