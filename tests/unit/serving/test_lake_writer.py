import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quikapp_ml.errors import Damaged, NotFound, StorageFailed
from quikapp_ml.serving import lake_writer
from quikapp_ml.serving.lake_writer import LakeWriter, arrow_rows
from quikapp_ml.stores.lake.base import Lake, Table, Transaction
from quikapp_ml.stores.lake.deltars import DeltaLake
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.stores.spool.base import Frame, Spool
from quikapp_ml.stores.spool.file import FileSpool
from quikapp_ml.stores.spool.memory import MemorySpool

LEFT = Table("q.t.lefts", pa.schema([("n", pa.int64())]), ("n",), "for tests")
RIGHT = Table("q.t.rights", pa.schema([("n", pa.int64())]), ("n",), "for tests")
EVERYTHING = 10**9
"""A checkpoint of online documents that holds nothing back."""


class FlakyLake(MemoryLake):
    """Fails when it is told to: before it commits, or after."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = self.fails_before = self.fails_after = False
        self.compacted: list[str] = []

    def ensure(self, table: Table) -> None:
        if self.is_away:
            raise StorageFailed("the lake is away")
        super().ensure(table)

    def append(self, name: str, rows: pa.Table, transaction: Transaction | None = None) -> int:
        if self.fails_before:
            raise StorageFailed("the lake is away")
        version = super().append(name, rows, transaction)
        if self.fails_after:
            raise StorageFailed("the lake went away")
        return version

    def compact(self, name: str) -> None:
        self.compacted.append(name)
        raise StorageFailed("compaction does not work either")


@pytest.fixture
def lake() -> FlakyLake:
    return FlakyLake()


def writer_of(spool: Spool, lake: Lake, persist: Callable[[], int] = lambda: EVERYTHING) -> LakeWriter:
    return LakeWriter(spool, lake, (LEFT, RIGHT), persist, flush_seconds=0.01)


def put(spool: Spool, table: Table, *numbers: int) -> int:
    sequence = spool.append(table.name, [b'{"n":%d}' % number for number in numbers])
    spool.sync()
    return sequence


def numbers_in(lake: Lake, table: Table) -> list[int]:
    return sorted(lake.read(table.name).column("n").to_pylist())


def test_rows_go_to_their_tables_and_leave_the_spool(lake: FlakyLake) -> None:
    spool = MemorySpool()
    writer = writer_of(spool, lake)
    put(spool, LEFT, 1, 2)
    put(spool, RIGHT, 3)
    put(spool, LEFT, 4)
    assert writer.lag_frames == 3
    assert writer.flush() == 4
    assert (numbers_in(lake, LEFT), numbers_in(lake, RIGHT)) == ([1, 2, 4], [3])
    assert (spool.pending_bytes, writer.lag_frames, writer.last_error) == (0, 0, None)
    assert writer.flush() == 0


def test_tables_are_made_before_the_first_row_comes(lake: FlakyLake) -> None:
    writer_of(MemorySpool(), lake).flush()
    assert lake.names() == [LEFT.name, RIGHT.name]


def test_what_is_not_durable_is_not_moved(tmp_path: Path, lake: FlakyLake) -> None:
    spool = FileSpool(tmp_path)
    spool.append(LEFT.name, [b'{"n":1}'])
    writer = writer_of(spool, lake)
    assert writer.flush() == 0
    spool.sync()
    assert writer.flush() == 1
    spool.close()


def test_the_spool_keeps_what_the_online_documents_lack(lake: FlakyLake) -> None:
    spool = MemorySpool()
    first, second = put(spool, LEFT, 1), put(spool, LEFT, 2)
    checkpoint = first
    writer = writer_of(spool, lake, lambda: checkpoint)
    writer.flush()
    assert [frame.sequence for frame in spool.read(0)] == [second]
    checkpoint = second
    writer.flush()
    assert list(spool.read(0)) == []
    assert numbers_in(lake, LEFT) == [1, 2]


def test_the_tables_do_not_wait_for_the_online_store(lake: FlakyLake) -> None:
    spool = MemorySpool()
    put(spool, LEFT, 1)

    def fail() -> int:
        raise StorageFailed("the online store is away")

    writer = writer_of(spool, lake, fail)
    with pytest.raises(StorageFailed, match="online store is away"):
        writer.flush()
    assert numbers_in(lake, LEFT) == [1]
    assert spool.pending_bytes > 0, "the documents still need it"
    assert writer.last_error == "StorageFailed: the online store is away"


@pytest.mark.parametrize("moment", ["fails_before", "fails_after"])
def test_a_failed_commit_is_repeated_and_no_row_comes_twice(lake: FlakyLake, moment: str) -> None:
    spool = MemorySpool()
    writer = writer_of(spool, lake)
    put(spool, LEFT, 1)
    setattr(lake, moment, True)
    with pytest.raises(StorageFailed):
        writer.flush()
    assert writer.last_error is not None
    setattr(lake, moment, False)
    put(spool, LEFT, 2)
    writer.flush()
    assert numbers_in(lake, LEFT) == [1, 2]
    assert writer.last_error is None


def test_after_a_crash_before_the_release_no_row_comes_twice(tmp_path: Path, lake: FlakyLake) -> None:
    spool = FileSpool(tmp_path)
    put(spool, LEFT, 1)
    put(spool, RIGHT, 2)
    writer_of(spool, lake, lambda: 0).flush()
    spool.close()
    spool = FileSpool(tmp_path)
    put(spool, LEFT, 3)
    assert writer_of(spool, lake).flush() == 1
    assert (numbers_in(lake, LEFT), numbers_in(lake, RIGHT)) == ([1, 3], [2])
    spool.close()


def test_numbers_that_the_tables_have_seen_do_not_come_back(tmp_path: Path, lake: FlakyLake) -> None:
    spool = FileSpool(tmp_path)
    put(spool, LEFT, 1)
    put(spool, LEFT, 2)
    writer_of(spool, lake).flush()
    spool.close()
    for segment in tmp_path.glob("*.spool"):
        segment.unlink()
    spool = FileSpool(tmp_path)
    writer = writer_of(spool, lake)
    writer.start()
    put(spool, LEFT, 3)
    writer.close()
    assert numbers_in(lake, LEFT) == [1, 2, 3]
    spool.close()


def test_a_large_backlog_goes_in_several_commits(lake: FlakyLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake_writer, "COMMIT_BYTES", 30)
    spool = MemorySpool()
    for number in range(10):
        put(spool, LEFT, number)
    assert writer_of(spool, lake).flush() == 10
    assert numbers_in(lake, LEFT) == list(range(10))
    assert len(lake.history(LEFT.name)) == 1 + 3


class ShortBreathedLake(MemoryLake):
    """Takes a number of commits, then no more."""

    def __init__(self, breath: int) -> None:
        super().__init__()
        self.breath = breath

    def append(self, name: str, rows: pa.Table, transaction: Transaction | None = None) -> int:
        self.breath -= 1
        if self.breath < 0:
            raise StorageFailed("out of breath")
        return super().append(name, rows, transaction)


def test_of_a_backlog_only_what_was_committed_leaves_the_spool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake_writer, "COMMIT_BYTES", 1)
    spool, lake = MemorySpool(), ShortBreathedLake(2)
    for number in range(5):
        put(spool, LEFT, number)
    writer = writer_of(spool, lake)
    with pytest.raises(StorageFailed, match="out of breath"):
        writer.flush()
    assert [frame.sequence for frame in spool.read(0)] == [3, 4, 5]
    lake.breath = 10
    assert writer_of(spool, lake).flush() == 3
    assert numbers_in(lake, LEFT) == list(range(5))


def test_small_files_are_compacted_and_nobody_minds_when_they_cannot_be(
    lake: FlakyLake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lake_writer, "COMMITS_BETWEEN_COMPACTIONS", 3)
    spool = MemorySpool()
    writer = writer_of(spool, lake)
    with caplog.at_level(logging.WARNING):
        for number in range(7):
            put(spool, LEFT, number)
            writer.flush()
    assert lake.compacted == [LEFT.name] * 2
    assert numbers_in(lake, LEFT) == list(range(7))
    assert "could not be compacted" in caplog.text


def test_rows_of_an_undeclared_table_are_kept_and_named(lake: FlakyLake) -> None:
    spool = MemorySpool()
    spool.append("q.t.strange", [b"{}"])
    with pytest.raises(Damaged, match=r"rows of q\.t\.strange, which is none of q\.t\.lefts"):
        writer_of(spool, lake).flush()
    assert spool.pending_bytes > 0


@pytest.mark.parametrize("row", [b'{"n":"text"}', b'{"m":1}', b'{"n":1', b'{"n":1.5}', b"[]"])
def test_rows_that_do_not_fit_are_kept_and_named(lake: FlakyLake, row: bytes) -> None:
    spool = MemorySpool()
    spool.append(LEFT.name, [row])
    with pytest.raises(Damaged, match=r"frames 1 to 1 do not fit q\.t\.lefts"):
        writer_of(spool, lake).flush()
    assert spool.pending_bytes > 0


# --- the thread


def test_the_thread_moves_rows_and_the_end_moves_the_rest(lake: FlakyLake) -> None:
    moved = threading.Event()
    spool = MemorySpool()

    def persist() -> int:
        if spool.pending_bytes == 0 and lake.exists(LEFT.name) and numbers_in(lake, LEFT) == [1]:
            moved.set()
        return EVERYTHING

    writer = writer_of(spool, lake, persist)
    writer.start()
    put(spool, LEFT, 1)
    assert moved.wait(10)
    put(spool, LEFT, 2)
    writer.close()
    assert numbers_in(lake, LEFT) == [1, 2]


class Panic(BaseException):
    """What delta-rs raises when a defect in it stops it."""


class PanickingLake(FlakyLake):
    """Panics once."""

    has_panicked = False

    def append(self, name: str, rows: pa.Table, transaction: Transaction | None = None) -> int:
        if not self.has_panicked:
            self.has_panicked = True
            raise Panic
        return super().append(name, rows, transaction)


def test_the_thread_survives_a_panic() -> None:
    lake, spool, attempts = PanickingLake(), MemorySpool(), threading.Semaphore(0)

    def persist() -> int:
        attempts.release()
        return EVERYTHING

    writer = writer_of(spool, lake, persist)
    put(spool, LEFT, 1)
    writer.start()
    for _ in range(3):
        assert attempts.acquire(timeout=10)
    assert lake.has_panicked
    assert numbers_in(lake, LEFT) == [1]
    writer.close()


def test_the_thread_goes_on_after_an_outage(lake: FlakyLake) -> None:
    attempts = threading.Semaphore(0)
    spool = MemorySpool()

    def persist() -> int:
        attempts.release()
        return EVERYTHING

    lake.fails_before = True
    writer = writer_of(spool, lake, persist)
    put(spool, LEFT, 1)
    writer.start()
    for _ in range(4):
        assert attempts.acquire(timeout=10)
    assert writer.last_error == "StorageFailed: the lake is away"
    lake.fails_before = False
    for _ in range(2):
        assert attempts.acquire(timeout=10)
    assert numbers_in(lake, LEFT) == [1]
    writer.close()
    assert writer.last_error is None


def test_a_lake_that_is_away_at_the_start_is_waited_for(lake: FlakyLake, caplog: pytest.LogCaptureFixture) -> None:
    spool = MemorySpool()
    lake.is_away = True
    writer = writer_of(spool, lake)
    with caplog.at_level(logging.WARNING):
        writer.start()
    assert "the tables do not answer yet: the lake is away" in caplog.text
    put(spool, LEFT, 1)
    lake.is_away = False
    writer.close()
    assert numbers_in(lake, LEFT) == [1]


def test_a_lake_that_is_away_at_the_end_costs_nothing(
    tmp_path: Path, lake: FlakyLake, caplog: pytest.LogCaptureFixture
) -> None:
    spool = FileSpool(tmp_path)
    lake.fails_before = True
    writer = writer_of(spool, lake)
    put(spool, LEFT, 1)
    with caplog.at_level(logging.ERROR):
        writer.close()
    spool.close()
    assert "the spool keeps" in caplog.text
    lake.fails_before = False
    again = FileSpool(tmp_path)
    assert writer_of(again, lake).flush() == 1
    again.close()


# --- whatever happens


STEPS = st.lists(st.sampled_from(["left", "right", "flush", "before", "after", "no documents", "crash"]), max_size=25)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_every_row_is_in_its_table_once_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    lake = FlakyLake()
    online = {"checkpoint": 0}

    def open_both() -> tuple[FileSpool, LakeWriter]:
        spool = FileSpool(folder, segment_bytes=100)
        return spool, writer_of(spool, lake, lambda: online["checkpoint"])

    spool, writer = open_both()
    put_in: dict[str, list[int]] = {"left": [], "right": []}
    for number, step in enumerate([*steps, "flush"]):
        if step in put_in:
            put(spool, LEFT if step == "left" else RIGHT, number)
            put_in[step].append(number)
        elif step == "crash":
            spool.close()
            spool, writer = open_both()
        else:
            if step != "no documents":
                online["checkpoint"] = spool.last_sequence
            lake.fails_before, lake.fails_after = step == "before", step == "after"
            try:
                writer.flush()
            except StorageFailed:
                assert step in ("before", "after")
    spool.close()
    assert numbers_in(lake, LEFT) == put_in["left"]
    assert numbers_in(lake, RIGHT) == put_in["right"]


# --- JSON to Arrow

COLUMNS = pa.schema(
    [
        ("text", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("x", pa.float64()),
        ("n", pa.int64()),
        ("b", pa.bool_()),
    ]
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "text": st.text(st.characters(codec="utf-8")) | st.none(),
            "at": st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)) | st.none(),
            "x": st.floats(allow_nan=False, allow_infinity=False) | st.none(),
            "n": st.integers(-(2**63), 2**63 - 1) | st.none(),
            "b": st.booleans() | st.none(),
        },
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=300, deadline=None)
@given(ROWS)
def test_json_rows_become_the_very_same_values(rows: list[dict[str, Any]]) -> None:
    lines = [orjson.dumps(row, option=orjson.OPT_UTC_Z) for row in rows]
    frame = Frame(1, "t", len(rows), b"\n".join(lines) + b"\n")
    found = arrow_rows([frame], COLUMNS)
    assert found.schema == COLUMNS
    assert found.to_pylist() == [{name: row.get(name) for name in COLUMNS.names} for row in rows]


def test_a_very_long_row_fits() -> None:
    line = orjson.dumps({"text": "x" * 8_000_000})
    assert arrow_rows([Frame(1, "t", 1, line + b"\n")], COLUMNS).num_rows == 1


def test_tables_that_vanish_are_waited_for_and_not_begun_anew(tmp_path: Path) -> None:
    """A volume that is unmounted for a while: rows must not go to new tables that nobody finds when it is back."""
    root, away = tmp_path / "lake", tmp_path / "away"
    spool, lake = MemorySpool(), DeltaLake(str(root), "q")
    writer = writer_of(spool, lake)
    put(spool, LEFT, 1)
    writer.flush()
    root.rename(away)
    put(spool, LEFT, 2)
    for _ in range(2):
        with pytest.raises(NotFound):
            writer.flush()
    assert "does not exist" in str(writer.last_error)
    assert spool.pending_bytes > 0
    assert lake.names() == []
    away.rename(root)
    assert writer.flush() == 1
    assert numbers_in(lake, LEFT) == [1, 2]
    assert spool.pending_bytes == 0


def test_other_tables_in_the_place_of_those_that_had_the_rows_are_not_written(tmp_path: Path) -> None:
    root = tmp_path / "lake"
    spool, lake = MemorySpool(), DeltaLake(str(root), "q")
    writer = writer_of(spool, lake)
    put(spool, LEFT, 1)
    writer.flush()
    root.rename(tmp_path / "away")
    put(spool, LEFT, 2)
    with pytest.raises(NotFound):
        writer.flush()
    for table in (LEFT, RIGHT):
        lake.ensure(table)
    with pytest.raises(StorageFailed, match=r"q\.t\.lefts .* put the tables back, or restart"):
        writer.flush()
    assert numbers_in(lake, LEFT) == []
    assert spool.pending_bytes > 0


@pytest.mark.parametrize("n_waiting", [0, 1])
def test_new_tables_in_an_old_home_are_told(n_waiting: int, lake: FlakyLake, caplog: pytest.LogCaptureFixture) -> None:
    """As when a volume is not mounted at the start."""
    spool = MemorySpool()
    put(spool, LEFT, 1)
    writer_of(spool, lake).flush()
    for number in range(n_waiting):
        put(spool, LEFT, number)
    assert not caplog.records
    writer_of(spool, MemoryLake()).flush()
    assert "none of 1 frames that this home moved to tables before" in caplog.text


def test_new_tables_in_a_new_home_are_nothing_to_tell(lake: FlakyLake, caplog: pytest.LogCaptureFixture) -> None:
    spool = MemorySpool()
    writer_of(spool, lake).flush()
    put(spool, LEFT, 1)
    writer_of(spool, MemoryLake()).flush()
    assert not caplog.records
