"""Damage in the spool costs the damaged frames only, is kept aside and reported, and doubles nothing."""

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.serving.intake import EventIntake
from quikapp_ml.serving.lake_writer import LakeWriter
from quikapp_ml.stores.lake.deltars import DeltaLake
from quikapp_ml.stores.lake.tables import EVENTS
from quikapp_ml.stores.online.sqlite import SQLiteOnlineStore
from quikapp_ml.stores.spool.base import Damage
from quikapp_ml.stores.spool.file import FileSpool
from support.crashing import event

A_LIST = 10


def run(home: Path, first: int, n_lists: int, *, flush_after: int | None = None) -> tuple[Damage, ...]:
    """One life of the service: lists of events, and at most one flush, after so many of them."""
    with ExitStack() as closing:
        spool = FileSpool(home / "spool")
        closing.callback(spool.close)
        online = SQLiteOnlineStore(home / "online.db")
        closing.callback(online.close)
        intake = EventIntake(spool, online, Workspace(), OnlineFeatures())
        intake.recover()
        writer = LakeWriter(spool, DeltaLake(str(home / "lakehouse")), (EVENTS,), intake.persist)
        for index in range(n_lists):
            if flush_after == index:
                writer.flush()
            start = first + index * A_LIST
            intake.accept_now([event(number) for number in range(start, start + A_LIST)], datetime.now(UTC))
        if flush_after == n_lists:
            writer.flush()
        return spool.damages


def events_in_table(home: Path) -> Counter[str]:
    return Counter(DeltaLake(str(home / "lakehouse")).read(EVENTS.name, ["event_id"]).column("event_id").to_pylist())


def tear_the_end_off(raw: bytes) -> bytes:
    return raw[:-5]


def add_rubbish(raw: bytes) -> bytes:
    return raw + b"\x00" * 4096


def flip_a_bit_of_the_last_frame(raw: bytes) -> bytes:
    return raw[:-20] + bytes([raw[-20] ^ 4]) + raw[-19:]


@pytest.mark.parametrize(
    ("spoil", "n_lost"), [(tear_the_end_off, A_LIST), (add_rubbish, 0), (flip_a_bit_of_the_last_frame, A_LIST)]
)
def test_a_spoilt_end(tmp_path: Path, spoil: Callable[[bytes], bytes], n_lost: int) -> None:
    run(tmp_path, first=0, n_lists=5, flush_after=3)
    newest = max((tmp_path / "spool").glob("*.spool"))
    newest.write_bytes(spoil(newest.read_bytes()))
    (damage,) = run(tmp_path, first=1000, n_lists=2, flush_after=2)
    assert damage.segment == newest.name
    assert Path(damage.kept_in).stat().st_size == damage.n_bytes > 0
    kept = [*range(50 - n_lost), *range(1000, 1020)]
    assert events_in_table(tmp_path) == Counter(f"event-{number}" for number in kept)


def test_an_end_that_the_tables_had_seen_is_lost(tmp_path: Path) -> None:
    """Its numbers do not come back, else the tables would take new events for old ones."""
    run(tmp_path, first=0, n_lists=5, flush_after=5)
    newest = max((tmp_path / "spool").glob("*.spool"))
    newest.write_bytes(newest.read_bytes()[:100])
    run(tmp_path, first=1000, n_lists=3)
    run(tmp_path, first=2000, n_lists=1, flush_after=1)
    kept = [*range(50), *range(1000, 1030), *range(2000, 2010)]
    assert events_in_table(tmp_path) == Counter(f"event-{number}" for number in kept)
