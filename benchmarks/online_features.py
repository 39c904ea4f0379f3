"""Feature reads in process and over HTTP, beside Feast, and how soon an event shows: scripts/bench online_features"""

import argparse
import contextlib
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pyarrow as pa

from quikapp_ml.entities.activities import Activity
from quikapp_ml.feature_store.publishing import publish
from quikapp_ml.feature_store.tables import FeatureTable
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.models import MODEL_CLASSES
from quikapp_ml.serving.online_features import OnlineFeatureService
from quikapp_ml.stores.online import open_online_store
from quikapp_ml.stores.online.base import OnlineStore
from quikapp_ml.stores.registry.memory import MemoryRegistry

VIEW, TABLE = "user_activity", "quikapp_ml.features.bench"
N_FEATURES = 10
N_USERS = 5_000
N_EVENTS = 20_000
EVENTS_A_CALL = 500
START_SECONDS = 120.0
IDLE_SECONDS = 1.0
FLOORS_MS = {"in process, 1 user": 2.0, "HTTP, 100 users": 15.0, "event": 1_000.0}
"""p99 that is asked for."""

Times = np.ndarray[Any, np.dtype[np.float64]]
Ask = Callable[[int], object]


@dataclass(frozen=True)
class Case:
    """One kind of read: `times` gives the seconds that each read of these numbers took."""

    name: str
    times: Callable[[range], Times]
    bound: str = ""


def timed(ask: Ask, before: Ask = lambda _number: None) -> Callable[[range], Times]:
    """What times `ask`, one after another; what comes `before` it is not timed."""

    def times(numbers: range) -> Times:
        found = np.empty(len(numbers))
        for at, number in enumerate(numbers):
            before(number)
            began = time.perf_counter()
            ask(number)
            found[at] = time.perf_counter() - began
        return found

    return times


def main() -> None:
    """Measure, print a table, and one line of JSON at the end; exit 1 when a floor is not met."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="quikapp-ml-bench-") as name, contextlib.ExitStack() as running:
        folder = Path(name)
        url = running.enter_context(_ours(folder / "home", folder / "ours.log"))
        _fill(url, folder / "home")
        cases = [
            *running.enter_context(_in_process(folder / "home")),
            *running.enter_context(_over_http(url)),
            *running.enter_context(_feast(options.feast, folder)),
        ]
        results = _measured(cases, options)
    if not options.feast:
        print("Feast was not measured; name a Python that has it: --feast /path/to/python")
    missed = [name for name, row in results.items() if row.get("floor_ms", np.inf) < row["p99_ms"]]
    load = round(os.getloadavg()[0], 1)  # a busy machine shows in every p99
    machine = {"cpus": os.cpu_count(), "load": load, "python": platform.python_version(), "system": platform.platform()}
    facts = {"users": N_USERS, "events": N_EVENTS, "calls": options.calls, "rounds": options.rounds}
    print(
        json.dumps({"benchmark": "online_features", "machine": machine, **facts, "results": results, "missed": missed})
    )
    raise SystemExit(bool(missed))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500, help="calls of each kind in a round")
    parser.add_argument("--rounds", type=int, default=7, help="rounds; in each, every kind of read has its turn")
    parser.add_argument("--feast", default="", help="a Python of an environment of its own that has Feast 0.67")
    return parser.parse_args()


def _measured(cases: list[Case], options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Percentiles and throughput of each case: the median of the rounds, and their spread."""
    seconds: dict[str, list[Times]] = {case.name: [] for case in cases}
    for round_ in range(-1, options.rounds):  # the first one warms up
        for case in cases:
            n_calls = options.calls if round_ >= 0 else options.calls // 10
            times = case.times(range((round_ + 1) * options.calls, (round_ + 1) * options.calls + n_calls))
            if round_ >= 0:
                seconds[case.name].append(times)
    print(f"{'':46}{'p50 ms':>9}{'p99 ms':>9}{'(least to most)':>20}{'calls/s':>10}")
    return {case.name: _row(case, seconds[case.name]) for case in cases}


def _row(case: Case, rounds: list[Times]) -> dict[str, Any]:
    p50s, p99s = ([float(np.percentile(times, percent)) * 1_000 for times in rounds] for percent in (50, 99))
    per_second = [len(times) / float(times.sum()) for times in rounds]
    row: dict[str, Any] = {
        "p50_ms": round(float(np.median(p50s)), 4),
        "p99_ms": round(float(np.median(p99s)), 4),
        "p99_ms_spread": [round(min(p99s), 4), round(max(p99s), 4)],
        "per_second": round(float(np.median(per_second))),
    }
    spread = f"({min(p99s):.3f} to {max(p99s):.3f})"
    print(f"{case.name:46}{row['p50_ms']:9.3f}{row['p99_ms']:9.3f}{spread:>20}{row['per_second']:10,}")
    return {**row, "floor_ms": FLOORS_MS[case.bound]} if case.bound else row


