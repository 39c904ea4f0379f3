"""Work of concurrent requests, computed together: sorted by length, within a budget of tokens, after a short wait.

One thread computes. While it does, others queue; when it is free, every waiting request gives an equal share of the
next release, so that a long list delays a short question by one release and no more.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import contextmanager, suppress
from threading import Condition, Thread
from typing import Any, Protocol

import numpy as np

from quikapp_ml.errors import Overloaded
from quikapp_ml.models.bert import Vectors, Window, padded_length

RELEASES = ("full", "waited", "kept_waiting", "closing")
"""Why a release was made: the budget was reached; nobody joined in time; the thread was busy until now; the end."""
CLOSE_SECONDS = 5.0


class Encoder(Protocol):
    """Turns windows of one padded length into vectors."""

    def vectors(self, windows: Sequence[Window]) -> Vectors:
        """Shape (n_windows, width)."""


class Caller:
    """Who waits for an answer, and may leave before it is there; `Batcher.leave` tells."""

    def __init__(self) -> None:
        self.has_left = False
        self.ticket: Ticket | None = None


class Ticket:
    """The windows of one request, and what has become of them."""

    def __init__(self, encoder: Encoder, windows: Sequence[Window], arrived: float) -> None:
        self.encoder = encoder
        self.windows = windows
        self.arrived = arrived
        self.left = deque(sorted(range(len(windows)), key=lambda row: padded_length(windows[row])))
        self.found: list[Any] = [None] * len(windows)
        self.n_missing = len(windows)
        self.future: Future[Vectors] = Future()

    @property
    def tokens_left(self) -> int:
        """What still waits."""
        return sum(padded_length(self.windows[row]) for row in self.left)

    def take(self, budget: int) -> list[int]:
        """The shortest windows within the budget, at least one."""
        taken = [self.left.popleft()]
        budget -= padded_length(self.windows[taken[0]])
        while self.left and padded_length(self.windows[self.left[0]]) <= budget:
            taken.append(self.left.popleft())
            budget -= padded_length(self.windows[taken[-1]])
        return taken


class Batcher:
    """`vectors` waits for its turn and may be called from any thread; `admitted` refuses what would wait too long."""

    def __init__(
        self,
        budget_tokens: int = 1024,
        max_wait_seconds: float = 0.002,
        max_waiting_tokens: int = 100_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._budget = budget_tokens
        self._max_wait = max_wait_seconds
        self._most = max_waiting_tokens
        self._clock = clock
        self._queue: deque[Ticket] = deque()
        self._changed = Condition()
        self._admitted = 0
        self._closing = False
        self._released: Counter[str] = Counter(dict.fromkeys(RELEASES, 0))
        self._refused = 0
        self._thread: Thread | None = None

    @contextmanager
    def admitted(self, tokens: int) -> Iterator[None]:
        """Keep room for a request while it is answered. Raises Overloaded when others take it.

        One request never takes more than half of the room, however long its texts: others get their shares meanwhile.
        """
        tokens = min(tokens, self._most // 2)
        with self._changed:
            if self._admitted and self._admitted + tokens > self._most:
                self._refused += 1
                raise Overloaded(
                    f"texts of about {self._admitted} tokens are being read and this request brings {tokens}; at most "
                    f"{self._most} may wait: ask again in a few seconds, or with fewer messages",
                    retry_after_seconds=2,
                )
            self._admitted += tokens
        try:
            yield
        finally:
            with self._changed:
                self._admitted -= tokens

    def vectors(self, encoder: Encoder, windows: Sequence[Window], caller: Caller | None = None) -> Vectors:
        """The vectors of one request's windows, in their order. Raises CancelledError when the caller left."""
        ticket = Ticket(encoder, windows, self._clock())
        with self._changed:
            if caller is not None:
                caller.ticket = ticket
                if caller.has_left:
                    raise CancelledError
            if self._closing:
                raise Overloaded("the service is closing", retry_after_seconds=5)
            if self._thread is None:
                self._thread = Thread(target=self._work, name="batcher", daemon=True)
                self._thread.start()
            self._queue.append(ticket)
            self._changed.notify()
        return ticket.future.result()

    def leave(self, caller: Caller) -> None:
        """Take what still waits for a caller out of the queue; what is being computed is finished for nobody."""
        with self._changed:
            caller.has_left = True
            ticket = caller.ticket
            if ticket is not None:
                with suppress(ValueError):
                    self._queue.remove(ticket)
                with suppress(InvalidStateError):
                    ticket.future.set_exception(CancelledError())

    @property
    def waiting_tokens(self) -> int:
        """What waits for the thread."""
        with self._changed:
            return sum(ticket.tokens_left for ticket in self._queue)

    @property
    def released(self) -> Mapping[str, int]:
        """How many releases were made, by reason."""
        return dict(self._released)

    @property
    def refused(self) -> int:
        """How many requests found no room."""
        return self._refused

    def close(self) -> None:
        """Compute what waits, then stop."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout=CLOSE_SECONDS)

    def _work(self) -> None:
        was_busy = False
        while True:
            with self._changed:
                reason = self._wait(was_busy)
                if reason is None:
                    return
                release = self._next()
            self._released[reason] += 1
            for encoder, rows in _by_length(release):
                _compute(encoder, rows)
            was_busy = True

    def _wait(self, was_busy: bool) -> str | None:
        """Why it is time to compute; None: everything is done and the end has come."""
        kept_waiting = was_busy and bool(self._queue)
        while True:
            while not self._queue:
                if self._closing:
                    return None
                kept_waiting = False
                self._changed.wait()
            if self._closing:
                return "closing"
            if sum(ticket.tokens_left for ticket in self._queue) >= self._budget:
                return "full"
            seconds = self._queue[0].arrived + self._max_wait - self._clock()
            if kept_waiting or seconds <= 0:
                return "kept_waiting" if kept_waiting else "waited"
            self._changed.wait(seconds)

    def _next(self) -> list[tuple[Ticket, int]]:
        """The rows to compute now: a share of each request's, whoever came first going on to wait last."""
        share = max(1, self._budget // len(self._queue))
        release: list[tuple[Ticket, int]] = []
        for _ in range(len(self._queue)):
            ticket = self._queue.popleft()
            release += ((ticket, row) for row in ticket.take(share))
            if ticket.left:
                self._queue.append(ticket)
        return release


def _by_length(release: Sequence[tuple[Ticket, int]]) -> list[tuple[Encoder, list[tuple[Ticket, int]]]]:
    """Rows of one encoder and one padded length together, the short ones first."""
    groups: dict[tuple[int, int], list[tuple[Ticket, int]]] = {}
    for ticket, row in release:
        groups.setdefault((padded_length(ticket.windows[row]), id(ticket.encoder)), []).append((ticket, row))
    return [(rows[0][0].encoder, rows) for _, rows in sorted(groups.items(), key=lambda one: one[0])]


def _compute(encoder: Encoder, rows: Sequence[tuple[Ticket, int]]) -> None:
    wanted = [(ticket, row) for ticket, row in rows if not ticket.future.done()]
    if not wanted:
        return
    try:
        vectors = encoder.vectors([ticket.windows[row] for ticket, row in wanted])
    except Exception as error:  # noqa: BLE001 the thread must outlive a model; the requests are told
        for ticket, _ in wanted:
            _end(ticket, error)
        return
    for (ticket, row), vector in zip(wanted, vectors, strict=True):
        ticket.found[row] = vector
        ticket.n_missing -= 1
        if ticket.n_missing == 0:
            _end(ticket, None)


def _end(ticket: Ticket, error: Exception | None) -> None:
    """Answer a request, unless its caller left meanwhile."""
    with suppress(InvalidStateError):
        if error is None:
            ticket.future.set_result(np.array(ticket.found))
        else:
            ticket.future.set_exception(error)
