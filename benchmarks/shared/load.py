"""A lean HTTP client that keeps some connections busy, so that what is measured is the server."""

import asyncio
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Measured:
    """What the client saw: seconds of each answer, how many were refused, how long it all took."""

    seconds: list[float] = field(default_factory=list)
    n_failed: int = 0
    took: float = 0.0
    body: bytes = b""
    """The newest answer."""

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.took

    def percentiles_ms(self, *percents: float) -> list[float]:
        """Milliseconds."""
        return [float(ms) for ms in np.percentile(self.seconds, percents) * 1000]


def request(url: str, path: str, body: bytes, token: str = "") -> bytes:
    """A whole HTTP request that posts JSON."""
    host = urllib.parse.urlsplit(url).netloc
    authorization = f"authorization: Bearer {token}\r\n" if token else ""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
        f"{authorization}content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def load(
    url: str,
    next_request: Callable[[], bytes],
    n_connections: int,
    seconds: float,
    aside: Callable[[], bytes] | None = None,
    aside_per_second: float = 0.0,
) -> Measured:
    """Ask over so many connections for so long; each asks again when it has read an answer.

    Besides, one more connection sends what `aside` gives, at a pace of its own; nothing of it is measured.
    """
    address = urllib.parse.urlsplit(url)
    measured = Measured()
    started = time.perf_counter()
    connections = [_Connection(next_request, started + seconds, measured) for _ in range(n_connections)]
    if aside is not None and aside_per_second > 0:
        connections.append(_Connection(aside, started + seconds, Measured(), 1 / aside_per_second))
    loop = asyncio.get_running_loop()
    for connection in connections:
        await loop.create_connection(lambda one=connection: one, address.hostname or "", address.port or 80)  # type: ignore[misc]
    await asyncio.gather(*(connection.closed.wait() for connection in connections))
    measured.took = time.perf_counter() - started
    measured.n_failed += sum(one.measured.n_failed for one in connections if one.measured is not measured)
    return measured


class _Connection(asyncio.Protocol):
    """One kept connection that sends the next request when it has read an answer, until the time is over."""

    def __init__(self, next_request: Callable[[], bytes], ends: float, measured: Measured, pause: float = 0.0) -> None:
        self.measured = measured
        self._pause = pause
        self.closed = asyncio.Event()
        self._next_request = next_request
        self._ends = ends
        self._received = b""
        self._sent_at = 0.0
        self._transport: Any = None  # one of uvloop, of its own kind

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send(transport)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _content_length(head) or self._transport is None:
            return
        measured = self.measured
        measured.seconds.append(now - self._sent_at)
        measured.n_failed += not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202"))
        measured.body, self._received = body, b""
        if now < self._ends and not measured.n_failed:
            if self._pause:
                asyncio.get_running_loop().call_later(self._pause, self._send, self._transport)
            else:
                self._send(self._transport)
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.measured.n_failed += exc is not None
        self.closed.set()

    def _send(self, transport: Any) -> None:
        asked = self._next_request()
        self._sent_at = time.perf_counter()
        transport.write(asked)


def _content_length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
