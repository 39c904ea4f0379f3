import asyncio
import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quikapp_ml.errors import Damaged, StorageFailed
from quikapp_ml.stores.spool.file import FileSpool


def fill(folder: Path, n_frames: int, segment_bytes: int = 1024**2) -> list[int]:
    """Write frames, end, and return their numbers."""
    spool = FileSpool(folder, segment_bytes=segment_bytes)
    numbers = [spool.append("t", [b'{"frame":%d}' % index]) for index in range(n_frames)]
    spool.close()
    return numbers


def numbers_in(folder: Path) -> list[int]:
    spool = FileSpool(folder)
    numbers = [frame.sequence for frame in spool.read(0)]
    spool.close()
    return numbers


def newest_segment(folder: Path) -> Path:
    return max(folder.glob("*.spool"))


def test_a_restart_finds_all_frames_and_goes_on_counting(tmp_path: Path) -> None:
    numbers = fill(tmp_path, 5)
    spool = FileSpool(tmp_path)
    assert [frame.sequence for frame in spool.read(0)] == numbers
    assert spool.append("t", [b"{}"]) == 6
    spool.close()
    assert numbers_in(tmp_path) == [*numbers, 6]


def test_a_restart_keeps_the_name_of_the_spool(tmp_path: Path) -> None:
    first = FileSpool(tmp_path)
    first.close()
    second = FileSpool(tmp_path)
    second.close()
    assert first.writer_id == second.writer_id


