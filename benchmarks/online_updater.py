"""Events applied to current features a second, documents written and read, on one core: scripts/bench online_updater"""

import argparse
import os
import platform
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import numpy as np
import orjson

from quikapp_ml.entities.events import Event, parse_event
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.importers.sample import SampleConfig, generate

State = tuple[Workspace, OnlineFeatures]
Documents = list[tuple[str, dict[str, bytes]]]
T = TypeVar("T")


def main() -> None:
    """Measure, print a table, and one line of JSON at the end."""
    options = _options()
    rates: dict[str, list[float]] = {"events applied": [], "documents written": [], "documents read": []}
    for _ in range(options.repeats):
        events = _events(options)
        applying, state = _cpu_seconds(partial(_apply, events))
        writing, documents = _cpu_seconds(partial(_write, state))
        reading, _ = _cpu_seconds(partial(_read, documents))
        n_documents = sum(len(one) for _, one in documents)
        for name, n, seconds in zip(
            rates, (len(events), n_documents, n_documents), (applying, writing, reading), strict=True
        ):
            rates[name].append(n / seconds)
    print(f"{len(events):,} events of {options.users} people, {n_documents:,} documents, {options.repeats} repeats")
    print(f"{'':20}{'median/s':>12}{'slowest':>12}{'fastest':>12}   by CPU time")
    for name, found in rates.items():
        print(f"{name:20}{np.median(found):12,.0f}{min(found):12,.0f}{max(found):12,.0f}")
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    facts = {"events": len(events), "documents": n_documents, "repeats": options.repeats}
    results = {f"{name.replace(' ', '_')}_s": [round(rate) for rate in found] for name, found in rates.items()}
    print(orjson.dumps({"benchmark": "online_updater", "machine": machine, **facts, "results": results}).decode())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=500, help="people of the sample chat")
    parser.add_argument("--days", type=int, default=45)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=5)
    return parser.parse_args()


def _events(options: argparse.Namespace) -> list[Event]:
    config = SampleConfig(users=options.users, days=options.days, seed=options.seed)
    return [parse_event(one, now=datetime(2100, 1, 1, tzinfo=UTC)) for one in generate(config)]


def _cpu_seconds(step: Callable[[], T]) -> tuple[float, T]:
    """CPU time, so that what else runs on the machine counts little."""
    started = time.process_time()
    result = step()
    return time.process_time() - started, result


def _apply(events: Sequence[Event]) -> State:
    workspace, features = Workspace(), OnlineFeatures()
    for event in events:
        for activity in workspace.apply(event):
            features.apply(activity)
    return workspace, features


def _write(state: State) -> Documents:
    changes = [*state[0].changes().items(), *state[1].changes().items()]
    return [(namespace, {key: one for key, one in found.items() if one is not None}) for namespace, found in changes]


def _read(documents: Documents) -> State:
    workspace, features = Workspace(), OnlineFeatures()
    for namespace, found in documents:
        state = workspace if namespace in workspace.NAMESPACES else features
        state.load(namespace, found.items())
    return workspace, features


if __name__ == "__main__":
    main()
