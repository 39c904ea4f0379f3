"""Recommendations and ranking in a large chat, over HTTP, with the memory that they take: scripts/bench recommendations

The chat is synthetic (`--users`, `--channels`, `--events`), and a tenth of it is measured first, for how times grow.
Whole requests over `--connections` kept connections from this machine, some rounds of each, the median of the rounds
and their spread; beside each the same bytes from an empty FastAPI route. `--home` keeps the chats for the next run.
"""

import argparse
import contextlib
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import uvloop

from shared.empty_app import empty_app
from shared.large_home import make_home
from shared.load import Measured, load, request
from shared.service import Running, serving
from shared.synthetic_chat import Size, channel_id, user_id

RECOMMENDATIONS, RANK, EVENTS = "/api/ml/recommendations", "/api/ml/rank", "/api/ml/events"
N_RANKED = 100
P99_FLOORS_MS = {"recommendations": 25.0, "rank": 20.0}
PER_SECOND_FLOOR = 300.0
MEMORY_FLOOR_MB = 1_536.0
GROWTH_FLOOR = 1.5
LIVE_BATCH = 10

Requests = Callable[[], bytes]


def main() -> None:
    """Measure both sizes, print a table and one line of JSON; exit 1 when a floor is missed."""
    options = _options()
    whole = Size(options.users, options.channels, options.events)
    tenth = Size(*(max(number // 10, 1) for number in (whole.users, whole.channels, whole.events)))
    print(f"{'users':>8} {'':24}{'conn':>5}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}  (least to most)", flush=True)
    results: list[dict[str, Any]] = []
    with contextlib.ExitStack() as stack:
        root = Path(options.home or stack.enter_context(tempfile.TemporaryDirectory(prefix="quikapp-ml-bench-")))
        for size in (tenth, whole) if options.growth else (whole,):
            results += _measured(root / f"{size.users}-{size.channels}-{size.events}", size, options)
    missed = _missed(results, whole)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    facts = {"benchmark": "recommendations", "machine": machine, "load_average": os.getloadavg()[0]}
    print(orjson.dumps({**facts, "results": results, "missed": missed}).decode())
    raise SystemExit(bool(missed))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--channels", type=int, default=10_000)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long a round is")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--live", type=float, default=100.0, help="events a second that come in, in one case")
    parser.add_argument("--no-growth", dest="growth", action="store_false", help="only the whole chat")
    parser.add_argument("--home", default="", help="a folder that keeps the chats")
    return parser.parse_args()


def _measured(folder: Path, size: Size, options: argparse.Namespace) -> list[dict[str, Any]]:
    made_at = make_home(folder, size)
    recommendations, rank = _recommendations(size), _rank(size)
    many = options.connections
    with serving(folder) as running:
        ask = _Asking(running, size, options)
        ask.warm_up(recommendations)
        at_rest = running.memory_mb()
        rows = [
            ask.case("recommendations", recommendations, many),
            ask.case("recommendations", recommendations, 1),
            ask.case("recommendations, live", recommendations, many, live=True),
            ask.case("rank", rank, 1),
            ask.case("rank", rank, many),
        ]
        memory = {"memory_mb": round(running.memory_mb()), "peak_memory_mb": round(running.peak_memory_mb())}
    print(f"{size.users:>8} memory of the service: {at_rest:.0f} MB after a first round, at the end {memory}")
    return [*rows, {"case": "memory", "users": size.users, **memory, "made_at": made_at}]


class _Asking:
    """Cases against a running service, each beside the empty route."""

    def __init__(self, running: Running, size: Size, options: argparse.Namespace) -> None:
        self._running = running
        self._size = size
        self._options = options

    def warm_up(self, requests: tuple[str, Iterator[bytes]]) -> None:
        """Everything is asked for a first time."""
        self._load(self._running.url, requests, self._options.connections)

    def case(
        self, name: str, requests: tuple[str, Iterator[bytes]], n_connections: int, *, live: bool = False
    ) -> dict[str, Any]:
        """One line of the table, as a row."""
        before, url = self._running.cpu_seconds(), self._running.url
        rounds = [self._load(url, requests, n_connections, live=live) for _ in range(self._options.rounds)]
        cpu_seconds = self._running.cpu_seconds() - before
        with empty_app({requests[0]: rounds[-1].body}) as empty_url:
            empty = self._load(empty_url, requests, n_connections)
        p50s, p99s = zip(*(measured.percentiles_ms(50, 99) for measured in rounds), strict=True)
        per_second = [measured.per_second for measured in rounds]
        row = {
            "case": name, "users": self._size.users, "connections": n_connections,
            "requests_s": round(float(np.median(per_second)), 1),
            "requests_s_spread": [round(min(per_second), 1), round(max(per_second), 1)],
            "p50_ms": round(float(np.median(p50s)), 2),
            "p99_ms": round(float(np.median(p99s)), 2),
            "p99_ms_spread": [round(min(p99s), 2), round(max(p99s), 2)],
            "cpu_ms": round(cpu_seconds / sum(len(measured.seconds) for measured in rounds) * 1000, 2),
            "empty_route": {"requests_s": round(empty.per_second, 1), "p99_ms": round(empty.percentiles_ms(99)[0], 2)},
        }  # fmt: skip
        print(
            f"{row['users']:>8} {name:24}{n_connections:>5}{row['requests_s']:>12}{row['p50_ms']:>9}{row['p99_ms']:>9}"
            f"  ({min(p99s):.2f} to {max(p99s):.2f})  {row['cpu_ms']} ms of CPU each; empty: {empty.per_second:.0f}/s",
            flush=True,
        )
        return row

    def _load(
        self, url: str, requests: tuple[str, Iterator[bytes]], n_connections: int, *, live: bool = False
    ) -> Measured:
        path, bodies = requests

        def next_request() -> bytes:
            return request(url, path, next(bodies))

        pace = self._options.live / LIVE_BATCH if live else 0.0
        seconds = self._options.seconds
        measured = uvloop.run(load(url, next_request, n_connections, seconds, self._events(url), pace))
        if measured.n_failed:
            raise SystemExit(f"{measured.n_failed} requests to {path} failed: {measured.body[:500]!r}")
        return measured

    def _events(self, url: str) -> Requests:
        return lambda: request(url, EVENTS, _events(self._size))


def _recommendations(size: Size) -> tuple[str, Iterator[bytes]]:
    random = np.random.default_rng(3)

    def bodies() -> Iterator[bytes]:
        while True:
            who, where = random.integers(size.users), int(random.pareto(0.7) * 3) % size.channels
            context = {"channel_id": channel_id(where), "time_of_day": "morning"}
            yield orjson.dumps({"user_id": user_id(int(who)), "context": context, "limit": 10})

    return RECOMMENDATIONS, bodies()


def _rank(size: Size) -> tuple[str, Iterator[bytes]]:
    random = np.random.default_rng(4)
    now = datetime.now(UTC).isoformat()

    def bodies() -> Iterator[bytes]:
        while True:
            who = random.integers(size.users)
            places, authors = (random.integers(0, n, N_RANKED).tolist() for n in (size.channels, size.users))
            items = [
                {
                    "item_id": f"i{at}", "item_type": "message", "content": "The notes of the release are nearly ready",
                    "channel_id": channel_id(where), "author_id": user_id(author), "created_at": now,
                }
                for at, (where, author) in enumerate(zip(places, authors, strict=True))
            ]  # fmt: skip
            yield orjson.dumps({"user_id": user_id(int(who)), "items": items})

    return RANK, bodies()


_NUMBERS = count()


def _events(size: Size) -> bytes:
    number = next(_NUMBERS)
    now = datetime.now(UTC).isoformat()
    events = [
        {
            "event_id": f"live-{os.getpid()}-{number}-{at}", "type": "message", "event_time": now,
            "user_id": user_id(number * 7919 % size.users), "channel_id": channel_id((number * 31 + at) % 100),
            "message_id": f"live-{os.getpid()}-{number}-{at}", "content": "Good morning! Who looks after the release?",
        }
        for at in range(LIVE_BATCH)
    ]  # fmt: skip
    return orjson.dumps({"events": events})


def _missed(results: list[dict[str, Any]], whole: Size) -> list[str]:
    """Floors are for the whole chat; the growth is that of the p99 of recommendations."""
    by_case = {(row["case"], row["users"], row.get("connections")): row for row in results}
    missed = []
    most = max(row["connections"] for row in results if "connections" in row)
    asked, ranked = by_case["recommendations", whole.users, most], by_case["rank", whole.users, 1]
    for name, row in (("recommendations", asked), ("rank", ranked)):
        if row["p99_ms"] > P99_FLOORS_MS[name]:
            missed.append(f"p99 of {name}: {row['p99_ms']} ms, above {P99_FLOORS_MS[name]}")
    if asked["requests_s"] < PER_SECOND_FLOOR:
        missed.append(f"{asked['requests_s']} recommendations a second, below {PER_SECOND_FLOOR}")
    memory = by_case["memory", whole.users, None]["memory_mb"]
    if memory > MEMORY_FLOOR_MB:
        missed.append(f"{memory} MB of memory, above {MEMORY_FLOOR_MB}")
    growth = _growth(results, asked)
    if growth > GROWTH_FLOOR:
        missed.append(f"p99 grows {growth:.2f} times, more than {GROWTH_FLOOR}")
    return missed


def _growth(results: list[dict[str, Any]], asked: dict[str, Any]) -> float:
    """How many times the p99 of a tenth of the people; 0 where that was not measured."""
    alike = [row for row in results if all(row.get(name) == asked[name] for name in ("case", "connections"))]
    growth = asked["p99_ms"] / alike[0]["p99_ms"] if len(alike) > 1 else 0.0
    print(f"p99 at ten times the people: {growth:.2f} times" if growth else "growth was not measured")
    return float(growth)


if __name__ == "__main__":
    main()
