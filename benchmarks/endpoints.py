"""Throughput and latency over HTTP, each beside an empty FastAPI route: scripts/bench endpoints --url http://127.0.0.1:5008"""

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import platform
import socket
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import numpy as np
import orjson
import uvicorn
import uvloop
from fastapi import FastAPI, Request, Response

BATCH = 500
WARM_UP_SECONDS = 1.0
_RUN = uuid.uuid4().hex[:8]


@dataclass(frozen=True)
class Case:
    """One endpoint and the bodies that it is sent, never twice the same event."""

    path: str
    bodies: Callable[[int], bytes]
    events: int = 0


@dataclass
class Measured:
    """What one run of the load generator saw."""

    seconds: list[float] = field(default_factory=list)
    n_failed: int = 0
    took: float = 0.0

    def row(self, case: Case) -> dict[str, float]:
        """Numbers per second, and milliseconds."""
        p50, p99 = (float(ms) for ms in np.percentile(self.seconds, (50, 99)) * 1000)
        per_second = len(self.seconds) / self.took
        row = {"requests_s": round(per_second, 1), "p50_ms": round(p50, 3), "p99_ms": round(p99, 3)}
        return {**row, "events_s": round(per_second * case.events)} if case.events else row


def main() -> None:
    """Measure the running service and print a table, then one line of JSON."""
    options = _options()
    cases = _cases(options.user_format, options.users)
    answers = {case.path: _one_answer(options.url, case) for case in cases}
    results: list[dict[str, Any]] = []
    print(f"{'':24}{'conn':>5}{'':>9}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'events/s':>10}")
    with _empty_app(answers) as empty_url:
        for case in cases:
            for n_connections in options.connections:
                for name, url in (("service", options.url), ("empty", empty_url)):
                    measured = uvloop.run(_load(url, case, n_connections, options.seconds))
                    row = measured.row(case)
                    results.append({"path": case.path, "connections": n_connections, "app": name, **row})
                    _print_row(results[-1], measured.n_failed)
                    if measured.n_failed:
                        raise SystemExit(
                            f"{measured.n_failed} requests to {case.path} failed: the numbers mean nothing"
                        )
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    print(orjson.dumps({"benchmark": "endpoints", "machine": machine, "results": results}).decode())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:5008", help="URL of the running service")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each number is measured")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--users", type=int, default=200, help="how many people are asked for")
    parser.add_argument("--user-format", default="U{:04d}", help="form of the people's ids")
    return parser.parse_args()


def _cases(user_format: str, n_users: int) -> list[Case]:
    users = [user_format.format(n) for n in range(1, n_users + 1)]

    def recommendations(n: int) -> bytes:
        context = {"channel_id": "channel-456", "time_of_day": "morning"}
        return orjson.dumps({"user_id": users[n % n_users], "context": context, "limit": 10})

    def spam(n: int) -> bytes:
        metadata = {"ip_address": "192.168.1.1", "user_agent": "Mozilla/5.0..."}
        return orjson.dumps(
            {"content": "Check out this amazing offer!", "user_id": users[n % n_users], "metadata": metadata}
        )

    def sentiment(n: int) -> bytes:
        messages = [
            {"id": f"msg-{n}-1", "content": "This is great!"},
            {"id": f"msg-{n}-2", "content": "I'm frustrated with this issue"},
        ]
        return orjson.dumps({"messages": messages})

    template = _events_template(users)

    def events(n: int) -> bytes:
        return template.replace(b"@@@@@@@@", b"%08d" % n)

    return [
        Case("/api/ml/recommendations", recommendations),
        Case("/api/ml/spam-check", spam),
        Case("/api/ml/sentiment", sentiment),
        Case("/api/ml/events", events, BATCH),
    ]


def _events_template(users: list[str]) -> bytes:
    now = datetime.now(UTC).isoformat()
    events = [
        {
            "event_id": f"bench-{_RUN}-@@@@@@@@-{n}",
            "type": "message",
            "event_time": now,
            "user_id": users[n % len(users)],
            "channel_id": f"bench-{n % 20}",
            "message_id": f"bench-{_RUN}-@@@@@@@@-{n}",
            "content": "Good morning! Who looks after the release today? The notes are nearly ready.",
        }
        for n in range(BATCH)
    ]
    return orjson.dumps({"events": events})