def test_a_lost_name_is_not_replaced_by_a_new_one(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    (tmp_path / "writer-id").write_text("")
    with pytest.raises(Damaged, match="writer-id is empty"):
        FileSpool(tmp_path)


def test_a_restart_counts_on_after_everything_was_released(tmp_path: Path) -> None:
    spool = FileSpool(tmp_path, segment_bytes=50)
    last = [spool.append("t", [b'{"content":"long enough for a segment"}']) for _ in range(4)][-1]
    spool.sync()
    spool.release(last)
    assert len(list(tmp_path.glob("*.spool"))) == 1, "released segments are deleted"
    spool.close()
    again = FileSpool(tmp_path)
    assert list(again.read(0)) == []
    assert again.append("t", [b"{}"]) == last + 1
    again.close()


def test_segments_are_deleted_only_when_all_their_frames_are_released(tmp_path: Path) -> None:
    spool = FileSpool(tmp_path, segment_bytes=100)
    numbers = [spool.append("t", [b'{"frame":%d}' % index]) for index in range(20)]
    spool.sync()
    for number in numbers:
        spool.release(number)
        assert [f.sequence for f in spool.read(0)] == [n for n in numbers if n > number]
    spool.close()


def test_a_segment_that_a_failed_start_left_behind_takes_no_frames_with_it(tmp_path: Path) -> None:
    numbers = fill(tmp_path, 5)
    (tmp_path / f"{3:020d}.spool").touch()
    spool = FileSpool(tmp_path)
    numbers.append(spool.append("t", [b"{}"]))
    spool.sync()
    spool.release(3)
    assert [f.sequence for f in spool.read(0)] == numbers[3:]
    spool.close()
    assert numbers_in(tmp_path)[-3:] == numbers[3:]


def test_skipped_numbers_stay_skipped_after_a_restart(tmp_path: Path) -> None:
    spool = FileSpool(tmp_path)
    spool.skip_to(1000)
    spool.close()
    again = FileSpool(tmp_path)
    assert again.append("t", [b"{}"]) == 1001
    again.close()


@pytest.mark.parametrize("tail", [b"\x00" * 50, os.urandom(200), b"@1 t 6 1 3 00000000\n{}\n", b"@1 t 6 1 30"])
def test_a_damaged_tail_is_kept_aside_and_reported(tmp_path: Path, tail: bytes) -> None:
    numbers = fill(tmp_path, 5)
    path = newest_segment(tmp_path)
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(tail)
    spool = FileSpool(tmp_path)
    (damage,) = spool.damages
    assert (damage.segment, damage.offset, damage.n_bytes) == (path.name, size, len(tail))
    assert Path(damage.kept_in).read_bytes() == tail
    new = spool.append("t", [b"{}"])
    assert new > 6, "numbers that were in the tail may have been used"
    spool.close()
    assert numbers_in(tmp_path) == [*numbers, new]


def test_numbers_of_a_lost_tail_do_not_come_back_at_the_second_restart(tmp_path: Path) -> None:
    fill(tmp_path, 5)
    path = newest_segment(tmp_path)
    os.truncate(path, path.stat().st_size - 3)
    FileSpool(tmp_path).close()
    spool = FileSpool(tmp_path)
    assert spool.append("t", [b"{}"]) > 5
    spool.close()


def test_a_power_cut_may_leave_a_segment_without_its_tail_and_the_next_whole(tmp_path: Path) -> None:
    """What was durable is before the tail: of what was not, some may be there, and no number comes twice."""
    numbers = fill(tmp_path, 40, segment_bytes=200)
    first, *others = sorted(tmp_path.glob("*.spool"))
    assert len(others) > 3
    os.truncate(first, first.stat().st_size - 3)
    lost = int(others[0].stem) - 1
    spool = FileSpool(tmp_path)
    assert [frame.sequence for frame in spool.read(0)] == [number for number in numbers if number != lost]
    assert [damage.segment for damage in spool.damages] == [first.name]
    assert spool.append("t", [b"{}"]) == numbers[-1] + 1
    spool.close()


def test_a_flipped_bit_in_the_middle_costs_one_frame_which_is_reported(tmp_path: Path) -> None:
    numbers = fill(tmp_path, 5)
    path = newest_segment(tmp_path)
    raw = bytearray(path.read_bytes())
    raw[raw.index(b'{"frame":2}') + 9] ^= 1
    path.write_bytes(raw)
    spool = FileSpool(tmp_path)
    assert [f.sequence for f in spool.read(0)] == [n for n in numbers if n != 3]
    assert [Path(damage.kept_in).read_bytes()[-12:] for damage in spool.damages] == [b'{"frame":3}\n']
    assert spool.append("t", [b"{}"]) == 6
    spool.close()


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_write_cut_anywhere_loses_nothing_before_it(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    numbers = fill(folder, data.draw(st.integers(1, 5)))
    path = newest_segment(folder)
    size = path.stat().st_size
    fill_one_more = FileSpool(folder)
    fill_one_more.append("t", [data.draw(st.binary(max_size=40)).replace(b"\n", b" ")])
    fill_one_more.close()
    os.truncate(path, data.draw(st.integers(size, path.stat().st_size - 1)))
    assert numbers_in(folder) == numbers


def test_a_strange_file_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    numbers = fill(tmp_path, 2)
    (tmp_path / "notes.spool").write_text("mine")
    assert numbers_in(tmp_path) == numbers
    assert (tmp_path / "notes.spool").read_text() == "mine"


def test_frames_that_are_not_on_the_disk_are_not_read(tmp_path: Path) -> None:
    spool = FileSpool(tmp_path)
    spool.append("t", [b"{}"])
    assert list(spool.read(0)) == []
    spool.sync()
    assert len(list(spool.read(0))) == 1
    spool.close()


def test_a_frame_that_changed_under_us_is_not_used(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    spool = FileSpool(tmp_path)
    newest_segment(tmp_path).write_bytes(b"\x00" * 100)
    with pytest.raises(StorageFailed, match="cannot be read back"):
        list(spool.read(0))
    spool.close()


# --- a disk that does not take it


def test_a_folder_that_cannot_be_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageFailed, match=r"file/spool cannot be opened: Not a directory"):
        FileSpool(tmp_path / "file" / "spool")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets us mount no file system; a file size limit is tried instead, in the next test")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_refuses_and_takes_again_when_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\x00" * 100_000)
    spool = FileSpool(small_disk / "spool")
    had_room = [spool.has_room]
    accepted = []
    with pytest.raises(StorageFailed, match="No space left on device; nothing was accepted"):
        while True:
            accepted.append(spool.append("t", [b'{"content":"%s"}' % (b"x" * 5000)]))
    spool.sync()
    assert [f.sequence for f in spool.read(0)] == accepted, "nothing accepted is lost, nothing refused is there"
    had_room.append(spool.has_room)
    ballast.unlink()
    had_room.append(spool.has_room)
    assert had_room == [True, False, True]
    accepted.append(spool.append("t", [b'{"content":"there is room again"}']))
    spool.close()
    assert numbers_in(small_disk / "spool") == accepted


def test_a_full_disk_at_the_start_of_a_segment_lets_the_last_one_grow(small_disk: Path) -> None:
    spool = FileSpool(small_disk / "spool", segment_bytes=10_000)
    accepted = []
    with pytest.raises(StorageFailed):
        while True:
            accepted.append(spool.append("t", [b'{"content":"%s"}' % (b"x" * 3000)]))
    spool.sync()
    spool.release(accepted[-1])
    accepted.append(spool.append("t", [b'{"content":"%s"}' % (b"x" * 3000)]))
    spool.close()
    assert numbers_in(small_disk / "spool")[-1] == accepted[-1]


LIMITED = """
import resource, sys
from pathlib import Path
from quikapp_ml.errors import StorageFailed
from quikapp_ml.stores.spool.file import FileSpool

spool = FileSpool(Path(sys.argv[1]))
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
accepted = []
try:
    while len(accepted) < 100:
        accepted.append(spool.append("t", [b'{"content":"%s"}' % (b"x" * 3000)]))
except StorageFailed as error:
    assert "File too large; nothing was accepted" in str(error), error
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
accepted.append(spool.append("t", [b"{}"]))
spool.sync()
print(*accepted)
"""


def test_a_write_that_the_system_cuts_short_is_taken_back(tmp_path: Path) -> None:
    source = Path(inspect.getfile(FileSpool)).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(source)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    accepted = [int(number) for number in done.stdout.split()]
    assert 10 < len(accepted) < 20
    assert numbers_in(tmp_path) == accepted


def make_fsync_fail(spool: FileSpool) -> None:
    """Put a pipe, which cannot be synced, in the place of the segment's file."""
    reading, writing = os.pipe()
    os.dup2(writing, spool._file)
    os.close(writing)
    os.close(reading)


def test_after_a_failed_fsync_nothing_more_is_acknowledged(tmp_path: Path) -> None:
    spool = FileSpool(tmp_path)
    acknowledged = spool.append("t", [b"{}"])
    spool.sync()
    number = spool.append("t", [b"{}"])
    make_fsync_fail(spool)

    async def wait_twice() -> None:
        with pytest.raises(StorageFailed, match="could not be synced"):
            await spool.durable(number)
        with pytest.raises(StorageFailed, match="restart the service"):
            await spool.durable(number)
        await spool.durable(acknowledged)

    asyncio.run(wait_twice())
    with pytest.raises(StorageFailed, match="restart the service"):
        spool.append("t", [b"{}"])
    with pytest.raises(StorageFailed, match="restart the service"):
        spool.sync()
    assert [f.sequence for f in spool.read(0)] == [acknowledged]
    assert spool.failure is not None
    spool.close()


def test_a_full_segment_keeps_nobody_waiting_and_is_durable_before_its_frames_are_said_to_be(tmp_path: Path) -> None:
    spool = FileSpool(tmp_path, segment_bytes=100)
    with spool._one_fsync:  # a disk that takes its time
        made = [spool.append("t", [b'{"content":"%s"}' % (b"x" * 120)]) for _ in range(5)]
        assert len(list(tmp_path.glob("*.spool"))) == len(spool._full) + 1 == 6
        assert list(spool.read(0)) == []
    asyncio.run(spool.durable(made[-1]))
    assert [frame.sequence for frame in spool.read(0)] == made
    assert spool._full == []
    spool.close()
    assert numbers_in(tmp_path) == made


def test_a_full_segment_that_cannot_be_synced_acknowledges_nothing(tmp_path: Path) -> None:
    spool = FileSpool(tmp_path, segment_bytes=100)
    acknowledged = spool.append("t", [b"{}"])
    spool.sync()
    with spool._one_fsync:
        number = spool.append("t", [b'{"content":"%s"}' % (b"x" * 120)])
        reading, writing = os.pipe()
        os.dup2(writing, spool._full[0])
        os.close(writing)
        os.close(reading)
    with pytest.raises(StorageFailed, match="restart the service"):
        asyncio.run(spool.durable(number))
    with pytest.raises(StorageFailed, match="restart the service"):
        spool.append("t", [b"{}"])
    assert [frame.sequence for frame in spool.read(0)] == [acknowledged]
    spool.close()


def test_a_write_that_cannot_be_taken_back_stops_all_writing(tmp_path: Path) -> None:
    spool = FileSpool(tmp_path)
    number = spool.append("t", [b"{}"])
    spool.sync()
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, spool._file)
    os.close(full)
    with pytest.raises(StorageFailed, match="No space left"):
        spool.append("t", [b"{}"])
    with pytest.raises(StorageFailed, match="is broken"):
        spool.append("t", [b"{}"])
    spool.close()
    assert numbers_in(tmp_path) == [number]


# --- waiting for the disk


class CountingSpool(FileSpool):
    """Counts its fsyncs."""

    n_syncs = 0

    def sync(self) -> int:
        self.n_syncs += 1
        return super().sync()


def test_those_who_wait_together_share_an_fsync(tmp_path: Path) -> None:
    spool = CountingSpool(tmp_path)

    async def write() -> None:
        await spool.durable(spool.append("t", [b"{}"]))

    async def write_many() -> None:
        await asyncio.gather(*(write() for _ in range(500)))

    asyncio.run(write_many())
    assert 1 <= spool.n_syncs <= 250
    spool.close()


def test_a_waiter_whose_loop_has_ended_harms_nobody(tmp_path: Path) -> None:
    spool = FileSpool(tmp_path)

    async def leave_early() -> None:
        waiting = asyncio.ensure_future(spool.durable(spool.append("t", [b"{}"])))
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(leave_early())
    asyncio.run(spool.durable(spool.append("t", [b"{}"])))
    spool.close()
