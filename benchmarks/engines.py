"""All silver tables and feature views from one log, and again after new events: scripts/spark scripts/bench engines

The second build makes the same tables from 1 % more events; `share` is its time by that of the first.
"""

import argparse
import json
import multiprocessing
import os
import platform
import re
import resource
import shutil
import tempfile
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from quikapp_ml.stores.lake import open_compute, open_lake
from quikapp_ml.stores.lake.base import Compute, Lake
from quikapp_ml.stores.lake.tables import EVENTS, MESSAGES
from quikapp_ml.training.build_log import BUILDS
from quikapp_ml.training.silver import build_silver

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 180
AS_OF = datetime(2026, 7, 1, tzinfo=UTC)
KINDS = {"message": 0.45, "read": 0.25, "reaction": 0.2, "join": 0.05, "leave": 0.02, "report": 0.03}
BATCH = 1_000_000
NEW_SHARE = 0.01
OLD_SHARE = 0.02
LOG, NEW = "log", "new"
EMOJI = ("+1", "tada", "eyes", "cry", "heart", "pray")
TEXTS = (
    "the build is green again", "lunch?", "<@u7> can you have a look at the release notes before noon", "thanks!",
    "I moved the meeting to Thursday, same room as last week", "does anybody know why staging is slow today",
)  # fmt: skip


MEASURES = {
    "seconds": "full, s",
    "increment_seconds": "night, s",
    "share": "share, %",
    "cpu_seconds": "full, CPU s",
    "increment_cpu_seconds": "night, CPU s",
    "cpu_share": "share of CPU, %",
}


def main() -> None:
    """Measure each engine in a process of its own, print a table, and one line of JSON at the end."""
    options = _options()
    engines = {"sail": ""} | ({"spark": options.remote} if options.remote else {})
    spawn = multiprocessing.get_context("spawn")  # Sail must not be started before a fork
    results: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        _write_events(folder, options)
        for name, remote in engines.items():
            results[name] = []
            for number in range(options.repeats):
                lake = f"{folder}/{name}-{number}"
                shutil.copytree(f"{folder}/{LOG}", lake)
                with spawn.Pool(1) as pool:
                    results[name].append(pool.apply(_build, (lake, f"{folder}/{NEW}", remote)))
                shutil.rmtree(lake)
    if len({run["messages"] for runs in results.values() for run in runs}) != 1:
        raise SystemExit(f"the engines made other tables of the same log: {results}")
    _print(results, options)
    if not options.remote:
        print("Apache Spark was not measured: run scripts/spark scripts/bench engines, or name one by --remote")
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    facts = {"events": options.events, "users": options.users, "repeats": options.repeats}
    print(json.dumps({"benchmark": "engines", "machine": machine, **facts, "results": results}))


def _print(results: dict[str, list[dict[str, Any]]], options: argparse.Namespace) -> None:
    print(f"{options.events:,} events of {options.users:,} people, {options.repeats} repeats")
    print(f"then {_count_new(options):,} new events; share: the second build's time by the first one's")
    print(f"{'':21}{'median':>10}{'least':>10}{'most':>10}{'peak MB here':>14}{'and in Spark':>14}")
    for name, runs in results.items():
        peaks = f"{max(run['peak_mb'] for run in runs):14,}{max(run['server_peak_mb'] or 0 for run in runs):14,}"
        for what, label in MEASURES.items():
            values = [run[what] * (100 if "%" in label else 1) for run in runs]
            told = f"{np.median(values):10.1f}{min(values):10.1f}{max(values):10.1f}"
            print(f"{name} {label:16}{told}{peaks if what == 'seconds' else ''}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3, help="the first one of Spark warms its server up")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--remote", default=os.environ.get("SPARK_REMOTE", ""), help="a Spark Connect URL")
    return parser.parse_args()


