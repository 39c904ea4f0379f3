"""`kill -9` at any moment: everything acknowledged is in the tables once, and counts once."""

import inspect
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.serving.intake import EVENT_IDS, EventIntake
from quikapp_ml.stores.lake.deltars import DeltaLake
from quikapp_ml.stores.lake.tables import DECISIONS, EVENTS
from quikapp_ml.stores.online.base import OnlineStore
from quikapp_ml.stores.online.memory import MemoryOnlineStore
from quikapp_ml.stores.online.sqlite import SQLiteOnlineStore
from quikapp_ml.stores.spool.memory import MemorySpool
from support import crashing
from support.crashing import CLIENTS, MOST_IN_A_LIST, Life, event, told

KILLS = 50
LONGEST_LIFE_SECONDS = 0.7
EVENTS_A_LIFE = 100_000
"""More than a life can send: each has numbers of its own."""
MOST_IN_FLIGHT = CLIENTS * MOST_IN_A_LIST


class Victim:
    """Starts lives and ends them."""

    def __init__(self) -> None:
        sources = [Path(inspect.getfile(EventIntake)).parents[2], Path(inspect.getfile(crashing)).parents[1]]
        self.process = subprocess.Popen(
            [sys.executable, inspect.getfile(crashing)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sources))},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def live(self, life: Life, seconds: float | None) -> int:
        """Begin a life, kill it after so many seconds unless they are None, and return its exit status."""
        assert self.process.stdin is not None
        self.process.stdin.write(told(life))
        self.process.stdin.flush()
        pid = self._number()
        if seconds is not None:
            time.sleep(seconds)
            os.kill(pid, signal.SIGKILL)
        return self._number()

    def _number(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())


@pytest.fixture
def victim() -> Iterator[Victim]:
    victim = Victim()
    yield victim
    victim.process.kill()
    victim.process.communicate()


def acknowledged_in(home: Path) -> list[str]:
    """Ids that were acknowledged, of events and decisions; a note that the kill cut short does not count."""
    path = home / "acknowledged"
    return path.read_text().split("\n")[:-1] if path.exists() else []


def event_numbers(ids: list[str]) -> set[int]:
    return {int(one.removeprefix("event-")) for one in ids if one.startswith("event-")}


def documents(online: OnlineStore) -> dict[str, Any]:
    return {
        f"{namespace}/{key}": orjson.loads(document)
        for namespace in (*Workspace.NAMESPACES, *OnlineFeatures().NAMESPACES)
        for key, document in online.items(namespace)
    }


def agree(one: Any, other: Any) -> bool:
    """Whether two documents say the same; sums of floats depend on the order of their parts in the last digits."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(agree, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(agree(one[name], other[name]) for name in one)
    return bool(one == other)


def replayed(numbers: list[int]) -> MemoryOnlineStore:
    """The online documents of a service that took these events in this order and never crashed."""
    online = MemoryOnlineStore()
    intake = EventIntake(MemorySpool(), online, Workspace(), OnlineFeatures())
    intake.recover()
    for start in range(0, len(numbers), 1000):
        intake.accept_now([event(number) for number in numbers[start : start + 1000]], datetime.now(UTC))
    intake.persist()
    return online


def test_fifty_kills_lose_nothing_and_double_nothing(tmp_path: Path, victim: Victim) -> None:
    chance = random.Random(0)
    sent: set[int] = set()
    n_killed_at_work = 0
    for number in range(KILLS):
        before = event_numbers(acknowledged_in(tmp_path))
        life = Life(str(tmp_path), number, number * EVENTS_A_LIFE, sorted(sent - before))
        assert victim.live(life, chance.random() * LONGEST_LIFE_SECONDS) == -signal.SIGKILL
        now = event_numbers(acknowledged_in(tmp_path))
        newest = max((one for one in now if one >= life.first_new), default=life.first_new - 1)
        sent |= set(range(life.first_new, newest + 1 + MOST_IN_FLIGHT))
        n_killed_at_work += now > before
    last = Life(str(tmp_path), KILLS, 0, sorted(sent - event_numbers(acknowledged_in(tmp_path))), ends_by_itself=True)
    assert victim.live(last, None) == 0
    assert n_killed_at_work > KILLS / 2

    ids = acknowledged_in(tmp_path)
    assert event_numbers(ids) == sent
    lake = DeltaLake(str(tmp_path / "lakehouse"))
    events = Counter(lake.read(EVENTS.name, ["event_id"]).column("event_id").to_pylist())
    assert events == Counter(f"event-{number}" for number in sent)
    decisions = Counter(lake.read(DECISIONS.name, ["decision_id"]).column("decision_id").to_pylist())
    assert {one for one in ids if not one.startswith("event-")} <= set(decisions)
    assert set(decisions.values()) == {1}

    online = SQLiteOnlineStore(tmp_path / "online.db")
    found, expected = documents(online), documents(replayed(sorted(sent)))
    assert found.keys() == expected.keys()
    assert [key for key in found if not agree(found[key], expected[key])] == []
    assert online.count(EVENT_IDS) == len(sent)
    online.close()
