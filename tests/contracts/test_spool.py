"""What every spool promises."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quikapp_ml.errors import Overloaded, StorageFailed
from quikapp_ml.stores.spool.base import Spool
from quikapp_ml.stores.spool.file import FileSpool
from quikapp_ml.stores.spool.memory import MemorySpool

OpenSpool = Callable[[int], Spool]
"""Opens an empty spool with so many bytes allowed to wait."""


@pytest.fixture(params=["file", "memory"])
def open_spool(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenSpool]:
    opened: list[Spool] = []

    def open_one(max_pending_bytes: int) -> Spool:
        if request.param == "memory":
            opened.append(MemorySpool(max_pending_bytes))
        else:
            opened.append(FileSpool(tmp_path / f"spool-{len(opened)}", max_pending_bytes))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def spool(open_spool: OpenSpool) -> Spool:
    return open_spool(1024**2)


def test_frames_come_back_as_they_went_in_and_in_order(spool: Spool) -> None:
    first = spool.append("t.a", [b'{"n":1}', b'{"n":2}'])
    second = spool.append("t.b", [b'{"n":3}'])
    spool.sync()
    frames = list(spool.read(0))
    assert [(f.sequence, f.table, f.n_rows, f.body) for f in frames] == [
        (first, "t.a", 2, b'{"n":1}\n{"n":2}\n'),
        (second, "t.b", 1, b'{"n":3}\n'),
    ]
    assert first < second == spool.last_sequence
    assert [f.sequence for f in spool.read(first)] == [second]
    assert list(spool.read(second)) == []


def test_a_new_spool_is_empty(spool: Spool) -> None:
    assert list(spool.read(0)) == []
    assert (spool.last_sequence, spool.pending_bytes, spool.damages, spool.failure) == (0, 0, (), None)


def test_durable_frames_can_be_read(spool: Spool) -> None:
    async def write() -> int:
        number = spool.append("t", [b"{}"])
        await spool.durable(number)
        return number

    number = asyncio.run(write())
    assert [f.sequence for f in spool.read(0)] == [number]


def test_many_can_wait_at_once(spool: Spool) -> None:
    async def write(index: int) -> int:
        number = spool.append("t", [b'{"n":%d}' % index])
        await spool.durable(number)
        return number

    async def write_all() -> list[int]:
        return await asyncio.gather(*(write(index) for index in range(200)))

    assert asyncio.run(write_all()) == [f.sequence for f in spool.read(0)]


def test_released_frames_are_gone_and_the_others_stay(spool: Spool) -> None:
    numbers = [spool.append("t", [b"{}"]) for _ in range(5)]
    spool.sync()
    waiting = spool.pending_bytes
    assert spool.forgotten == 0
    spool.release(numbers[2])
    assert spool.forgotten == numbers[2]
    assert [f.sequence for f in spool.read(0)] == numbers[3:]
    assert 0 < spool.pending_bytes < waiting
    spool.release(numbers[4])
    assert spool.pending_bytes == 0
    assert spool.append("t", [b"{}"]) > numbers[4], "a number was used twice"


def test_numbers_jump_over_what_readers_have_used(spool: Spool) -> None:
    before = spool.append("t", [b"{}"])
    spool.skip_to(100)
    after = spool.append("t", [b"{}"])
    spool.skip_to(50)
    last = spool.append("t", [b"{}"])
    spool.sync()
    assert after > 100
    assert [f.sequence for f in spool.read(0)] == [before, after, last]


@pytest.mark.parametrize(
    ("table", "rows"), [("t", []), ("t", [b"{}\n{}"]), ("t", [b"\n"]), ("", [b"{}"]), ("T x", [b"{}"])]
)
def test_what_could_not_be_read_back_is_refused(spool: Spool, table: str, rows: list[bytes]) -> None:
    with pytest.raises(ValueError, match="frame"):
        spool.append(table, rows)
    assert spool.last_sequence == 0
    assert spool.append("t", [b"{}"]) == 1


def test_too_much_waiting_is_refused_until_some_is_released(open_spool: OpenSpool) -> None:
    spool = open_spool(1000)
    while spool.pending_bytes <= 1000:
        spool.append("t", [b'{"content":"0123456789"}'])
    with pytest.raises(Overloaded, match="1000 allowed"):
        spool.append("t", [b"{}"])
    last = spool.sync()
    spool.release(last)
    assert spool.append("t", [b"{}"]) == last + 1


def test_a_closed_spool_refuses(spool: Spool) -> None:
    spool.close()
    with pytest.raises(StorageFailed, match="closed"):
        spool.append("t", [b"{}"])
    with pytest.raises(StorageFailed, match="closed"):
        spool.sync()
    spool.close()


def test_each_spool_has_a_name_of_its_own(open_spool: OpenSpool) -> None:
    first, second = open_spool(1000), open_spool(1000)
    assert first.writer_id
    assert first.writer_id == first.writer_id
    assert first.writer_id != second.writer_id


def test_threads_may_append_while_others_read_and_release(spool: Spool) -> None:
    seen: list[int] = []

    def write() -> None:
        for _ in range(100):
            spool.append("t", [b"{}"])

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    while len(seen) < 400:
        spool.sync()
        new = [f.sequence for f in spool.read(seen[-1] if seen else 0)]
        seen += new
        if seen:
            spool.release(seen[-1])
    for writer in writers:
        writer.join()
    assert seen == list(range(1, 401))
    assert spool.pending_bytes == 0


@settings(deadline=None)
@given(bodies=st.lists(st.lists(st.binary(max_size=50).map(lambda row: row.replace(b"\n", b" ")), min_size=1)))
def test_any_bytes_without_line_feeds_come_back(bodies: list[list[bytes]]) -> None:
    spool = MemorySpool()
    for rows in bodies:
        spool.append("t", rows)
    assert [f.body.split(b"\n")[:-1] for f in spool.read(0)] == bodies
