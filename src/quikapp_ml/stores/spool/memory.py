"""The spool in memory: for tests and replays; nothing survives the process."""

from collections.abc import Iterator, Sequence

from quikapp_ml.stores.spool.base import Damage, Frame, Spool
from quikapp_ml.stores.spool.frames import decode, encode


class MemorySpool(Spool):
    """Frames in a list."""

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        self._last = 0

    def append(self, table: str, rows: Sequence[bytes]) -> int:
        """Keep one frame."""
        self._last += 1
        found = decode(encode(table, self._last, rows))
        if found is None:
            raise ValueError(f"table name {table!r} does not fit a frame header")
        self._frames.append(found[0])
        return self._last

    async def durable(self, sequence: int) -> None:
        """Memory has no later moment."""

    def sync(self) -> int:
        """The last number."""
        return self._last

    def read(self, after: int) -> Iterator[Frame]:
        """Frames behind `after`."""
        return iter([frame for frame in self._frames if frame.sequence > after])

    def release(self, through: int) -> None:
        """Forget frames."""
        self._frames = [frame for frame in self._frames if frame.sequence > through]

    def skip_to(self, sequence: int) -> None:
        """Jump over used numbers."""
        self._last = max(self._last, sequence)

    @property
    def writer_id(self) -> str:
        """A name of its own."""
        return f"memory-{id(self)}"

    @property
    def last_sequence(self) -> int:
        """Number of the newest frame."""
        return self._last

    @property
    def pending_bytes(self) -> int:
        """Size of the bodies kept."""
        return sum(len(frame.body) for frame in self._frames)

    @property
    def damages(self) -> tuple[Damage, ...]:
        """Memory is not damaged."""
        return ()

    def close(self) -> None:
        """Nothing to do."""
