"""Online state: documents that answers are computed from. One interface; a file a technology."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence

Changes = Mapping[str, Mapping[str, bytes | None]]
"""Namespace → key → new document, or None to take it away."""


class OnlineStore(ABC):
    """Documents (bytes) by namespace and key, and how far through the spool they have been brought.

    A store that does not answer makes every method raise StorageFailed within a few seconds, and is asked again by
    the next call.
    """

    @abstractmethod
    def claim(self, owner: str) -> None:
        """Say whose documents these are: the home in whose spool the checkpoint counts.

        The first to claim a store keeps it, over restarts. Raises Conflict for another.
        """

    @abstractmethod
    def get(self, namespace: str, keys: Sequence[str]) -> list[bytes | None]:
        """Documents in the order of the keys; None where there is none."""

    @abstractmethod
    def items(self, namespace: str) -> Iterator[tuple[str, bytes]]:
        """All documents of a namespace, in no promised order."""

    @abstractmethod
    def count(self, namespace: str) -> int:
        """How many documents a namespace holds."""

    @abstractmethod
    def write(self, changes: Changes, checkpoint: int | None = None) -> None:
        """Write all changes, and the checkpoint if given, in one transaction: all of it or nothing.

        Raises StorageFailed when the store does not take it.
        """

    @abstractmethod
    def clear(self, keep: Collection[str] = ()) -> None:
        """Take all documents away, but those of namespaces to `keep`, and set the checkpoint to 0, in one transaction.

        The owner stays.
        """

    @property
    @abstractmethod
    def checkpoint(self) -> int:
        """Sequence number of the spool up to which the documents are complete; 0 at first."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the store can be read now, and has what this process wrote."""

    @abstractmethod
    def close(self) -> None:
        """Give the connection back."""
