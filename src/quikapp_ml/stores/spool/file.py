"""The spool in a folder: append-only segment files, one fsync for all that wait."""

import asyncio
import logging
import os
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from quikapp_ml.errors import Damaged, Overloaded, StorageFailed
from quikapp_ml.stores.files import sync_path, write_whole
from quikapp_ml.stores.spool import segments
from quikapp_ml.stores.spool.base import Damage, Frame, Spool
from quikapp_ml.stores.spool.frames import encode

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 16 * 1024**2


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
        self._one_fsync = threading.Lock()
        self._waiters: list[_Waiter] = []
        self._full: list[int] = []
        """Segments that are written no more and not yet synced."""
        self._is_full_new = False
        self._failure: str | None = None
        self._refused_bytes = 0
        self._released = 0
        self._closing = False
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._writer_id = _load_writer_id(folder)
            self._open()
        except OSError as error:
            raise StorageFailed(f"the spool {folder} cannot be opened: {error.strerror}") from error
        self._syncer = threading.Thread(target=self._sync_for_waiters, name="spool-fsync", daemon=True)
        self._syncer.start()

    def _open(self) -> None:
        self._segments, damages = segments.recover(self.folder)
        self._damages = tuple(damages)
        self._last = max((segment.last for segment in self._segments), default=0)
        if self._segments and not self._segments[-1].n_torn_bytes:
            self._file = os.open(self._segments[-1].path, os.O_WRONLY | os.O_APPEND)
        else:
            # A torn end may have held frames whose numbers readers have seen, and fewer of them than bytes: those
            # numbers must not come again.
            self._last += self._segments[-1].n_torn_bytes if self._segments else 0
            self._file = self._begin_segment()
        self._durable = self._last
        self._pending_bytes = sum(place.length for segment in self._segments for place in segment.places)

    def _begin_segment(self, *, is_named_durably: bool = True) -> int:
        segment, file = segments.begin(self.folder, self._last + 1, is_named_durably=is_named_durably)
        self._segments.append(segment)
        return file

    # --- writing

    def append(self, table: str, rows: Sequence[bytes]) -> int:
        """Write one frame; see `Spool.append`."""
        with self._lock:
            self._refuse_if_broken()
            self._refuse_if_full()
            frame = encode(table, self._last + 1, rows)
            self._write(frame)
            self._last += 1
            segment = self._segments[-1]
            segment.add(self._last, len(frame))
            self._pending_bytes += len(frame)
            if segment.size >= self.segment_bytes:
                self._rotate()
            return self._last

    def _refuse_if_broken(self) -> None:
        if self._failure is not None:
            raise StorageFailed(self._failure, retry_after_seconds=30)

    def _refuse_if_full(self) -> None:
        if self._pending_bytes > self.max_pending_bytes:
            raise Overloaded(
                f"{self._pending_bytes} bytes of accepted events wait for the tables, more than the "
                f"{self.max_pending_bytes} allowed; send again later",
                retry_after_seconds=5,
            )

    def _write(self, frame: bytes) -> None:
        rest = memoryview(frame)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            self._refused_bytes = max(self._refused_bytes, len(frame))
            self._take_back(self._segments[-1].size)
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
        """Begin the next segment; without room for one, the full one grows on.

        Nobody who appends waits for the disk: the full one, and the name of the next, are synced by a thread.
        """
        try:
            old, self._file = self._file, self._begin_segment(is_named_durably=False)
        except OSError as error:
            logger.warning("no new spool segment could be begun (%s); the last one grows on", error.strerror)
            return
        self._full.append(old)
        self._is_full_new = True
        self._wake.notify()

    # --- durability

    async def durable(self, sequence: int) -> None:
        """Wait for the fsync that covers the frame; see `Spool.durable`."""
        with self._lock:
            if sequence <= self._durable:
                return
            self._refuse_if_broken()
            loop = asyncio.get_running_loop()
            waiter = _Waiter(sequence, loop, loop.create_future())
            self._waiters.append(waiter)
            self._wake.notify()
        await waiter.future

    def sync(self) -> int:
        """Fsync in the calling thread while others go on appending; see `Spool.sync`."""
        with self._one_fsync:
            with self._lock:
                self._refuse_if_broken()
                target, file = self._last, self._second_descriptor()
                full, self._full = self._full, []
            try:
                for each in (*full, file):
                    os.fdatasync(each)
                if full:
                    sync_path(self.folder)  # the names of those that were begun after them
            except OSError as error:
                with self._lock:
                    self._break(error)
            finally:
                for each in (*full, file):
                    os.close(each)
            with self._lock:
                self._refuse_if_broken()
                self._durable = max(self._durable, target)
            return target

    def _second_descriptor(self) -> int:
        """Of the newest segment: it stays open when the segment is full, synced, and closed meanwhile."""
        try:
            return os.dup(self._file)
        except OSError as error:
            raise StorageFailed(f"the spool {self.folder} cannot be synced: {error.strerror}") from error

    def _break(self, error: OSError) -> None:
        """Refuse everything after a failed fsync.

        The kernel may have dropped what it could not write, and tells only once: a later fsync would succeed and mean
        nothing. A restart reads what is there.
        """
        self._failure = f"the spool {self.folder} could not be synced ({error.strerror}): restart the service"
        logger.critical(self._failure)

    def _sync_for_waiters(self) -> None:
        while True:
            with self._wake:
                while not (self._waiters or self._is_full_new or self._closing):
                    self._wake.wait()
                if not (self._waiters or self._is_full_new):
                    return
                self._is_full_new = False
            failure = None
            try:
                synced = self.sync()
            except StorageFailed as error:
                failure = error
            with self._lock:
                waiters, self._waiters = self._waiters, []
                for waiter in waiters:
                    if failure is None and waiter.sequence > synced:
                        self._waiters.append(waiter)
                    else:
                        _resolve(waiter, failure)

    # --- reading

    def read(self, after: int) -> Iterator[Frame]:
        """Durable frames behind `after`; see `Spool.read`."""
        with self._lock:
            wanted = [
                (segment.path, [place for place in segment.places if after < place.sequence <= self._durable])
                for segment in self._segments
                if segment.last > after
            ]
        for path, places in wanted:
            yield from segments.read_frames(path, places)

    def release(self, through: int) -> None:
        """Forget frames, and delete segments without others, but never the one that is being written."""
        with self._lock:
            self._released = max(self._released, through)
            for segment in self._segments:
                self._pending_bytes -= segment.forget(through)
            while len(self._segments) > 1 and not self._segments[0].places:
                try:
                    self._segments[0].path.unlink(missing_ok=True)
                except OSError as error:
                    raise StorageFailed(f"{self._segments[0].path} cannot be deleted: {error.strerror}") from error
                del self._segments[0]

    def skip_to(self, sequence: int) -> None:
        """Jump over used numbers; see `Spool.skip_to`."""
        if sequence <= self._last:
            return
        self.sync()
        with self._lock:
            self._last = self._durable = sequence
            try:
                old, self._file = self._file, self._begin_segment()
            except OSError as error:
                raise StorageFailed(f"the spool {self.folder} cannot be written: {error.strerror}") from error
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
    def forgotten(self) -> int:
        """What was released, and what lay before the first segment that is left."""
        with self._lock:
            return max(self._released, self._segments[0].first - 1)

    @property
    def pending_bytes(self) -> int:
        """Bytes of the frames that are not released."""
        return self._pending_bytes

    @property
    def damages(self) -> tuple[Damage, ...]:
        """What was found damaged at opening."""
        return self._damages

    @property
    def failure(self) -> str | None:
        """Why nothing can be written any more; None while all is well."""
        return self._failure

    @property
    def has_room(self) -> bool:
        """Whether the disk would take the largest frame that it refused."""
        if self._refused_bytes and _free_bytes(self.folder) > self._refused_bytes:
            self._refused_bytes = 0
        return not self._refused_bytes

    def close(self) -> None:
        """Sync, stop the syncing thread, close the file."""
        with self._wake:
            if self._closing:
                return
            self._closing = True
            self._wake.notify()
        self._syncer.join()
        try:
            if self._failure is None:
                self.sync()
        finally:
            with self._lock:
                self._failure = self._failure or f"the spool {self.folder} is closed"
                for each in (*self._full, self._file):
                    os.close(each)


def _free_bytes(folder: Path) -> int:
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize


def _load_writer_id(folder: Path) -> str:
    """The name given to this spool when it was made. It appears whole or not at all: a new one would write twice."""
    path = folder / "writer-id"
    if not path.exists():
        write_whole(path, f"spool-{uuid.uuid4()}\n".encode())
    writer_id = path.read_text().strip()
    if not writer_id:
        raise Damaged(f"{path} is empty: put the name of this spool back, as the tables know it (txn.appId)")
    return writer_id


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
