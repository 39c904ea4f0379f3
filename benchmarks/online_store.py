"""Reads and writes of the four online stores side by side, with ratio and spread: scripts/bench online_store"""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from quikapp_ml.stores.online import open_online_store
from quikapp_ml.stores.online.base import OnlineStore

N_DOCUMENTS = 50_000
N_IDS = 500
DOCUMENT = b"x" * 200
BASE = "sqlite"

Work = Callable[[OnlineStore, int], object]


def get_one(store: OnlineStore, number: int) -> object:
    return store.get("bench", [f"key-{number * 7919 % N_DOCUMENTS}"])


def get_many(store: OnlineStore, number: int) -> object:
    """What the intake asks of a full list of events: half of the keys are known."""
    first = number * 7919 % N_DOCUMENTS
    return store.get("bench", [f"key-{first + 2 * index - N_IDS}" for index in range(N_IDS)])


def write_some(store: OnlineStore, number: int) -> object:
    first = number * N_IDS % N_DOCUMENTS
    return store.write({"bench": {f"key-{first + n}": DOCUMENT for n in range(N_IDS)}}, checkpoint=number + 1)


def write_many(store: OnlineStore, number: int) -> object:
    return store.write({"bench": {f"key-{n}": DOCUMENT for n in range(20 * N_IDS)}}, checkpoint=number + 1)


def load_all(store: OnlineStore, _number: int) -> object:
    return sum(1 for _ in store.items("bench"))


CASES: dict[str, tuple[Work, int]] = {
    "get 1": (get_one, 400),
    f"get {N_IDS}": (get_many, 60),
    f"write {N_IDS}": (write_some, 20),
    f"write {20 * N_IDS}": (write_many, 3),
    f"read all {N_DOCUMENTS}": (load_all, 1),
}
"""Work, and how often it is done in a round."""


def main() -> None:
    """Measure and print a table, then one line of JSON."""
    options = _options()
    with _stores(options.redis, options.postgres) as stores:
        for store in stores.values():
            store.write({"bench": {f"key-{n}": DOCUMENT for n in range(N_DOCUMENTS)}})
        rows = [row for case in CASES for row in _measured(stores, case, options.rounds)]
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    print(orjson.dumps({"benchmark": "online_store", "machine": machine, "results": rows}).decode())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="rounds; in each, every store has its turn")
    parser.add_argument("--redis", default="", help="URL; empty: a server of the tests, each write synced")
    parser.add_argument("--postgres", default="", help="URL; empty: a server of the tests, each commit synced")
    return parser.parse_args()


@contextmanager
def _stores(redis_url: str, postgres_url: str) -> Iterator[dict[str, OnlineStore]]:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    with ExitStack() as stack:
        servers = import_module("support.servers").StoreServers()
        stack.callback(servers.close)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        urls = {
            "memory": "memory://",
            "sqlite": f"sqlite:///{folder}/online.db",
            "redis": redis_url or servers["redis"].new_url(),
            "postgres": postgres_url or servers["postgres"].new_url(),
        }
        opened = {name: open_online_store(url) for name, url in urls.items()}
        for store in opened.values():
            stack.callback(store.close)
        yield opened


def _measured(stores: dict[str, OnlineStore], case: str, n_rounds: int) -> list[dict[str, Any]]:
    """Milliseconds of each store; ratios are taken within a round, so that what else runs counts for both."""
    work, n_times = CASES[case]
    ms: dict[str, list[float]] = {name: [] for name in stores}
    for round_ in range(n_rounds):
        for name, store in stores.items():
            started = time.perf_counter()
            for number in range(n_times):
                work(store, round_ * n_times + number)
            ms[name].append((time.perf_counter() - started) / n_times * 1000)
    return [_row(case, name, np.array(ms[name]), np.array(ms[BASE])) for name in stores]


def _row(case: str, name: str, ms: np.ndarray, base: np.ndarray) -> dict[str, Any]:
    low, middle, high = (float(value) for value in np.percentile(ms, (25, 50, 75)))
    ratio_low, ratio, ratio_high = (float(value) for value in np.percentile(ms / base, (25, 50, 75)))
    print(
        f"{case:16}{name:10}{middle:10.3f} ms ({low:.3f} to {high:.3f})"
        f"   {ratio:7.2f} x {BASE} ({ratio_low:.2f} to {ratio_high:.2f})"
    )
    spread = {"ms_quartiles": [round(low, 4), round(high, 4)]}
    ratios = {"ratio": round(ratio, 2), "ratio_quartiles": [round(ratio_low, 2), round(ratio_high, 2)]}
    return {"case": case, "store": name, "ms": round(middle, 4), **spread, **ratios}


if __name__ == "__main__":
    main()