# --- what is read


def _user(number: int) -> dict[str, str]:
    return {"user_id": f"u{number * 7919 % N_USERS}"}


def _users(number: int, n_users: int) -> list[dict[str, str]]:
    return [_user(number * n_users + k) for k in range(n_users)]


def _fill(url: str, home: Path) -> None:
    """Give every user something to tell, and publish a table of ten features."""
    with httpx.Client(base_url=url, timeout=60) as client:
        for start in range(0, N_EVENTS, EVENTS_A_CALL):
            events = [_event(number) for number in range(start, start + EVENTS_A_CALL)]
            client.post("/api/ml/events", json={"events": events}).raise_for_status()
    columns = pa.schema([("user_id", pa.string()), *((f"f{k}", pa.float64()) for k in range(N_FEATURES))])
    rows = [{"user_id": f"u{n}", **{f"f{k}": n / (k + 1) for k in range(N_FEATURES)}} for n in range(N_USERS)]
    table = FeatureTable(TABLE, ("user_id",), columns=columns, version=1)
    with contextlib.closing(_store(home)) as online:
        publish(table, pa.Table.from_pylist(rows, schema=columns), online, datetime.now(UTC), overwrite=False)


def _event(number: int, user: str = "") -> dict[str, str]:
    return {
        "type": "message",
        "event_id": f"event-{number}",
        "event_time": datetime.fromtimestamp(time.time() - 60, UTC).isoformat(),
        "user_id": user or f"u{number % N_USERS}",
        "channel_id": f"c{number % 97}",
        "message_id": f"m{number}",
        "content": "a text",
    }


def _store(home: Path) -> OnlineStore:
    return open_online_store(f"sqlite:///{home / 'online.db'}")


@contextlib.contextmanager
def _in_process(home: Path) -> Iterator[list[Case]]:
    """Reads of this process: of features that it counted itself, and of the store that the service has."""
    features = OnlineFeatures()
    for n in range(N_EVENTS):
        features.apply(Activity("posted", time.time() - n, f"u{n % N_USERS}", f"c{n % 97}", f"m{n}"))
    with contextlib.closing(_store(home)) as online:
        reads = OnlineFeatureService(features, online, MemoryRegistry(), time.time)
        bound = "in process, 1 user"
        yield [
            Case("in process, 1 x 8, live", timed(lambda n: reads.of_view(VIEW, [_user(n)], None)), bound),
            Case("in process, 1 x 10, published", timed(lambda n: reads.of_table(TABLE, [_user(n)], None)), bound),
            Case("in process, 100 x 10, published", timed(lambda n: reads.of_table(TABLE, _users(n, 100), None))),
        ]


@contextlib.contextmanager
def _over_http(url: str) -> Iterator[list[Case]]:
    """Reads over one connection, and of events as soon as they are acknowledged."""
    with contextlib.closing(Connection(url)) as connection:

        def ask(source: dict[str, str], keys: list[dict[str, str]]) -> Any:
            return orjson.loads(connection.post("/api/ml/features/online", {**source, "keys": keys}))["entities"]

        def send(number: int) -> None:
            connection.post("/api/ml/events", {"events": [_event(N_EVENTS + number, f"new-{number}")]})

        def ask_until_there(number: int) -> None:
            while ask({"view": VIEW}, [{"user_id": f"new-{number}"}])[0]["status"] != "present":
                pass

        bound = "HTTP, 100 users"
        yield [
            Case("HTTP, 1 x 8, live", timed(lambda n: ask({"view": VIEW}, [_user(n)]))),
            Case("HTTP, 1 x 10, published", timed(lambda n: ask({"table": TABLE}, [_user(n)]))),
            Case("HTTP, 100 x 8, live", timed(lambda n: ask({"view": VIEW}, _users(n, 100))), bound),
            Case("HTTP, 100 x 10, published", timed(lambda n: ask({"table": TABLE}, _users(n, 100))), bound),
            Case("event acknowledged, until its feature is read", timed(ask_until_there, before=send), "event"),
        ]


# --- Feast


