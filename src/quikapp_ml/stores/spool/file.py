"""The spool in a folder: append-only segment files, one fsync for all that wait."""

import asyncio
import errno
import logging
import os
import threading
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quikapp_ml.errors import Overloaded, StorageFailed
from quikapp_ml.stores.spool.base import Damage, Frame, Spool
from quikapp_ml.stores.spool.frames import Gap, Place, decode, encode, scan

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 64 * 1024**2
SUFFIX = ".spool"


@dataclass
class Segment:
    """One file and the places of its frames; its name is the first number that it may hold."""

    path: Path
    first: int
    size: int = 0
    places: list[Place] = field(default_factory=list)


@dataclass(frozen=True)
class _Waiter:
    sequence: int
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[None]"


class FileSpool(Spool):
    """Frames in `folder`. Only one process may have it open: the home's lock sees to that."""

    def __init__(self, folder: Path, max_pending_bytes: int = 2 * 1024**3, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = folder
        self.max_pending_bytes = max_pending_bytes
        self.segment_bytes = segment_bytes
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._waiters: deque[_Waiter] = deque()
        self._failure: str | None = None
        self._closing = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._writer_id = self._load_writer_id()
            self._segments, self._damages = self._recover()
            self._last = self._last_known()
            self._durable = self._last
            self._file = self._open_last_segment()
        except OSError as error:
            raise StorageFailed(f"the spool {folder} cannot be opened: {error.strerror}") from error
        self._syncer = threading.Thread(target=self._sync_loop, name="spool-fsync", daemon=True)
        self._syncer.start()

    # --- opening

    def _load_writer_id(self) -> str:
        path = self.folder / "writer-id"
        if not path.exists():
            path.write_text(f"spool-{uuid.uuid4()}")
        return path.read_text().strip()

    def _recover(self) -> tuple[list[Segment], tuple[Damage, ...]]:
        segments, damages = [], []
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            segment = Segment(path, int(path.stem))
            raw = path.read_bytes()
            for part in scan(raw):
                if isinstance(part, Place):
                    segment.places.append(part)
                else:
                    damages.append(self._keep_damage(path, raw, part))
            segment.size = len(raw)
            segments.append(segment)
        if segments and damages:
            self._cut_damaged_tail(segments[-1])
        return segments, tuple(damages)

    def _keep_damage(self, path: Path, raw: bytes, gap: Gap) -> Damage:
        kept = self.folder / "damaged" / f"{path.stem}-{gap.offset}-{uuid.uuid4().hex[:8]}.bytes"
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(raw[gap.offset : gap.offset + gap.length])
        logger.error(
            "spool segment %s: %d bytes at %d are not a whole frame: either a write that a crash cut short, which was "
            "never acknowledged, or damage. They are kept in %s; all whole frames are used.",
            path.name, gap.length, gap.offset, kept,
        )  # fmt: skip
        return Damage(path.name, gap.offset, gap.length, str(kept))

    @staticmethod
    def _cut_damaged_tail(segment: Segment) -> None:
        """New frames go behind the last whole one; damage between frames stays where it is and is skipped."""
        end = segment.places[-1].offset + segment.places[-1].length if segment.places else 0
        if end < segment.size:
            os.truncate(segment.path, end)
            segment.size = end

    def _last_known(self) -> int:
        """The newest frame's number; an empty segment's name remembers the number before it."""
        return max((s.places[-1].sequence if s.places else s.first - 1 for s in self._segments), default=0)

    def _open_last_segment(self) -> int:
        if not self._segments:
            return self._begin_segment()
        return os.open(self._segments[-1].path, os.O_WRONLY | os.O_APPEND)

    def _begin_segment(self) -> int:
        path = self.folder / f"{self._last + 1:020d}{SUFFIX}"
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._sync_folder()
        self._segments.append(Segment(path, self._last + 1))
        return file

    def _sync_folder(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    # --- writing

    def append(self, table: str, rows: Sequence[bytes]) -> int:
        """Write one frame; see `Spool.append`."""
        with self._lock:
            self._refuse_if_full_or_broken()
            frame = encode(table, self._last + 1, rows)
            self._write(frame)
            segment = self._segments[-1]
            self._last += 1
            segment.places.append(Place(self._last, segment.size, len(frame)))
            segment.size += len(frame)
            if segment.size >= self.segment_bytes:
                self._rotate()
            return self._last

    def _refuse_if_full_or_broken(self) -> None:
        if self._failure is not None:
            raise StorageFailed(self._failure, retry_after_seconds=30)
        pending = self.pending_bytes
        if pending > self.max_pending_bytes:
            raise Overloaded(
                f"{pending} bytes of accepted events wait for the tables, more than {self.max_pending_bytes} allowed; "
                "send again later",
                retry_after_seconds=5,
            )

    def _write(self, frame: bytes) -> None:
        size = self._segments[-1].size
        try:
            written = os.write(self._file, frame)
            if written < len(frame):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self._take_back(size)
            raise StorageFailed(
                f"the spool {self.folder} cannot be written: {error.strerror}; nothing was accepted. Free some space.",
                retry_after_seconds=30,
            ) from error

    def _take_back(self, size: int) -> None:
        """Cut a half-written frame off; when even that fails, refuse all writing until a restart recovers."""
        try:
            os.ftruncate(self._file, size)
        except OSError as error:
            self._failure = f"the spool {self.folder} is broken ({error.strerror}): restart the service"

    def _rotate(self) -> None:
        """Close the full segment, durably, and begin the next; on failure the full one just grows on."""
        try:
            os.fdatasync(self._file)
            old, self._file = self._file, self._begin_segment()
            os.close(old)
        except OSError:
            logger.exception("no new spool segment could be begun; the last one grows on")

    # --- durability

    async def durable(self, sequence: int) -> None:
        """Wait for the fsync that covers the frame; see `Spool.durable`."""
        with self._lock:
            if sequence <= self._durable:
                return
            loop = asyncio.get_running_loop()
            waiter = _Waiter(sequence, loop, loop.create_future())
            self._waiters.append(waiter)
            self._wake.notify()
        await waiter.future

    def sync(self) -> int:
        """Fsync in the calling thread; see `Spool.sync`."""
        with self._lock:
            target = self._last
            self._fsync(self._file)
            self._durable = max(self._durable, target)
            return target

    def _fsync(self, file: int) -> None:
        try:
            os.fdatasync(file)
        except OSError as error:
            # After a failed fsync the kernel may have dropped the pages: what is on the disk is known only after a
            # restart has read it again.
            self._failure = f"the spool {self.folder} could not be synced ({error.strerror}): restart the service"
            raise StorageFailed(self._failure, retry_after_seconds=30) from error

    def _sync_loop(self) -> None:
        while True:
            with self._wake:
                while not self._waiters and not self._closing:
                    self._wake.wait()
                if not self._waiters:
                    return
                target, file = self._last, os.dup(self._file)
            failure = self._sync_outside_lock(file)
            with self._lock:
                if failure is None:
                    self._durable = max(self._durable, target)
                ready = [w for w in self._waiters if w.sequence <= target]
                self._waiters = deque(w for w in self._waiters if w.sequence > target)
            for waiter in ready:
                _resolve(waiter, failure)

    def _sync_outside_lock(self, file: int) -> StorageFailed | None:
        """Fsync while other threads append; a segment that was closed meanwhile was synced when it was closed."""
        try:
            self._fsync(file)
        except StorageFailed as error:
            return error
        finally:
            os.close(file)
        return None

    # --- reading

    def read(self, after: int) -> Iterator[Frame]:
        """Durable frames behind `after`; see `Spool.read`."""
        with self._lock:
            durable = self._durable
            wanted = [
                (segment.path, [place for place in segment.places if after < place.sequence <= durable])
                for segment in self._segments
                if segment.places and segment.places[-1].sequence > after
            ]
        for path, places in wanted:
            with path.open("rb") as file:
                for place in places:
                    file.seek(place.offset)
                    found = decode(file.read(place.length))
                    if found is None:
                        raise StorageFailed(
                            f"frame {place.sequence} of {path} cannot be read back; restart the service"
                        )
                    yield found[0]

    def release(self, through: int) -> None:
        """Delete segments all of whose frames are released, but never the one being written."""
        with self._lock:
            while len(self._segments) > 1 and self._segments[1].first - 1 <= through:
                self._segments.pop(0).path.unlink(missing_ok=True)
            newest = self._segments[-1]
            if newest.size and newest.places and newest.places[-1].sequence <= through:
                self._forget_newest(newest)

    def _forget_newest(self, newest: Segment) -> None:
        """Begin a fresh segment, whose name remembers the numbering, when everything written is released."""
        try:
            os.fdatasync(self._file)
            old, self._file = self._file, self._begin_segment()
        except OSError:
            logger.exception("no new spool segment could be begun; the last one is kept")
            return
        os.close(old)
        self._segments.remove(newest)
        newest.path.unlink(missing_ok=True)

    def skip_to(self, sequence: int) -> None:
        """Jump over used numbers; see `Spool.skip_to`."""
        with self._lock:
            if sequence > self._last:
                self._last = self._durable = sequence
                old, self._file = self._file, self._begin_segment()
                os.close(old)

    # --- state

    @property
    def writer_id(self) -> str:
        """Name for Delta's application transactions."""
        return self._writer_id

    @property
    def last_sequence(self) -> int:
        """Number of the newest frame."""
        return self._last

    @property
    def pending_bytes(self) -> int:
        """Bytes in all segments."""
        return sum(segment.size for segment in self._segments)

    @property
    def damages(self) -> tuple[Damage, ...]:
        """What was found damaged at opening."""
        return self._damages

    @property
    def failure(self) -> str | None:
        """Why nothing can be written any more; None while all is well."""
        return self._failure

    def close(self) -> None:
        """Sync, stop the syncing thread, close the file."""
        with self._wake:
            if self._closing:
                return
            self._closing = True
            self._wake.notify()
        self._syncer.join(timeout=10)
        if self._failure is None:
            self.sync()
        os.close(self._file)


def _resolve(waiter: _Waiter, failure: StorageFailed | None) -> None:
    def settle() -> None:
        if waiter.future.done():
            return
        if failure is None:
            waiter.future.set_result(None)
        else:
            waiter.future.set_exception(failure)

    try:
        waiter.loop.call_soon_threadsafe(settle)
    except RuntimeError:  # the waiter's loop has ended; nobody waits any more
        logger.debug("a waiter for frame %d is gone", waiter.sequence)
