import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quikapp_ml.entities.activities import Activity
from quikapp_ml.entities.decisions import Receipt, Rejection
from quikapp_ml.entities.events import Event, event_from_row
from quikapp_ml.errors import Damaged, StorageFailed, Unavailable
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.serving.intake import EVENT_IDS, EventIntake
from quikapp_ml.serving.lake_writer import arrow_rows
from quikapp_ml.stores.lake.tables import DECISIONS, EVENTS
from quikapp_ml.stores.online.base import Changes, OnlineStore
from quikapp_ml.stores.online.memory import MemoryOnlineStore
from quikapp_ml.stores.spool.base import Spool
from quikapp_ml.stores.spool.file import FileSpool
from quikapp_ml.stores.spool.memory import MemorySpool

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def message(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "type": "message",
        "event_time": (NOW - timedelta(days=1) + timedelta(seconds=number)).isoformat(),
        "user_id": f"u{number % 5}",
        "channel_id": f"c{number % 3}",
        "message_id": f"m{number}",
        "content": "Good morning, <@u1>",
        **changes,
    }


class FlakyStore(MemoryOnlineStore):
    """Fails when it is told to."""

    fails_to_read = fails_to_write = False

    def get(self, namespace: str, keys: Sequence[str]) -> list[bytes | None]:
        if self.fails_to_read:
            raise StorageFailed("the online store cannot be read")
        return super().get(namespace, keys)

    def write(self, changes: Changes, checkpoint: int | None = None) -> None:
        if self.fails_to_write:
            raise StorageFailed("the online store cannot be written")
        super().write(changes, checkpoint)