@contextlib.contextmanager
def _feast(python: str, folder: Path) -> Iterator[list[Case]]:
    """The same reads of Feast in a process of its own, and of Feast's server."""
    if not python:
        yield []
        return
    numbers = [str(number) for number in (N_USERS, N_FEATURES)]
    program = [python, str(Path(__file__).parent / "peers" / "feast_store.py"), str(folder / "feast"), *numbers]
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    serve = [str(Path(python).parent / "feast"), "-c", str(folder / "feast"), "serve", "-p", str(port)]
    names = [f"bench:f{k}" for k in range(N_FEATURES)]
    with contextlib.ExitStack() as running:
        reads = running.enter_context(_process(program, {}, folder / "feast.log"))
        if not _told(reads, [0, 0, 0]) == []:
            raise SystemExit("Feast made no store")
        running.enter_context(
            _process([*serve, "--no-access-log", "--max-requests", "0"], {}, folder / "feast_serve.log")
        )
        _wait(lambda: _is_up(f"{url}/health"))
        connection = running.enter_context(contextlib.closing(Connection(url)))

        def ask(keys: list[dict[str, str]]) -> Any:
            entities = {"user_id": [key["user_id"] for key in keys]}
            return orjson.loads(connection.post("/get-online-features", {"features": names, "entities": entities}))

        yield [
            Case("Feast, in process, 1 x 10", lambda n: np.array(_told(reads, [1, n.start, n.stop]))),
            Case("Feast, in process, 100 x 10", lambda n: np.array(_told(reads, [100, n.start, n.stop]))),
            Case("Feast, HTTP, 1 x 10", timed(lambda n: ask([_user(n)]))),
            Case("Feast, HTTP, 100 x 10", timed(lambda n: ask(_users(n, 100)))),
        ]


def _told(process: "subprocess.Popen[str]", command: list[int]) -> list[float]:
    """What the process answers to a line."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(command) + "\n")
    process.stdin.flush()
    return [float(each) for each in json.loads(process.stdout.readline())]


# --- processes and connections


@contextlib.contextmanager
def _ours(home: Path, log: Path) -> Iterator[str]:
    """URL of our service, with a home that has taken nothing yet."""
    settings = {"QUIKAPP_ML_HOME": str(home), "PORT": "0", "QUIKAPP_ML_RUN_SCHEDULES": "0"}
    with _process([str(Path(sys.executable).parent / "quikapp-ml"), "serve"], settings, log):
        url = _wait(lambda: _announced(home))
        with httpx.Client(base_url=url, timeout=60) as client:  # no other work is left once the starters are registered
            swapped = f"quikapp_ml_model_swaps_total {float(len(MODEL_CLASSES))}"
            _wait(lambda: swapped in client.get("/metrics").text)
        yield url


@contextlib.contextmanager
def _process(command: list[str], settings: dict[str, str], log: Path) -> Iterator["subprocess.Popen[str]"]:
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, env={**os.environ, **settings}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            text=True, start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        except BaseException:
            print(log.read_text()[-2000:], file=sys.stderr)
            raise
        finally:
            os.killpg(process.pid, 15)
            process.wait()


def _wait(ready: Callable[[], Any]) -> Any:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends:
        found = ready()
        if found:
            return found
        time.sleep(0.1)
    raise SystemExit("a server did not start")


def _announced(home: Path) -> str:
    try:
        url = str(json.loads((home / "service.json").read_text())["url"])
    except (OSError, ValueError):
        return ""
    return url if url and _is_up(f"{url}/health/ready") else ""


def _is_up(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url, timeout=5).status_code == 200
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Connection:
    """One kept connection: a question at a time, and no more work in this process than it takes."""

    def __init__(self, url: str) -> None:
        self._address = httpx.URL(url)
        self._open()

    def _open(self) -> None:
        address = (self._address.host, self._address.port or 80)
        self._socket = socket.create_connection(address, timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._used_at = time.monotonic()

    def post(self, path: str, body: object) -> bytes:
        """The body of the answer; anything but a 200 ends the benchmark."""
        if time.monotonic() - self._used_at > IDLE_SECONDS:  # servers close what rests while others are measured
            self.close()
            self._open()
        content = orjson.dumps(body)
        head = f"POST {path} HTTP/1.1\r\nhost: {self._address.host}\r\ncontent-type: application/json\r\n"
        self._socket.sendall(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._received()
        top, _, answer = received.partition(b"\r\n\r\n")
        length = int(top.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(answer) < length:
            answer += self._received()
        if not top.startswith(b"HTTP/1.1 20"):
            raise SystemExit(f"{path} was refused: {answer.decode()[:500]}")
        self._used_at = time.monotonic()
        return answer

    def close(self) -> None:
        """Give the connection back."""
        self._socket.close()

    def _received(self) -> bytes:
        part = self._socket.recv(1 << 20)
        if not part:
            raise SystemExit("the connection was closed")
        return part


if __name__ == "__main__":
    main()
