"""Challengers in the shadow: asked what the champion was asked, compared, and not shown.

A request only puts its question on a short queue; one thread asks both models again, so that both are timed alike. It
sleeps between questions, so that it never has more than its budget of the time; what comes meanwhile is dropped.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from queue import Empty, Full, Queue
from threading import Event, Lock, Thread
from typing import Any

import numpy as np

from quikapp_ml.errors import Unavailable
from quikapp_ml.experiments.shadowing import Tally, order_agreement, same_agreement
from quikapp_ml.models.base import Model
from quikapp_ml.models.spam import SpamVerdict
from quikapp_ml.serving.scoring import Scores

logger = logging.getLogger(__name__)

QUEUED = 16
CLOSE_SECONDS = 5
WAIT_SECONDS = 0.2
LONGEST_SLEEP = 5.0
SURE = 0.5

Score = Callable[[Any], Any]
"""Asks a model the question of one request."""


@dataclass(frozen=True)
class Wanted:
    """Which version to ask, for which rollout, how often, and how much of a thread's time it may take."""

    rollout: str
    model: str
    version: int
    share: float
    budget: float


@dataclass
class _Shadowed:
    wanted: Wanted
    model: Model | None = None
    failure: str = ""
    tally: Tally = field(default_factory=Tally)
    n_dropped: int = 0


class ShadowHost:
    """Holds the challengers. `offer` is called by requests, and does next to nothing; the rest by other threads."""

    def __init__(self, load: Callable[[str, int], Model]) -> None:
        self._load = load
        self._shadowed: Mapping[str, _Shadowed] = {}
        self._queue: Queue[tuple[_Shadowed, Any, Score]] = Queue(QUEUED)
        self._counting = Lock()
        self._closing = Event()
        self._thread = Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def close(self) -> None:
        """Stop asking."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS)

    def offer(self, name: str, champion: Any, score: Score) -> None:
        """A question that the champion of this name has answered. Never raises, never waits."""
        shadowed = self._shadowed.get(name)
        if shadowed is None or shadowed.model is None or random.random() >= shadowed.wanted.share:  # noqa: S311 no secret
            return
        try:
            if not self._queue.full():  # an exception costs ten times as much
                self._queue.put_nowait((shadowed, champion, score))
                return
        except Full:
            pass  # somebody else was faster
        with self._counting:
            shadowed.n_dropped += 1

    def follow(self, wanted: Mapping[str, Wanted]) -> None:
        """Ask these from now on, by the name of the model; a version is loaded here, not by a request."""
        now: dict[str, _Shadowed] = {}
        for name, one in wanted.items():
            before = self._shadowed.get(name)
            now[name] = before if before is not None and before.wanted == one and before.model else self._loaded(one)
        self._shadowed = now

    def failure(self, name: str) -> str:
        """Why the challenger of this model cannot be asked; empty when it can."""
        found = self._shadowed.get(name)
        return found.failure if found else ""

    def taken(self, name: str) -> Tally:
        """What was counted since the last call."""
        found = self._shadowed.get(name)
        if found is None:
            return Tally()
        with self._counting:
            counted, found.tally = found.tally + Tally(dropped=found.n_dropped), Tally()
            found.n_dropped = 0
        return counted

    def _loaded(self, wanted: Wanted) -> _Shadowed:
        try:
            return _Shadowed(wanted, self._load(wanted.model, wanted.version))
        except Unavailable as error:
            logger.warning("the shadow of %s waits: %s", wanted.rollout, error)
            return _Shadowed(wanted)
        except Exception as error:  # noqa: BLE001 a damaged version can fail in any way; the rollout says how
            return _Shadowed(wanted, failure=f"version {wanted.version} cannot be loaded: {error!r}")

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                shadowed, champion, score = self._queue.get(timeout=WAIT_SECONDS)
            except Empty:
                continue
            started = time.perf_counter()
            self._count(shadowed, asked(champion, shadowed.model, score))
            spent = time.perf_counter() - started
            self._closing.wait(min(spent * (1 / shadowed.wanted.budget - 1), LONGEST_SLEEP))

    def _count(self, shadowed: _Shadowed, counted: Tally) -> None:
        with self._counting:
            shadowed.tally += counted


def asked(champion: Any, challenger: Any, score: Score) -> Tally:
    """Ask both the same. What the challenger raises is counted, what the champion raises makes the question void."""
    try:
        first, champion_ms = _timed(champion, score)
    except Exception:  # noqa: BLE001 nothing can be compared with it
        return Tally()
    try:
        second, challenger_ms = _timed(challenger, score)
        return Tally(1, 0, agreement(first, second), champion_ms, challenger_ms)
    except Exception:  # whatever a model that is only tried does
        logger.debug("a challenger failed in the shadow", exc_info=True)
        return Tally(1, 1)


def agreement(first: Any, second: Any) -> float:
    """From 0 to 1: how far two answers of models to one question say the same."""
    if isinstance(first, Scores):
        return order_agreement(first.values, second.values)
    if isinstance(first, Mapping):
        return sum(agreement(one, second[name]) for name, one in first.items()) / len(first) if first else 1.0
    if isinstance(first, SpamVerdict):
        return float((first.probability >= SURE) == (second.probability >= SURE))
    return same_agreement([int(np.argmax(one)) for one in first], [int(np.argmax(one)) for one in second])


def _timed(model: Any, score: Score) -> tuple[Any, float]:
    started = time.thread_time()
    found = score(model)
    return found, 1000 * (time.thread_time() - started)
