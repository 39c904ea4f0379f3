"""Throughput and latency over HTTP, each beside an empty FastAPI route: scripts/bench endpoints --url http://127.0.0.1:5008"""

import argparse
import os
import platform
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import orjson
import uvloop

from quikapp_ml.importers.sample.texts import spam_texts
from shared.empty_app import empty_app
from shared.load import Measured, load, request

BATCH = 500
WARM_UP_SECONDS = 1.0
N_LINES = 2_000
"""Different texts that spam checks are asked about, half of them spam: a service that has just read the same text is
no measure."""
SEED = 7
_RUN = uuid.uuid4().hex[:8]


@dataclass(frozen=True)
class Case:
    """One endpoint and the bodies that it is sent, never twice the same event."""

    path: str
    bodies: Callable[[int], bytes]
    events: int = 0


def main() -> None:
    """Measure the running service and print a table, then one line of JSON."""
    options = _options()
    cases = _cases(options.user_format, options.users)
    answers = {case.path: _one_answer(options.url, case) for case in cases}
    results: list[dict[str, Any]] = []
    print(f"{'':24}{'conn':>5}{'':>9}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'events/s':>10}")
    with empty_app(answers) as empty_url:
        for case in cases:
            for n_connections in options.connections:
                for name, url in (("service", options.url), ("empty", empty_url)):
                    row = _row(_measured(url, case, n_connections, options.seconds), case)
                    results.append({"path": case.path, "connections": n_connections, "app": name, **row})
                    _print_row(results[-1])
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

    lines = [text for text, _ in spam_texts(N_LINES, SEED)]

    def spam(n: int) -> bytes:
        metadata = {"ip_address": "192.168.1.1", "user_agent": "Mozilla/5.0..."}
        return orjson.dumps({"content": lines[n % N_LINES], "user_id": users[n % n_users], "metadata": metadata})

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
    measured = uvloop.run(load(url, _requests(url, case), 1, 0.0))
    if measured.n_failed:
        raise SystemExit(f"{url}{case.path} does not answer: {measured.body[:500].decode(errors='replace')}")
    return measured.body


def _measured(url: str, case: Case, n_connections: int, seconds: float) -> Measured:
    requests = _requests(url, case)
    warm = uvloop.run(load(url, requests, n_connections, WARM_UP_SECONDS))
    measured = uvloop.run(load(url, requests, n_connections, seconds))
    if warm.n_failed + measured.n_failed:
        raise SystemExit(f"requests to {case.path} failed: the numbers mean nothing")
    return measured


def _row(measured: Measured, case: Case) -> dict[str, float]:
    """Numbers per second, and milliseconds."""
    p50, p99 = measured.percentiles_ms(50, 99)
    row = {"requests_s": round(measured.per_second, 1), "p50_ms": round(p50, 3), "p99_ms": round(p99, 3)}
    return {**row, "events_s": round(measured.per_second * case.events)} if case.events else row


def _requests(url: str, case: Case) -> Callable[[], bytes]:
    return lambda: request(url, case.path, case.bodies(next(_NUMBERS)))


_NUMBERS = count()


def _print_row(row: dict[str, Any]) -> None:
    events = f"{row['events_s']:>10}" if "events_s" in row else ""
    numbers = f"{row['requests_s']:>12}{row['p50_ms']:>9}{row['p99_ms']:>9}"
    print(f"{row['path']:24}{row['connections']:>5}{row['app']:>9}{numbers}{events}", flush=True)


if __name__ == "__main__":
    main()
