"""The durable queue between an acknowledgement and the tables. One interface; a file a technology."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Frame:
    """What one `append` wrote: rows of one table, as lines of JSON."""

    sequence: int
    table: str
    n_rows: int
    body: bytes
    """`n_rows` lines, each ended by a line feed."""


@dataclass(frozen=True)
class Damage:
    """Bytes of the spool that are not what was written; they are kept in `kept_in`, never used."""

    segment: str
    offset: int
    n_bytes: int
    kept_in: str


class Spool(ABC):
    """Frames in the order of their sequence numbers, kept until released.

    All of it may be called from any thread. Numbers grow, mostly by one, and are never used twice, not even after a
    restart.
    """

    @abstractmethod
    def append(self, table: str, rows: Sequence[bytes]) -> int:
        """Write rows (JSON without line feeds) as one frame, whole or not at all, and return its sequence number.

        The frame survives the end of this process at once, and a power cut once `durable` says so. Raises Overloaded
        when too much waits already and StorageFailed when the disk does not take it; then nothing was written.
        Raises ValueError for rows or a table name that could not be read back as they were given.
        """

    @abstractmethod
    async def durable(self, sequence: int) -> None:
        """Return when all frames up to the number are on the disk. Waiting callers share one fsync.

        Raises StorageFailed when that cannot be said: the frames must not be acknowledged.
        """

    @abstractmethod
    def sync(self) -> int:
        """Put all frames on the disk now and return the last number. Raises StorageFailed."""

    @abstractmethod
    def read(self, after: int) -> Iterator[Frame]:
        """Durable frames with greater numbers than `after` that are not released, in order."""

    @abstractmethod
    def release(self, through: int) -> None:
        """Allow the frames up to the number to be forgotten; a restart may still show some of them."""

    @abstractmethod
    def skip_to(self, sequence: int) -> None:
        """Make sure that the next number is greater than this one.

        Readers call it with the last number that they have used: were a damaged tail cut off, its numbers must not
        come again, or new frames would be taken for old ones.
        """

    @property
    @abstractmethod
    def writer_id(self) -> str:
        """Name of this spool for Delta's application transactions; a new spool has a new one."""

    @property
    @abstractmethod
    def last_sequence(self) -> int:
        """Number of the newest frame; 0 when there never was one."""

    @property
    @abstractmethod
    def forgotten(self) -> int:
        """Frames up to this number may be gone; all behind it are here."""

    @property
    @abstractmethod
    def pending_bytes(self) -> int:
        """Size of what is not yet released."""

    @property
    @abstractmethod
    def damages(self) -> tuple[Damage, ...]:
        """What was found damaged when the spool was opened."""

    @property
    @abstractmethod
    def failure(self) -> str | None:
        """Why nothing can be written until a restart; None while all is well."""

    @property
    def has_room(self) -> bool:
        """Whether the disk has room for what it did not take last; true when it took everything."""
        return True

    @abstractmethod
    def close(self) -> None:
        """Put everything on the disk and stop."""