class SlowSpool(MemorySpool):
    """Frames are durable when `disk` says so, and not at all when it is broken."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = asyncio.Event()
        self.is_broken = False

    async def durable(self, sequence: int) -> None:
        if sequence:
            await self.disk.wait()
            self.sync()

    def sync(self) -> int:
        if self.is_broken:
            raise StorageFailed("fsync failed")
        return super().sync()


def intake_of(spool: Spool, online: OnlineStore) -> EventIntake:
    intake = EventIntake(spool, online, Workspace(), OnlineFeatures())
    intake.recover()
    return intake


@pytest.fixture
def spool() -> MemorySpool:
    return MemorySpool()


@pytest.fixture
def online() -> FlakyStore:
    return FlakyStore()


@pytest.fixture
def intake(spool: MemorySpool, online: FlakyStore) -> EventIntake:
    return intake_of(spool, online)


def rows_in(spool: Spool) -> list[dict[str, Any]]:
    frames = [frame for frame in spool.read(0) if frame.table == EVENTS.name]
    rows: list[dict[str, Any]] = arrow_rows(frames, EVENTS.columns).to_pylist() if frames else []
    return rows


def documents_in(online: OnlineStore) -> dict[str, Any]:
    """All documents but the ids of events."""
    namespaces = (*Workspace.NAMESPACES, *OnlineFeatures().NAMESPACES)
    return {
        f"{namespace}/{key}": orjson.loads(document)
        for namespace in namespaces
        for key, document in online.items(namespace)
    }


# --- what becomes of events


def test_an_event_is_written_down_counts_and_is_acknowledged() -> None:
    spool, workspace, features = MemorySpool(), Workspace(), OnlineFeatures()
    intake = EventIntake(spool, MemoryOnlineStore(), workspace, features)
    intake.recover()
    receipt = asyncio.run(intake.accept([message(1), message(6)], NOW))
    assert receipt == Receipt(2, 0)
    assert [row["event_id"] for row in rows_in(spool)] == ["e1", "e6"]
    assert rows_in(spool)[0]["ingest_time"] == NOW
    assert workspace.people["u1"].last_seen_at == (NOW - timedelta(days=1) + timedelta(seconds=6)).timestamp()
    assert features.values("user_activity", ("u1",), NOW.timestamp())[0] == 2


def test_bad_events_are_named_and_the_others_taken(intake: EventIntake, spool: MemorySpool) -> None:
    given = [message(1, content=7), message(2), "text", message(3, type="dance"), message(4, event_time="2026-01-01")]
    receipt = intake.accept_now(given, NOW)
    assert (receipt.accepted, receipt.duplicates) == (1, 0)
    assert [(r.index, r.code, r.path) for r in receipt.rejected] == [
        (0, "string_type", "content"),
        (2, "not_an_object", ""),
        (3, "unknown_event_type", "type"),
        (4, "time_zone_missing", "event_time"),
    ]
    assert [row["event_id"] for row in rows_in(spool)] == ["e2"]


def test_a_rejection_names_all_its_fields_in_bounded_space(intake: EventIntake) -> None:
    (two,) = intake.accept_now([{**message(1, content=7), "mood": 1}], NOW).rejected
    assert two == Rejection(
        0, "string_type", "content: Input should be a valid string; mood: Extra inputs are not permitted", "content"
    )
    (many,) = intake.accept_now([{**message(1), **{f"field{n}": n for n in range(1000)}}], NOW).rejected
    assert len(many.message) <= 500


def test_a_list_of_nothing_good_writes_nothing(intake: EventIntake, spool: MemorySpool) -> None:
    assert intake.accept_now([None], NOW).accepted == 0
    assert spool.last_sequence == 0


def test_an_event_counts_once_however_often_it_comes(intake: EventIntake, spool: MemorySpool) -> None:
    assert intake.accept_now([message(1), message(2), message(1)], NOW) == Receipt(2, 1)
    assert intake.accept_now([message(2), message(3)], NOW) == Receipt(1, 1)
    intake.persist()
    assert intake.accept_now([message(1), message(2), message(3), message(4)], NOW) == Receipt(1, 3)
    assert intake.accept_now([message(1)], NOW) == Receipt(0, 1)
    assert [row["event_id"] for row in rows_in(spool)] == ["e1", "e2", "e3", "e4"]


def test_of_two_events_with_one_id_the_first_stays(intake: EventIntake, spool: MemorySpool) -> None:
    intake.accept_now([message(1, content="first"), message(1, content="second")], NOW)
    assert [row["content"] for row in rows_in(spool)] == ["first"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda parts: (
        st.lists(parts, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=5), parts, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [*message(1), "target_user_id", "thread_id", "removed", "name", "reason", "role", "topic", "x"]
)
KINDS = st.sampled_from(["message", "edit", "reaction", "join", "mute", "channel_created", "role_changed", "report"])
SPOILT = st.builds(lambda changes, kind: {**message(1), "type": kind, **changes}, st.dictionaries(FIELDS, JSON), KINDS)


@settings(max_examples=300, deadline=None)
@given(st.lists(JSON | SPOILT, max_size=5))
def test_whatever_comes_gets_a_receipt_and_its_rows_fit(events: list[object]) -> None:
    spool = MemorySpool()
    intake = intake_of(spool, MemoryOnlineStore())
    receipt = intake.accept_now(events, NOW)
    assert receipt.accepted + receipt.duplicates + len(receipt.rejected) == len(events)
    assert len(rows_in(spool)) == receipt.accepted
    orjson.dumps(receipt)


# --- acknowledging only what is kept


def test_a_retry_is_not_acknowledged_before_the_first_writing_is_durable(online: FlakyStore) -> None:
    async def scenario() -> tuple[Receipt, Receipt]:
        spool = SlowSpool()
        intake = intake_of(spool, online)
        first = asyncio.create_task(intake.accept([message(1)], NOW))
        await asyncio.sleep(0)
        retry = asyncio.create_task(intake.accept([message(1)], NOW))
        done, _ = await asyncio.wait([first, retry], timeout=0.05)
        assert not done
        spool.disk.set()
        return await first, await retry

    assert asyncio.run(scenario()) == (Receipt(1, 0), Receipt(0, 1))


def test_when_the_disk_fails_neither_the_first_nor_the_retry_is_acknowledged(online: FlakyStore) -> None:
    async def scenario() -> None:
        spool = SlowSpool()
        intake = intake_of(spool, online)
        first = asyncio.create_task(intake.accept([message(1)], NOW))
        await asyncio.sleep(0)
        retry = asyncio.create_task(intake.accept([message(1)], NOW))
        spool.is_broken = True
        spool.disk.set()
        for attempt in (first, retry):
            with pytest.raises(StorageFailed, match="fsync failed"):
                await attempt
        with pytest.raises(StorageFailed, match="fsync failed"):
            intake.persist()
        assert online.count(EVENT_IDS) == 0, "a retry after a restart would be taken for a duplicate"

    asyncio.run(scenario())


def test_a_full_spool_leaves_no_trace_of_the_refused(online: FlakyStore) -> None:
    spool = MemorySpool(max_pending_bytes=0)
    intake = intake_of(spool, online)
    intake.accept_now([message(1)], NOW)
    with pytest.raises(Unavailable):
        intake.accept_now([message(2)], NOW)
    spool.release(spool.last_sequence)
    assert intake.accept_now([message(2)], NOW) == Receipt(1, 0)


def test_an_online_store_that_is_away_refuses_events(
    intake: EventIntake, spool: MemorySpool, online: FlakyStore
) -> None:
    online.fails_to_read = True
    with pytest.raises(StorageFailed):
        intake.accept_now([message(1)], NOW)
    online.fails_to_read = False
    assert spool.last_sequence == 0
    assert intake.accept_now([message(1)], NOW) == Receipt(1, 0)


def test_nothing_is_taken_before_an_earlier_run_is_read_in(spool: MemorySpool, online: FlakyStore) -> None:
    intake = EventIntake(spool, online, Workspace(), OnlineFeatures())
    was_recovered = intake.is_recovered
    with pytest.raises(Unavailable, match="earlier run"):
        intake.accept_now([message(1)], NOW)
    assert intake.persist() == 0
    intake.recover()
    assert (was_recovered, intake.is_recovered) == (False, True)
    assert intake.accept_now([message(1)], NOW) == Receipt(1, 0)


# --- keeping documents


def test_documents_ids_and_checkpoint_are_kept_together(
    intake: EventIntake, spool: MemorySpool, online: FlakyStore
) -> None:
    intake.accept_now([message(1), message(2)], NOW)
    assert online.checkpoint == 0
    assert intake.persist() == online.checkpoint == spool.last_sequence
    assert online.count(EVENT_IDS) == 2
    assert online.count("people") == 2
    assert intake.persist() == spool.last_sequence, "nothing new is nothing to do"


def test_frames_of_other_tables_move_the_checkpoint_too(
    intake: EventIntake, spool: MemorySpool, online: FlakyStore
) -> None:
    spool.append(DECISIONS.name, [b"{}"])
    assert intake.persist() == online.checkpoint == 1


def test_what_could_not_be_written_is_written_the_next_time(intake: EventIntake, online: FlakyStore) -> None:
    intake.accept_now([message(1)], NOW)
    online.fails_to_write = True
    with pytest.raises(StorageFailed):
        intake.persist()
    assert intake.accept_now([message(1), message(2)], NOW) == Receipt(1, 1)
    online.fails_to_write = False
    intake.persist()
    assert online.count(EVENT_IDS) == 2
    assert {"people/u1", "people/u2"} <= documents_in(online).keys()
    assert intake.accept_now([message(1), message(2)], NOW) == Receipt(0, 2)


class StumblingWorkspace(Workspace):
    """Does not get over one event."""

    def apply(self, event: Event) -> list[Activity]:
        if event.event_id == "e1":
            raise ZeroDivisionError
        return super().apply(event)


def test_an_event_that_cannot_be_applied_stops_nobody(
    spool: MemorySpool, online: FlakyStore, caplog: pytest.LogCaptureFixture
) -> None:
    intake = EventIntake(spool, online, StumblingWorkspace(), OnlineFeatures())
    intake.recover()
    with caplog.at_level(logging.ERROR):
        assert intake.accept_now([message(1), message(2)], NOW) == Receipt(2, 0)
    assert "event e1 is kept, but answers do not know of it" in caplog.text
    assert len(rows_in(spool)) == 2
    EventIntake(spool, online, StumblingWorkspace(), OnlineFeatures()).recover()


def test_a_row_that_is_no_event_is_named(spool: MemorySpool, online: FlakyStore) -> None:
    spool.append(EVENTS.name, [b'{"type":"message"}'])
    with pytest.raises(Damaged, match="frame 1 of the spool"):
        intake_of(spool, online)


def test_an_online_store_that_was_lost_is_made_again_from_the_tables_and_the_spool(spool: MemorySpool) -> None:
    first = EventIntake(spool, MemoryOnlineStore(), Workspace(), OnlineFeatures())
    first.recover()
    for number in range(6):
        first.accept_now([message(number)], NOW)
    in_tables = [event_from_row(orjson.loads(frame.body)) for frame in spool.read(0) if frame.sequence <= 4]
    spool.release(4)
    online, workspace, features = MemoryOnlineStore(), Workspace(), OnlineFeatures()
    again = EventIntake(spool, online, workspace, features)

    again.rebuild(in_tables, through=4)

    counts = [features.values("user_activity", (f"u{n}",), NOW.timestamp())[0] for n in range(5)]
    assert counts == [2, 1, 1, 1, 1]
    assert again.accept_now([message(0), message(5), message(6)], NOW) == Receipt(1, 2)
    assert again.persist() == online.checkpoint == 7
    assert online.count(EVENT_IDS) == 7


def test_numbers_that_documents_know_of_do_not_come_back(online: FlakyStore) -> None:
    online.write({}, checkpoint=100)
    spool = MemorySpool()
    intake = intake_of(spool, online)
    intake.accept_now([message(1)], NOW)
    assert spool.last_sequence > 100


# --- whatever happens

EVENTS_OF_A_CHAT = st.builds(
    lambda number, kind: {**message(number, type=kind), **_FITTING[kind]},
    st.integers(0, 40),
    st.sampled_from(["message", "reaction", "join", "leave", "report"]),
)
_FITTING: Mapping[str, Mapping[str, Any]] = {
    "message": {},
    "reaction": {"reaction": "+1"},
    "join": {},
    "leave": {},
    "report": {},
}
_FOREIGN = {
    "message": (),
    "reaction": ("content",),
    "join": ("content", "message_id"),
    "leave": ("content", "message_id"),
    "report": ("content",),
}


def fitting(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in _FOREIGN[given["type"]]}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(EVENTS_OF_A_CHAT.map(fitting), min_size=1, max_size=4)
        | st.sampled_from(["persist", "fail to persist", "crash"]),
        max_size=20,
    )
)
def test_after_any_crashes_everything_counts_once(tmp_path_factory: pytest.TempPathFactory, steps: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("spool")
    online, straight = FlakyStore(), MemoryOnlineStore()
    spool = FileSpool(folder, segment_bytes=300)
    intake, uninterrupted = intake_of(spool, online), intake_of(MemorySpool(), straight)
    for step in steps:
        if step == "persist":
            spool.release(intake.persist())
        elif step == "fail to persist":
            online.fails_to_write = True
            with pytest.raises(StorageFailed):
                intake.persist()
                online.write({})
            online.fails_to_write = False
        elif step == "crash":
            spool.close()
            spool = FileSpool(folder, segment_bytes=300)
            intake = intake_of(spool, online)
        else:
            assert intake.accept_now(step, NOW) == uninterrupted.accept_now(step, NOW)
    intake.persist()
    uninterrupted.persist()
    assert documents_in(online) == documents_in(straight)
    assert online.count(EVENT_IDS) == straight.count(EVENT_IDS)
    spool.close()


def test_persisting_beside_the_intake_loses_nothing(tmp_path: Path) -> None:
    spool, online, straight = FileSpool(tmp_path), MemoryOnlineStore(), MemoryOnlineStore()
    intake, uninterrupted = intake_of(spool, online), intake_of(MemorySpool(), straight)
    is_over = threading.Event()

    def persist_again_and_again() -> None:
        while not is_over.is_set():
            spool.release(intake.persist())

    thread = threading.Thread(target=persist_again_and_again)
    thread.start()
    for start in range(0, 2000, 20):
        batch = [message(number) for number in range(start, start + 25)]
        intake.accept_now(batch, NOW)
        uninterrupted.accept_now(batch, NOW)
    is_over.set()
    thread.join()
    spool.close()
    again = FileSpool(tmp_path)
    intake_of(again, online).persist()
    again.close()
    uninterrupted.persist()
    assert documents_in(online) == documents_in(straight)
    assert online.count(EVENT_IDS) == 2005
