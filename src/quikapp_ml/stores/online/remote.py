"""What online stores on another machine have in common: they can be late, and come back without what they had."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from quikapp_ml.errors import Conflict, StorageFailed

PAUSE_SECONDS = 3.0


class Patience:
    """Keeps a server that hangs from being waited for again and again: after one wait in vain, none for a while."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._paused_until = float("-inf")

    def check(self) -> None:
        """Raise StorageFailed while nobody is to wait."""
        if time.monotonic() < self._paused_until:
            raise StorageFailed(f"online store {self._where}: it did not answer in time and is asked again soon")

    def lose(self) -> None:
        """It was waited for in vain."""
        self._paused_until = time.monotonic() + PAUSE_SECONDS

    def regain(self) -> None:
        """It has answered."""
        self._paused_until = float("-inf")


class Expectation:
    """What the store must have, because this process wrote or saw it there.

    A server may come back emptied, restored from an older copy, or in other hands. What is written then would be a
    part without the rest, and events that were counted would seem new.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self.owner: str | None = None
        self.checkpoint = 0

    def as_of_now(self) -> Callable[[str | None, int], None]:
        """What will compare the owner and checkpoint of an answer with what holds before the question is sent.

        It raises StorageFailed when the store is not as it was left. A store that nobody has claimed is not compared.
        """
        owner, checkpoint = self.owner, self.checkpoint

        def check(found_owner: str | None, found_checkpoint: int) -> None:
            if owner is not None and found_owner != owner:
                raise StorageFailed(f"online store {self._where}: it was emptied, or taken by another home; {_ADVICE}")
            if owner is not None and found_checkpoint < checkpoint:
                raise StorageFailed(
                    f"online store {self._where}: it lost what it had taken (it is at {found_checkpoint}, it was at "
                    f"{checkpoint}); {_ADVICE}"
                )

        return check

    @contextmanager
    def moving_to(self, checkpoint: int | None) -> Iterator[None]:
        """Around a write that sets the checkpoint. One that fails may have happened all the same."""
        if checkpoint is not None:
            self.checkpoint = min(self.checkpoint, checkpoint)
        yield
        if checkpoint is not None:
            self.checkpoint = checkpoint

    def claim(self, owner: str, found: str | None) -> None:
        """Take `found`, what the store says whose it is, for the truth. Raises Conflict when it is not `owner`."""
        if found != owner:
            raise taken(self._where)
        self.owner = owner


_ADVICE = "restart the service, and it is made again from the tables"


def taken(where: str) -> Conflict:
    """The error for a store that another home uses."""
    return Conflict(
        f"the online store {where} belongs to another home: two would count each other's events. Give each its own "
        "(`?prefix=NAME` of a redis:// URL, `?schema=NAME` of a postgresql:// URL, another file), or empty this one "
        "if that home is gone"
    )
