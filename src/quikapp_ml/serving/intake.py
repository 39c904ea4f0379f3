"""Events in: checked one by one, written down, applied to what answers are made from, and only then acknowledged."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Protocol

import orjson
from pydantic import ValidationError as PydanticValidationError

from quikapp_ml.entities.decisions import Receipt, Rejection
from quikapp_ml.entities.events import Event, event_from_row, event_row, parse_event
from quikapp_ml.errors import Damaged, InvalidInput, Unavailable
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.stores.lake.tables import EVENTS
from quikapp_ml.stores.online.base import OnlineStore
from quikapp_ml.stores.spool.base import Frame, Spool

logger = logging.getLogger(__name__)

EVENT_IDS = "event_ids"
"""Namespace of the online store that remembers which events were taken: digest of the event id → empty document."""

MAX_MESSAGE_LENGTH = 500


class Persistent(Protocol):
    """State in memory whose documents are kept in the online store."""

    NAMESPACES: tuple[str, ...]

    def load(self, namespace: str, items: Iterable[tuple[str, bytes]]) -> None:
        """Take the documents of a namespace in."""

    def changes(self) -> Mapping[str, Mapping[str, bytes | None]]:
        """Documents that changed since the last call."""


class EventIntake:
    """Takes events, each once.

    What is in memory (`workspace`, `features`) is always ahead of the online store, whose documents are complete up to
    exactly its checkpoint, a sequence number of the spool: after a crash, `recover` loads the documents and applies the
    frames behind the checkpoint, so that nothing counts twice and nothing is missing. `witness` is told of each event
    that this process takes or replays, and keeps nothing that must last.
    """

    def __init__(
        self,
        spool: Spool,
        online: OnlineStore,
        workspace: Workspace,
        features: OnlineFeatures,
        witness: Callable[[Event], None] = lambda _: None,
    ) -> None:
        self._spool = spool
        self._online = online
        self._workspace = workspace
        self._features = features
        self._witness = witness
        self._states: tuple[Persistent, ...] = (workspace, features)
        self._lock = threading.Lock()
        self._one_persist = threading.Lock()
        self._new_ids: dict[str, int] = {}
        self._leaving_ids: dict[str, int] = {}
        self._unwritten: dict[str, dict[str, bytes | None]] = {}
        self._checkpoint = 0
        self._is_recovered = False

    # --- taking events

    async def accept(self, given: Sequence[object], now: datetime) -> Receipt:
        """Take events as clients send them; return when the accepted ones are on the disk.

        Raises Overloaded and StorageFailed; then none of them is acknowledged, and all can be sent again.
        """
        receipt, sequence = self._take(given, now)
        await self._spool.durable(sequence)
        return receipt

    def accept_now(self, given: Sequence[object], now: datetime) -> Receipt:
        """`accept` for callers without an event loop."""
        receipt, sequence = self._take(given, now)
        if sequence:
            self._spool.sync()
        return receipt

    def _take(self, given: Sequence[object], now: datetime) -> tuple[Receipt, int]:
        """The receipt, and the frame that must be durable before it is given out (0: none)."""
        if not self._is_recovered:
            raise Unavailable("events of an earlier run are still being read in; send again soon")
        events, rejected = _check(given, now)
        with self._lock:
            fresh, sequence = self._without_known(events)
            if fresh:
                sequence = self._spool.append(EVENTS.name, [event_row(event, now) for event in fresh.values()])
                self._new_ids.update(dict.fromkeys(fresh, sequence))
                for event in fresh.values():
                    self._apply(event)
        n_duplicates = len(given) - len(rejected) - len(fresh)
        return Receipt(len(fresh), n_duplicates, tuple(rejected)), sequence

    def _without_known(self, events: Sequence[Event]) -> tuple[dict[str, Event], int]:
        """The events never taken before, by digest of their ids, and the newest frame that holds one of the others.

        The others' first writing may not be durable yet: a retry is not acknowledged before it is.
        """
        fresh: dict[str, Event] = {}
        for event in events:
            fresh.setdefault(_digest(event.event_id), event)
        newest = 0
        for ids in (self._new_ids, self._leaving_ids):
            for digest in fresh.keys() & ids.keys():
                newest = max(newest, ids[digest])
                del fresh[digest]
        digests = list(fresh)
        for digest, document in zip(digests, self._online.get(EVENT_IDS, digests), strict=True):
            if document is not None:
                del fresh[digest]
        return fresh, newest

    def _apply(self, event: Event) -> None:
        try:
            for activity in self._workspace.apply(event):
                self._features.apply(activity)
            self._witness(event)
        except Exception:  # an event that is written down must not stop those behind it, nor every later start
            logger.exception("event %s is kept, but answers do not know of it", event.event_id)

    # --- keeping

    @property
    def is_recovered(self) -> bool:
        """Whether what an earlier process left behind is read in."""
        return self._is_recovered

    def recover(self) -> None:
        """Load the documents and apply the events behind the checkpoint. Called once, before the first `accept`."""
        for state in self._states:
            for namespace in state.NAMESPACES:
                state.load(namespace, self._online.items(namespace))
        self._checkpoint = self._online.checkpoint
        self._replay_behind(self._checkpoint)

    def rebuild(self, events: Iterable[Event], through: int) -> None:
        """`recover` for an online store that knows nothing, of a home whose tables do.

        `events` are those of the tables, which hold the spool's frames up to number `through`.
        """
        n_events = 0
        for event in events:
            self._new_ids[_digest(event.event_id)] = through
            self._apply(event)
            n_events += 1
        if n_events:
            logger.warning("the online store lacks events: it is made again from the %d events of the tables", n_events)
        self._replay_behind(through)

    def _replay_behind(self, sequence: int) -> None:
        self._spool.skip_to(sequence)
        n_events = 0
        for frame in self._spool.read(sequence):
            if frame.table == EVENTS.name:
                self._replay(frame)
                n_events += frame.n_rows
        self._is_recovered = True
        if n_events:
            logger.info("applied %d events that an earlier run had accepted", n_events)

    def _replay(self, frame: Frame) -> None:
        for line in frame.body.splitlines():
            try:
                event = event_from_row(orjson.loads(line))
            except (ValueError, PydanticValidationError) as error:
                raise Damaged(
                    f"frame {frame.sequence} of the spool holds no event that is understood: {error}"
                ) from None
            self._new_ids[_digest(event.event_id)] = frame.sequence
            self._apply(event)

    def persist(self) -> int:
        """Bring the online store up to all that was taken, in one transaction; return the new checkpoint.

        Called from a background thread. Raises StorageFailed; the next call then writes this one's changes too.
        """
        if not self._is_recovered:
            return self._checkpoint
        with self._one_persist:
            with self._lock:
                checkpoint = self._spool.last_sequence
                self._collect()
            if checkpoint == self._checkpoint and not self._unwritten:
                return checkpoint
            self._spool.sync()  # else a power cut could leave counts, and ids, of events that the spool has lost
            self._online.write(self._unwritten, checkpoint)
            with self._lock:
                self._unwritten = {}
                self._leaving_ids = {}
            self._checkpoint = checkpoint
            return checkpoint

    def _collect(self) -> None:
        for state in self._states:
            for namespace, documents in state.changes().items():
                self._unwritten.setdefault(namespace, {}).update(documents)
        if self._new_ids:
            self._unwritten.setdefault(EVENT_IDS, {}).update(dict.fromkeys(self._new_ids, b""))
            self._leaving_ids.update(self._new_ids)
            self._new_ids = {}


def _check(given: Sequence[object], now: datetime) -> tuple[list[Event], list[Rejection]]:
    events: list[Event] = []
    rejected: list[Rejection] = []
    for index, one in enumerate(given):
        try:
            events.append(parse_event(one, now=now))
        except InvalidInput as error:
            first = error.problems[0]
            message = first.message if len(error.problems) == 1 else str(error)
            rejected.append(Rejection(index, first.code, message[:MAX_MESSAGE_LENGTH], first.path))
    return events, rejected


def _digest(event_id: str) -> str:
    """16 bytes in hex, whatever the length of the id: 10^12 ids have a chance of 10^-15 that two agree."""
    return blake2b(event_id.encode(), digest_size=16).hexdigest()
