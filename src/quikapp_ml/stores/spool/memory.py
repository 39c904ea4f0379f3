"""The spool in memory: for tests and replays; nothing survives the process."""

import uuid
from collections.abc import Iterator, Sequence

from quikapp_ml.errors import Overloaded, StorageFailed
from quikapp_ml.stores.spool.base import Damage, Frame, Spool
from quikapp_ml.stores.spool.frames import encode


class MemorySpool(Spool):
    """Frames in a list."""

    def __init__(self, max_pending_bytes: int = 2 * 1024**3) -> None:
        self.max_pending_bytes = max_pending_bytes
        self._frames: list[Frame] = []
        self._last = 0
        self._released = 0
        self._writer_id = f"memory-{uuid.uuid4()}"
        self._failure: str | None = None

    def append(self, table: str, rows: Sequence[bytes]) -> int:
        """Keep one frame."""
        if self._failure is not None:
            raise StorageFailed(self._failure)
        if self.pending_bytes > self.max_pending_bytes:
            raise Overloaded(f"{self.pending_bytes} bytes wait, more than the {self.max_pending_bytes} allowed")
        encode(table, self._last + 1, rows)
        self._last += 1
        self._frames.append(Frame(self._last, table, len(rows), b"\n".join(rows) + b"\n"))
        return self._last

    async def durable(self, sequence: int) -> None:
        """Memory has no later moment."""

    def sync(self) -> int:
        """The last number."""
        if self._failure is not None:
            raise StorageFailed(self._failure)
        return self._last

    def read(self, after: int) -> Iterator[Frame]:
        """Frames behind `after`."""
        return iter([frame for frame in self._frames if frame.sequence > after])

    def release(self, through: int) -> None:
        """Forget frames."""
        self._released = max(self._released, through)
        self._frames = [frame for frame in self._frames if frame.sequence > through]

    def skip_to(self, sequence: int) -> None:
        """Jump over used numbers."""
        self._last = max(self._last, sequence)

    @property
    def writer_id(self) -> str:
        """A name of its own."""
        return self._writer_id

    @property
    def last_sequence(self) -> int:
        """Number of the newest frame."""
        return self._last

    @property
    def forgotten(self) -> int:
        """What was released."""
        return self._released

    @property
    def pending_bytes(self) -> int:
        """Size of the bodies kept."""
        return sum(len(frame.body) for frame in self._frames)

    @property
    def damages(self) -> tuple[Damage, ...]:
        """Memory is not damaged."""
        return ()

    @property
    def failure(self) -> str | None:
        """Why nothing can be written: it is closed."""
        return self._failure

    def close(self) -> None:
        """Refuse what comes later."""
        self._failure = "the spool is closed"
