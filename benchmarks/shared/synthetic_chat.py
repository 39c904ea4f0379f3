"""A large chat made of numbers: people in teams and departments, their channels, and what they did there."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import numpy as np

from quikapp_ml.entities.events import ChannelCreated, Event, EventBase, Join, Message, Reaction, Read, UserUpdated

DAY = 86_400.0
TEAM = 20
TEAMS_OF_DEPARTMENT = 10
CHANNELS_EACH = 12
DAYS = 90.0
RECENT = 40
SHARES = {"message": 0.5, "reaction": 0.25, "read": 0.25}
SHARE_OF_ANSWERS = 0.4
SHARE_PRIVATE = 0.2

E = TypeVar("E", bound=EventBase)


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    users: int
    channels: int
    events: int


def user_id(number: int) -> str:
    """Id of a person by number."""
    return f"U{number:07d}"


def channel_id(number: int) -> str:
    """Id of a channel by number."""
    return f"C{number:06d}"


def chat_events(size: Size, now: float, seed: int = 7) -> Iterator[Event]:
    """All that happened, in order of time; the same for the same arguments."""
    random = np.random.default_rng(seed)
    places = _memberships(size, random)
    yield from _beginnings(size, places, now, random)
    yield from _days(size, places, now, random)


def _memberships(size: Size, random: np.random.Generator) -> list[list[int]]:
    """Channels of each person: most are of the department, some are the large ones of everybody."""
    n_departments = max(size.users // (TEAM * TEAMS_OF_DEPARTMENT), 1)
    per_department = max(size.channels // n_departments, 1)
    places = []
    for number in range(size.users):
        department = number // (TEAM * TEAMS_OF_DEPARTMENT) % n_departments
        own = department * per_department + random.integers(0, max(per_department, 8), CHANNELS_EACH - 4)
        wide = (random.pareto(0.7, 4) * 3).astype(np.int64)
        places.append(sorted({int(one) % size.channels for one in (*own, *wide)}))
    return places


def _beginnings(size: Size, places: list[list[int]], now: float, random: np.random.Generator) -> Iterator[Event]:
    start = now - (DAYS + 30) * DAY
    is_private = random.random(size.channels) < SHARE_PRIVATE
    is_private[:20] = False
    for number in range(size.channels):
        yield _made(
            ChannelCreated, f"c{number}", start + number, user_id(number % size.users),
            type="channel_created", channel_id=channel_id(number), name=f"channel-{number}",
            is_private=bool(is_private[number]), topic=None,
        )  # fmt: skip
    n_made = size.channels
    for number in range(size.users):
        at = start + 15 * DAY + number
        team = f"team-{number // TEAM}"
        yield _made(
            UserUpdated, f"u{number}", at, user_id(number),
            type="user_updated", name=f"Person {number}", team=team, title=None, is_bot=False, is_deleted=False,
        )  # fmt: skip
        for place in places[number]:
            n_made += 1
            yield _made(Join, f"j{n_made}", at + 1, user_id(number), type="join", channel_id=channel_id(place))


def _days(size: Size, places: list[list[int]], now: float, random: np.random.Generator) -> Iterator[Event]:
    n_left = size.events - size.channels - size.users - sum(map(len, places))
    recent: list[deque[str]] = [deque(maxlen=RECENT) for _ in range(size.channels)]
    people = (random.random(n_left) ** 2 * size.users).astype(np.int64)[random.permutation(n_left)]
    people = random.permutation(size.users)[people]
    times = np.sort(now - random.random(n_left) * DAYS * DAY)
    kinds = random.choice(len(SHARES), n_left, p=list(SHARES.values()))
    draws = random.random((n_left, 2))
    for number, (person, at, kind, (first, second)) in enumerate(
        zip(people.tolist(), times.tolist(), kinds.tolist(), draws, strict=True)
    ):
        own = places[person]
        place = own[int(first * len(own))]
        known = recent[place]
        target = known[int(second * len(known))] if known else None
        yield _event(_Turn(number, at, person, place, list(SHARES)[kind], target, float(second)), known)


@dataclass(frozen=True)
class _Turn:
    """Somebody does something somewhere; `target` is a message that is there, `draw` a number in 0..1."""

    number: int
    at: float
    person: int
    place: int
    kind: str
    target: str | None
    draw: float


def _event(turn: _Turn, known: deque[str]) -> Event:
    """`known` holds the newest messages of the place."""
    where: dict[str, Any] = {"channel_id": channel_id(turn.place)}
    event_id, who = f"e{turn.number}", user_id(turn.person)
    if turn.kind == "reaction" and turn.target:
        fields = {"message_id": turn.target, "reaction": "+1", "removed": False}
        return _made(Reaction, event_id, turn.at, who, type="reaction", **fields, **where)
    if turn.kind == "read" and turn.target:
        return _made(Read, event_id, turn.at, who, type="read", message_id=turn.target, **where)
    message_id = f"m{turn.number}"
    known.append(message_id)
    fields = {"thread_id": turn.target if turn.draw < SHARE_OF_ANSWERS else None, "content": None, "is_bot": False}
    return _made(Message, event_id, turn.at, who, type="message", message_id=message_id, **fields, **where)


def _made(of: type[E], event_id: str, at: float, who: str, **fields: Any) -> E:
    """An event without the checks of one that a client sends: they would take most of the time."""
    return cast(
        "E", of.model_construct(event_id=event_id, event_time=datetime.fromtimestamp(at, UTC), user_id=who, **fields)
    )