def _build(folder: str, new: str, remote: str) -> dict[str, Any]:
    lake = open_lake(folder)
    compute = open_compute(remote)
    try:
        seconds, cpu_seconds = _seconds_of_build(lake, compute)
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        lake.append(EVENTS.name, open_lake(new).read(EVENTS.name))
        increment_seconds, increment_cpu_seconds = _seconds_of_build(lake, compute)
    finally:
        compute.close()
    if lake.read(BUILDS.name, ["is_full"])["is_full"].to_pylist().count(True) != 2:
        raise SystemExit("the second build made all tables anew")
    return {
        "seconds": round(seconds, 2),
        "increment_seconds": round(increment_seconds, 2),
        "share": round(increment_seconds / seconds, 4),
        "cpu_seconds": round(cpu_seconds, 2),
        "increment_cpu_seconds": round(increment_cpu_seconds, 2),
        "cpu_share": round(increment_cpu_seconds / cpu_seconds, 4),
        "peak_mb": peak_mb,
        "server_peak_mb": _server_peak_mb() if remote else None,
        "messages": lake.read(MESSAGES.name, ["message_id"]).num_rows,
    }


def _seconds_of_build(lake: Lake, compute: Compute) -> tuple[float, float]:
    """Seconds by the clock and of the processors; these tell more where others are at work, and nothing of a server."""
    began = time.perf_counter(), time.process_time()
    build_silver(lake, compute, AS_OF)
    return time.perf_counter() - began[0], time.process_time() - began[1]


def _server_peak_mb() -> int | None:
    """Peak memory of the server that scripts/spark started; of another one nothing is known."""
    status = Path("/proc") / os.environ.get("SPARK_SERVER_PID", "none") / "status"
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found.group(1)) // 1024 if found else None


def _write_events(folder: str, options: argparse.Namespace) -> None:
    """The log, and beside it what is told after the first build."""
    log, new = open_lake(f"{folder}/{LOG}"), open_lake(f"{folder}/{NEW}")
    for lake in (log, new):
        lake.ensure(EVENTS)
    rng = np.random.default_rng(options.seed)
    whole = options.events + _count_new(options)
    n_batches = -(-whole // BATCH)
    bounds = [number * whole // n_batches for number in range(n_batches + 1)]
    for first, end in pairwise(bounds):
        rows = _events(rng, first, end - first, whole, options.users)
        n_known = max(options.events - first, 0)
        log.append(EVENTS.name, rows.slice(0, n_known))
        new.append(EVENTS.name, rows.slice(n_known))


def _count_new(options: argparse.Namespace) -> int:
    return int(options.events * NEW_SHARE)


def _events(rng: np.random.Generator, first: int, count: int, whole: int, n_users: int) -> pa.Table:
    """Events in the order of their times; people write by a Zipf law, and react to what was written lately.

    One answer in fifty is to any earlier message of the batch.
    """
    micros = int(START.timestamp() * 1e6) + (np.arange(first, first + count) * (DAYS * 86_400e6) / whole)
    numbers = np.arange(first, first + count)
    kinds = rng.choice(list(KINDS), count, p=list(KINDS.values()))
    users = (rng.zipf(1.3, count) - 1) % n_users
    channels = users % max(1, n_users // 20)
    is_message = kinds == "message"
    latest = np.maximum.accumulate(np.where(is_message, np.arange(count), 0))
    back = np.where(rng.random(count) < OLD_SHARE, rng.integers(0, np.arange(count) + 1), rng.integers(0, 500, count))
    targets = latest[np.maximum(np.arange(count) - back, 0)]
    about = np.where(is_message, np.arange(count), targets)
    has_message = ~np.isin(kinds, ["join", "leave"])
    is_reply = is_message & (rng.random(count) < 0.2)
    reactions = np.array([f'{{"reaction":"{emoji}"}}' for emoji in EMOJI])[rng.integers(0, len(EMOJI), count)]
    attributes = np.where(kinds == "reaction", reactions, np.where(kinds == "report", '{"reason":"spam"}', "{}"))
    times = pa.array(micros.astype("int64"), pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    texts = np.array(TEXTS)[rng.integers(0, len(TEXTS), count)]
    return pa.table(
        {
            "event_id": pa.array([f"e{number}" for number in numbers]),
            "type": pa.array(kinds),
            "event_time": times,
            "ingest_time": times,
            "user_id": pa.array([f"u{user}" for user in users]),
            "channel_id": pa.array(
                [f"c{channel}" for channel in channels[np.where(has_message, about, numbers - first)]]
            ),
            "message_id": pa.array([f"m{first + number}" for number in about], mask=~has_message),
            "thread_id": pa.array([f"m{first + number}" for number in targets], mask=~is_reply),
            "content": pa.array(texts, mask=~is_message),
            "attributes": pa.array(attributes),
        }
    )


if __name__ == "__main__":
    main()
