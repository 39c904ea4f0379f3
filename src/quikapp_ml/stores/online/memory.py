"""Online state in memory: for tests and replays; nothing survives the process."""

from collections.abc import Collection, Iterator, Sequence
from threading import Lock

from quikapp_ml.errors import StorageFailed
from quikapp_ml.stores.online.base import Changes, OnlineStore
from quikapp_ml.stores.online.remote import taken


class MemoryOnlineStore(OnlineStore):
    """Documents in dictionaries."""

    def __init__(self) -> None:
        self._documents: dict[str, dict[str, bytes]] = {}
        self._checkpoint = 0
        self._owner: str | None = None
        self._lock = Lock()
        self._is_closed = False

    def claim(self, owner: str) -> None:
        """Remember the owner."""
        self._check_open()
        if self._owner not in {None, owner}:
            raise taken("memory://")
        self._owner = owner

    def get(self, namespace: str, keys: Sequence[str]) -> list[bytes | None]:
        """Documents in the order of the keys."""
        with self._lock:
            kept = self._namespace(namespace)
            return [kept.get(key) for key in keys]

    def items(self, namespace: str) -> Iterator[tuple[str, bytes]]:
        """All documents of a namespace, as they are now."""
        with self._lock:
            return iter(list(self._namespace(namespace).items()))

    def count(self, namespace: str) -> int:
        """How many documents a namespace holds."""
        with self._lock:
            return len(self._namespace(namespace))

    def write(self, changes: Changes, checkpoint: int | None = None) -> None:
        """Take all changes."""
        copied = {
            (namespace, key): None if document is None else bytes(document)
            for namespace, documents in changes.items()
            for key, document in documents.items()
        }
        with self._lock:
            self._check_open()
            for (namespace, key), document in copied.items():
                kept = self._documents.setdefault(namespace, {})
                if document is None:
                    kept.pop(key, None)
                else:
                    kept[key] = document
            self._checkpoint = self._checkpoint if checkpoint is None else checkpoint

    def clear(self, keep: Collection[str] = ()) -> None:
        """Forget all other documents."""
        with self._lock:
            self._check_open()
            self._documents = {name: found for name, found in self._documents.items() if name in keep}
            self._checkpoint = 0

    @property
    def checkpoint(self) -> int:
        """Sequence number of the spool up to which the documents are complete."""
        return self._checkpoint

    def answers(self) -> bool:
        """Whether it is open."""
        return not self._is_closed

    def close(self) -> None:
        """Refuse from now on."""
        self._is_closed = True

    def _check_open(self) -> None:
        if self._is_closed:
            raise StorageFailed("the online store is closed")

    def _namespace(self, namespace: str) -> dict[str, bytes]:
        self._check_open()
        return self._documents.get(namespace, {})