def _one_answer(url: str, case: Case) -> bytes:
    """What the service answers: the empty route gives the same bytes back."""
    return uvloop.run(_ask_once(url, case))


async def _ask_once(url: str, case: Case) -> bytes:
    asked = _Connection(_requests(url, case), float("-inf"), Measured())
    await _connect(url, asked)
    if not asked.is_good:
        raise SystemExit(f"{url}{case.path} does not answer: {asked.body[:500].decode(errors='replace')}")
    return asked.body


@contextlib.contextmanager
def _empty_app(answers: dict[str, bytes]) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = multiprocessing.get_context("spawn").Process(target=_serve_empty, args=(answers, port), daemon=True)
    process.start()
    while True:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            break
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.join()


def _serve_empty(answers: dict[str, bytes], port: int) -> None:
    app = FastAPI()
    for path, answer in answers.items():
        app.post(path)(_empty_route(answer))
    uvicorn.run(app, port=port, loop="uvloop", http="httptools", access_log=False, log_config=None)


def _empty_route(answer: bytes) -> Callable[[Request], Any]:
    async def route(request: Request) -> Response:
        await request.body()
        return Response(answer, media_type="application/json")

    return route


def _requests(url: str, case: Case) -> Iterator[bytes]:
    host = urllib.parse.urlsplit(url).netloc
    head = f"POST {case.path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: "
    for n in _NUMBERS:
        body = case.bodies(n)
        yield head.encode() + str(len(body)).encode() + b"\r\n\r\n" + body


_NUMBERS = count()


async def _load(url: str, case: Case, n_connections: int, seconds: float) -> Measured:
    requests = _requests(url, case)
    measured = Measured()
    begin = time.perf_counter() + WARM_UP_SECONDS
    end = begin + seconds
    warm = [_Connection(requests, begin, Measured()) for _ in range(n_connections)]
    await asyncio.gather(*(_connect(url, connection) for connection in warm))
    started = time.perf_counter()
    connections = [_Connection(requests, end, measured) for _ in range(n_connections)]
    await asyncio.gather(*(_connect(url, connection) for connection in connections))
    measured.took = time.perf_counter() - started
    measured.n_failed += sum(connection.measured.n_failed for connection in warm)
    return measured


async def _connect(url: str, connection: "_Connection") -> None:
    address = urllib.parse.urlsplit(url)
    await asyncio.get_running_loop().create_connection(lambda: connection, address.hostname or "", address.port or 80)
    await connection.closed.wait()


class _Connection(asyncio.Protocol):
    """One kept connection that sends the next request when it has read an answer, until the time is over."""

    def __init__(self, requests: Iterator[bytes], end: float, measured: Measured) -> None:
        self.measured = measured
        self.closed = asyncio.Event()
        self.is_good = False
        self.body = b""
        self._requests = requests
        self._end = end
        self._received = b""
        self._transport: Any = None
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _content_length(head):
            return
        self.is_good = head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202"))
        self.measured.seconds.append(now - self._sent_at)
        self.measured.n_failed += not self.is_good
        self.body, self._received = body, b""
        if now < self._end:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.measured.n_failed += bool(exc) or not self.body
        self.closed.set()

    def _send(self) -> None:
        request = next(self._requests)
        self._sent_at = time.perf_counter()
        self._transport.write(request)


def _content_length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])


def _print_row(row: dict[str, Any], n_failed: int) -> None:
    events = f"{row['events_s']:>10}" if "events_s" in row else ""
    failed = f"  {n_failed} failed" if n_failed else ""
    numbers = f"{row['requests_s']:>12}{row['p50_ms']:>9}{row['p99_ms']:>9}"
    print(f"{row['path']:24}{row['connections']:>5}{row['app']:>9}{numbers}{events}{failed}", flush=True)


if __name__ == "__main__":
    main()
