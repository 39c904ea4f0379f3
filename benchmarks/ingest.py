"""Events a second with fsync on, in this process and over HTTP: scripts/bench ingest [--url http://127.0.0.1:5008]"""

import argparse
import http.client
import os
import platform
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np
import orjson

from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.serving.intake import EventIntake
from quikapp_ml.serving.lake_writer import LakeWriter
from quikapp_ml.stores.lake.deltars import DeltaLake
from quikapp_ml.stores.lake.tables import EVENTS
from quikapp_ml.stores.online.sqlite import SQLiteOnlineStore
from quikapp_ml.stores.spool.file import FileSpool

Batches = Sequence[list[dict[str, Any]]]


@dataclass(frozen=True)
class Run:
    """One repeat: how many events, in which time, and how long each list took."""

    n_events: int
    seconds: float
    batch_seconds: list[float]


def main() -> None:
    """Measure, print a table, and one line of JSON at the end."""
    options = _options()
    if options.url:
        ways = {
            f"HTTP, {n} connection{'s' * (n > 1)}": partial(_over_http, url=options.url, n_connections=n)
            for n in options.connections
        }
    else:
        ways = {
            "intake alone": partial(_in_process, folder=options.folder, with_tables=False),
            "with documents and tables": partial(_in_process, folder=options.folder, with_tables=True),
        }
    print(f"{'':28}{'events/s':>10}{'lowest':>9}{'highest':>9}{'p50 ms':>9}{'p99 ms':>9}")
    results = {}
    for name, way in ways.items():
        runs = [way(_batches(options)) for _ in range(options.repeats)]
        rates = sorted(run.n_events / run.seconds for run in runs)
        p50, p99 = np.percentile([seconds for run in runs for seconds in run.batch_seconds], (50, 99)) * 1000
        median = float(np.median(rates))
        print(f"{name:28}{median:10,.0f}{rates[0]:9,.0f}{rates[-1]:9,.0f}{p50:9.1f}{p99:9.1f}")
        results[name] = {
            "events_s": round(median),
            "events_s_of_repeats": [round(rate) for rate in rates],
            "batch_p50_ms": round(float(p50), 2),
            "batch_p99_ms": round(float(p99), 2),
        }
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    facts = {"batch": options.batch, "events": options.events, "repeats": options.repeats}
    print(orjson.dumps({"benchmark": "ingest", "machine": machine, **facts, "results": results}).decode())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="", help="URL of a running service; without it, all happens in this process")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 4], help="how many at once, over HTTP")
    parser.add_argument("--events", type=int, default=100_000, help="events a repeat")
    parser.add_argument("--batch", type=int, default=500, help="events a list")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None, help="where homes are made: the disk that is measured")
    return parser.parse_args()


def _batches(options: argparse.Namespace) -> Batches:
    """A sample chat, its events under new ids, so that every repeat is news."""
    run = uuid.uuid4().hex[:8]
    events = list(islice(_events(), options.events))
    for event in events:
        event["event_id"] = f"{run}-{event['event_id']}"
    return [events[start : start + options.batch] for start in range(0, len(events), options.batch)]


def _events() -> Iterator[dict[str, Any]]:
    for seed in range(1000):
        for event in generate(SampleConfig(users=500, seed=seed)):
            yield {**event, "event_id": f"{seed}-{event['event_id']}"}


# --- in this process


def _in_process(batches: Batches, folder: Path | None, *, with_tables: bool) -> Run:
    with _intake(folder, with_tables=with_tables) as intake:
        started = time.perf_counter()
        taken = [_seconds(_take, intake, batch) for batch in batches]
        return Run(sum(map(len, batches)), time.perf_counter() - started, taken)


@contextmanager
def _intake(folder: Path | None, *, with_tables: bool) -> Iterator[EventIntake]:
    """The input side of the service as `bootstrap` wires it, in a home of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        home = Path(name)
        spool = FileSpool(home / "spool")
        online = SQLiteOnlineStore(home / "online.db")
        intake = EventIntake(spool, online, Workspace(), OnlineFeatures())
        intake.recover()
        writer = LakeWriter(spool, DeltaLake(str(home / "lakehouse")), (EVENTS,), intake.persist)
        if with_tables:
            writer.start()
        yield intake
        if with_tables:
            writer.close()
        online.close()
        spool.close()


def _take(intake: EventIntake, batch: list[dict[str, Any]]) -> None:
    receipt = intake.accept_now(batch, datetime.now(UTC))
    if receipt.accepted != len(batch):
        raise SystemExit(f"only {receipt.accepted} of {len(batch)} events were accepted: the numbers mean nothing")


# --- over HTTP


def _over_http(batches: Batches, url: str, n_connections: int) -> Run:
    bodies = [orjson.dumps({"events": batch}) for batch in batches]
    taken: list[float] = []
    failures: list[str] = []

    def send(mine: list[bytes]) -> None:
        connection = http.client.HTTPConnection(urlparse(url).netloc)
        try:
            taken.extend(_seconds(_post, connection, body) for body in mine)
        except (OSError, http.client.HTTPException, ValueError) as error:
            failures.append(str(error))

    threads = [threading.Thread(target=send, args=(bodies[n::n_connections],)) for n in range(n_connections)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise SystemExit(f"{url}: {failures[0]}: the numbers mean nothing")
    return Run(sum(map(len, batches)), time.perf_counter() - started, taken)


def _post(connection: http.client.HTTPConnection, body: bytes) -> None:
    connection.request("POST", "/api/ml/events", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    receipt = orjson.loads(answer.read())
    if answer.status != 202 or receipt["rejected"] or receipt["duplicates"]:
        raise ValueError(f"status {answer.status}: {str(receipt)[:200]}")


def _seconds(step: Callable[..., None], *arguments: Any) -> float:
    started = time.perf_counter()
    step(*arguments)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
