"""Handing events over in lists: to the intake of this process, or to a running service."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any, Protocol

import httpx

from quikapp_ml.entities.decisions import Receipt, Rejection
from quikapp_ml.errors import InvalidInput, Unavailable

Sink = Callable[[Sequence[Mapping[str, Any]]], Receipt]
"""Takes a list of events and says what became of them."""

MAX_BATCH = 1_000
_MOST_EXAMPLES = 100
_TRIES = 8
_LONGEST_PAUSE_SECONDS = 30.0
_TIMEOUT_SECONDS = 60.0


class Intake(Protocol):
    """The part of the event intake that is used here."""

    def accept_now(self, given: Sequence[object], now: datetime) -> Receipt:
        """Take events; return when the accepted ones are on the disk."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a whole delivery; the `index` of a rejection counts from the delivery's first event."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    first_rejected: tuple[Rejection, ...] = ()
    """The first hundred rejections."""

    @property
    def total(self) -> int:
        """All events that were handed over."""
        return self.accepted + self.duplicates + self.rejected

    def plus(self, receipt: Receipt) -> "Delivered":
        """With one more list."""
        room = max(0, _MOST_EXAMPLES - len(self.first_rejected))
        moved = (Rejection(self.total + r.index, r.code, r.message, r.path) for r in receipt.rejected[:room])
        return Delivered(
            self.accepted + receipt.accepted,
            self.duplicates + receipt.duplicates,
            self.rejected + len(receipt.rejected),
            (*self.first_rejected, *moved),
        )


def deliver(
    events: Iterable[Mapping[str, Any]],
    sink: Sink,
    batch: int = 500,
    on_progress: Callable[[int], None] | None = None,
) -> Delivered:
    """Hand all events over, `batch` at a time; `on_progress` is told how many are through.

    Events carry ids, so a delivery that broke off may simply be repeated.
    """
    if not 1 <= batch <= MAX_BATCH:
        raise InvalidInput(f"batch is {batch}; allowed is 1 to {MAX_BATCH}")
    delivered = Delivered()
    for some in _in_batches(events, batch):
        delivered = delivered.plus(sink(some))
        if on_progress is not None:
            on_progress(delivered.total)
    return delivered


def intake_sink(intake: Intake, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Sink:
    """A sink into the intake of this process."""
    return lambda events: intake.accept_now(events, clock())


def http_sink(url: str, client: httpx.Client | None = None, sleep: Callable[[float], None] = time.sleep) -> Sink:
    """A sink into a running service, `url` being its address, such as http://localhost:5008.

    A service that is busy (503) or restarting is asked again, after the pause that it names; the sink raises
    Unavailable when it does not recover, and InvalidInput when it refuses the list as a whole.
    """
    post = client.post if client is not None else partial(httpx.post, timeout=_TIMEOUT_SECONDS)
    address = f"{url.rstrip('/')}/api/ml/events"

    def send(events: Sequence[Mapping[str, Any]]) -> Receipt:
        problem, pause = "", 0.0
        for attempt in range(_TRIES):
            if attempt:
                sleep(pause)
            try:
                answer = post(address, json={"events": list(events)})
            except httpx.TransportError as error:
                problem, pause = f"{type(error).__name__}: {error}", _pause(None, attempt)
                continue
            if answer.status_code in (429, 503):
                problem, pause = _said(answer), _pause(answer.headers.get("Retry-After"), attempt)
                continue
            return _receipt(answer, address)
        raise Unavailable(f"{address} does not take events, asked {_TRIES} times; the last answer: {problem}")

    return send


def _in_batches(events: Iterable[Mapping[str, Any]], size: int) -> Iterator[list[Mapping[str, Any]]]:
    rest = iter(events)
    while some := list(islice(rest, size)):
        yield some


def _pause(retry_after: str | None, attempt: int) -> float:
    """Seconds to wait: what the service names, else twice as long each time."""
    try:
        seconds = float(retry_after) if retry_after else 0.25 * 2**attempt
    except ValueError:
        seconds = 1.0
    return min(max(seconds, 0.0), _LONGEST_PAUSE_SECONDS)


def _receipt(answer: httpx.Response, address: str) -> Receipt:
    if answer.status_code != 202:
        raise InvalidInput(f"{address} refused the events with status {answer.status_code}: {_said(answer)}")
    body = answer.json()
    rejected = tuple(
        Rejection(r["index"], r["code"], r["message"], r.get("path") or "") for r in body.get("rejected", ())
    )
    return Receipt(body["accepted"], body["duplicates"], rejected)


def _said(answer: httpx.Response) -> str:
    """The message of an error answer, or the beginning of whatever came instead."""
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]
