"""A process that takes events, to be killed at any moment: `python crashing.py`, told by lines of JSON what to do.

It forks for every life, so that a life begins in milliseconds: everything is imported, and nothing is started yet.
What is acknowledged to the client is written to a file at once; bytes that are written survive the kill.
"""

import asyncio
import json
import os
import random
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from quikapp_ml.entities.decisions import Decision, ModelRef
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.serving import lake_writer
from quikapp_ml.serving.decisions import DecisionLedger
from quikapp_ml.serving.intake import EventIntake
from quikapp_ml.serving.lake_writer import LakeWriter
from quikapp_ml.stores.home import Home
from quikapp_ml.stores.lake.deltars import DeltaLake
from quikapp_ml.stores.lake.tables import DECISIONS, EVENTS, FEEDBACK
from quikapp_ml.stores.online.sqlite import SQLiteOnlineStore
from quikapp_ml.stores.spool.file import FileSpool

START = datetime(2026, 1, 1, tzinfo=UTC)
CLIENTS = 3
MOST_IN_A_LIST = 40


@dataclass(frozen=True)
class Life:
    """What one process is to do: send again what was not acknowledged, then new events until it is killed."""

    home: str
    seed: int
    first_new: int
    unacknowledged: list[int]
    ends_by_itself: bool = False
    """Send only what is unacknowledged, then end as a service ends."""


def event(number: int) -> dict[str, Any]:
    """The event of this number: messages, answers and reactions in twenty channels."""
    channel = number % 20
    common = {
        "event_id": f"event-{number}",
        "event_time": (START + timedelta(seconds=number)).isoformat(),
        "user_id": f"user-{number % 37}",
        "channel_id": f"channel-{channel}",
    }
    if number % 10 == 7:
        return {**common, "type": "reaction", "message_id": f"message-{max(0, number - 20)}", "reaction": "+1"}
    thread = {"thread_id": f"message-{channel}"} if number % 4 == 0 and number >= 20 else {}
    return {**common, "type": "message", "message_id": f"message-{number}", "content": f"Text {number} ü", **thread}


class Client:
    """Sends lists of events, three at a time, and notes what was acknowledged."""

    def __init__(self, life: Life, intake: EventIntake, ledger: DecisionLedger) -> None:
        self.life = life
        self.intake = intake
        self.ledger = ledger
        self.random = random.Random(life.seed)
        self.waiting = list(life.unacknowledged)
        self.next_new = life.first_new
        self.acknowledged: list[int] = []
        self.notes = os.open(Path(life.home) / "acknowledged", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def send_until_killed(self) -> None:
        """What `CLIENTS` of them do at once."""
        while batch := self.next_batch():
            again = self.random.sample(self.acknowledged, min(3, len(self.acknowledged)))
            receipt = await self.intake.accept([event(number) for number in [*batch, *again]], datetime.now(UTC))
            assert not receipt.rejected, receipt.rejected
            self.note(*(f"event-{number}" for number in batch))
            self.acknowledged = [*self.acknowledged, *batch][-200:]
            self.decide()
            await asyncio.sleep(self.random.random() * 0.01)

    def next_batch(self) -> list[int]:
        size = self.random.randint(1, MOST_IN_A_LIST)
        batch, self.waiting = self.waiting[:size], self.waiting[size:]
        if not batch and not self.life.ends_by_itself:
            batch = list(range(self.next_new, self.next_new + size))
            self.next_new += size
        return batch

    def decide(self) -> None:
        decision_id = self.ledger.new_decision_id()
        self.ledger.record(Decision(decision_id, "rank", "user-1", ModelRef("content-ranker", "1.0.0"), {}, {}, 1.0))
        self.note(decision_id)

    def note(self, *ids: str) -> None:
        os.write(self.notes, "".join(f"{one}\n" for one in ids).encode())


def live(life: Life) -> None:
    """One life of the service."""
    lake_writer.COMMITS_BETWEEN_COMPACTIONS = 5
    home = Home(Path(life.home))
    home.lock()
    spool = FileSpool(home.path / "spool", segment_bytes=20_000)
    online = SQLiteOnlineStore(home.path / "online.db")
    intake = EventIntake(spool, online, Workspace(), OnlineFeatures())
    intake.recover()
    tables = (EVENTS, DECISIONS, FEEDBACK)
    writer = LakeWriter(spool, DeltaLake(str(home.path / "lakehouse")), tables, intake.persist, flush_seconds=0.03)
    writer.start()
    client = Client(life, intake, DecisionLedger(spool, home.secret()))

    async def send() -> None:
        await asyncio.gather(*(client.send_until_killed() for _ in range(CLIENTS)))

    asyncio.run(send())
    writer.close()
    online.close()
    spool.close()


def told(life: Life) -> str:
    """The line that tells a process to live this life."""
    return json.dumps(asdict(life)) + "\n"


def main() -> None:
    """Fork a life for every line; say its number, and its exit status when it is over."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                live(Life(**json.loads(line)))
            except BaseException:  # noqa: BLE001 a forked life must never go on as its parent would
                sys.excepthook(*sys.exc_info())
                os._exit(1)
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
