"""Taking events on a disk that fills up: `python full_disk.py HOME BYTES` does it with files of bounded size."""

import resource
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from quikapp_ml.errors import QuikAppMLError, StorageFailed
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.serving.intake import EVENT_IDS, EventIntake
from quikapp_ml.serving.lake_writer import LakeWriter
from quikapp_ml.stores.lake.deltars import DeltaLake
from quikapp_ml.stores.lake.tables import EVENTS
from quikapp_ml.stores.online.sqlite import SQLiteOnlineStore
from quikapp_ml.stores.spool.file import FileSpool
from support.crashing import event

A_LIST = 50


def outlive(home: Path, make_room: Callable[[], None]) -> None:
    """Send events until they are refused again and again, make room, and look whether everything is there, once."""
    spool = FileSpool(home / "spool")
    online = SQLiteOnlineStore(home / "online.db")
    lake = DeltaLake(str(home / "lakehouse"))
    intake = EventIntake(spool, online, Workspace(), OnlineFeatures())
    intake.recover()
    writer = LakeWriter(spool, lake, (EVENTS,), intake.persist)
    n_accepted = n_refusals = n_failed_flushes = 0
    while n_refusals < 5:
        assert n_accepted < 200_000, "the disk never filled up"
        try:
            n_accepted += send(intake, n_accepted)
        except StorageFailed:
            n_refusals += 1
        if n_accepted % (7 * A_LIST) == 0 or n_refusals:
            n_failed_flushes += not flushes(writer)
    make_room()
    n_accepted += send(intake, n_accepted)
    assert flushes(writer), writer.last_error
    found = Counter(lake.read(EVENTS.name, ["event_id"]).column("event_id").to_pylist())
    assert found == Counter(f"event-{number}" for number in range(n_accepted))
    assert online.count(EVENT_IDS) == n_accepted
    assert online.checkpoint == spool.last_sequence
    assert spool.pending_bytes == 0
    sys.stdout.write(f"{n_accepted} accepted, {n_refusals} refusals, {n_failed_flushes} failed flushes\n")
    online.close()
    spool.close()


def send(intake: EventIntake, first: int) -> int:
    """Send one list and return how many were accepted: all of them, or an error was raised."""
    receipt = intake.accept_now([event(number) for number in range(first, first + A_LIST)], datetime.now(UTC))
    assert receipt.accepted == A_LIST, receipt
    return receipt.accepted


def flushes(writer: LakeWriter) -> bool:
    """Whether everything could be moved."""
    try:
        writer.flush()
    except QuikAppMLError:
        return False
    return True


def main() -> None:
    """Let no file grow beyond the limit, until room is to be made."""
    home, n_bytes = Path(sys.argv[1]), int(sys.argv[2])
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, most))
    outlive(home, make_room=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))


if __name__ == "__main__":
    main()
