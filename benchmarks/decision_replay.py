"""Decisions of every kind, a pipeline run and a promotion in between, all run again: is every answer the same?

    scripts/bench decision_replay --decisions 1000 --seed 8

Exit 1 when one is neither equal nor explained by an erasure, or when `--with champion` or `--features now` cannot
answer one. The whole service is in this process; the pipeline runs beside it as `quikapp-ml pipeline run` does. Times
are of one decision, by kind and by what it is made from; the longest have a model's load in them.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quikapp_ml.bootstrap import Service, open_service
from quikapp_ml.entities.questions import (
    RankItem,
    RankQuestion,
    RecommendationQuestion,
    SentimentMessage,
    SentimentQuestion,
    SpamQuestion,
)
from quikapp_ml.importers.delivery import deliver, intake_sink
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.jobs import erasure, replay
from quikapp_ml.models import MODEL_CLASSES
from quikapp_ml.serving.endpoint_changes import WantedConfig, WantedEntity
from quikapp_ml.serving.invocations import Invocation
from quikapp_ml.serving.ledger_archive import Recorded
from quikapp_ml.settings import Settings
from quikapp_ml.stores.registry.base import CHAMPION

ENDPOINT = "replayed"
KINDS = ("recommendations", "rank", "spam-check", "sentiment", "model alone", "endpoint")
WORDS = (
    "release",
    "lunch",
    "offer",
    "free",
    "WINNER!!!",
    "great",
    "angry",
    "https://a.example/b",
    "the",
    "build",
    "🎉",
)
WAIT_SECONDS = 120.0
ANSWERED = ("equal", "different")


@dataclass(frozen=True)
class Way:
    """What a decision is made again from: the model that an alias points to, and the features of now."""

    alias: str | None = None
    features_now: bool = False


@dataclass(frozen=True)
class Run:
    """One decision made again, and how long that took."""

    replay: replay.Replay
    ms: float


RECORDED = "as recorded"
WAYS = {RECORDED: Way(), "with champion": Way(alias=CHAMPION), "features now": Way(features_now=True)}


@dataclass(frozen=True)
class Asker:
    """Asks a service random questions."""

    service: Service
    rng: random.Random

    def ask(self) -> None:
        """One question of a random kind."""
        asks: Mapping[str, Callable[[], Any]] = {
            "recommendations": self._recommendations,
            "rank": self._rank,
            "spam-check": self._spam,
            "sentiment": self._sentiment,
            "model alone": lambda: self._invoke("quikapp-content-ranker"),
            "endpoint": lambda: self._invoke(ENDPOINT),
        }
        asks[self.rng.choice(KINDS)]()

    def _person(self) -> str:
        people = sorted(self.service.workspace.people)
        return self.rng.choice([*people, "nobody-yet"])

    def _text(self) -> str:
        return " ".join(self.rng.choices(WORDS, k=self.rng.randint(0, 30)))

    def _recommendations(self) -> None:
        types = self.rng.sample(["channel", "user", "message"], self.rng.randint(1, 3))
        channel = self.rng.choice(sorted(self.service.workspace.channels))
        given = {"types": types, "limit": self.rng.randint(1, 60), "explain": self.rng.random() < 0.5}
        context = {"channel_id": channel} if self.rng.random() < 0.5 else {}
        self.service.recommendations.recommend(
            RecommendationQuestion.model_validate({"user_id": self._person(), "context": context, **given})
        )

    def _rank(self) -> None:
        channel = self.rng.choice(sorted(self.service.workspace.channels))
        known = [message.message_id for message in self.service.workspace.recent_messages(channel, 20)]
        items = [RankItem(item_id=one, channel_id=channel) for one in known]
        items += [RankItem(item_id=f"x{at}", content=self._text()) for at in range(self.rng.randint(1, 30))]
        query = self.rng.choice(WORDS) if self.rng.random() < 0.5 else None
        explain = self.rng.random() < 0.5
        self.service.ranking.rank(RankQuestion(user_id=self._person(), items=items, query=query, explain=explain))

    def _spam(self) -> None:
        metadata = {"ip_address": "203.0.113.7", "user_agent": "Chrome/120.0.0.0"}
        self.service.spam.check(SpamQuestion(content=self._text(), user_id=self._person(), metadata=metadata))

    def _sentiment(self) -> None:
        texts = [self._text() for _ in range(self.rng.randint(1, 20))]
        messages = [SentimentMessage(id=f"m{at}", content=text) for at, text in enumerate(texts)]
        self.service.sentiment.read(SentimentQuestion(messages=messages))

    def _invoke(self, endpoint: str) -> None:
        names = MODEL_CLASSES["content-ranker"].inputs
        records = [dict.fromkeys(names, 0.0) for _ in range(self.rng.randint(1, 20))]
        for record in records:
            for name in self.rng.sample(sorted(names), 5):
                record[name] = self.rng.random()
        invocation = Invocation.read(json.dumps({"dataframe_records": records}).encode(), "application/json")
        asyncio.run(self.service.endpoints.invoke(endpoint, invocation, f"r{self.rng.random()}"))


def main() -> None:
    """Run it, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--users", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="quikapp-ml-replay-") as folder:
        result = simulate(Path(folder), options.decisions, options.seed, options.users)
    for way, kinds in result["times"].items():
        for kind, times in kinds.items():
            print(f"{way:>14} {kind:>16} {' '.join(f'{name} {value}' for name, value in times.items())}")
    print(json.dumps({"simulation": "decision_replay", "seed": options.seed, **result}))
    raise SystemExit(bool(result["unexplained"] or result["unanswered"]))


def simulate(folder: Path, n_decisions: int, seed: int, n_users: int) -> dict[str, Any]:
    """Ask, make models, promote, ask, erase somebody, and run all of it again."""
    environment = {"QUIKAPP_ML_HOME": str(folder / "home"), "QUIKAPP_ML_RUN_SCHEDULES": "false"}
    settings = Settings.from_environment(environment)
    service = open_service(settings)
    try:
        service.start()
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        deliver(generate(SampleConfig(users=n_users, days=14, seed=seed, until=midnight)), intake_sink(service.intake))
        asker = Asker(service, random.Random(seed))
        _make_endpoint(service)
        for _ in range(n_decisions // 2):
            asker.ask()
        versions = {one.ref for one in service.models.loaded()}
        _run_pipeline(service, environment)
        promoted = sorted(str(one.ref) for one in service.models.loaded() if one.ref not in versions)
        for _ in range(n_decisions - n_decisions // 2):
            asker.ask()
        gone = max(sorted(service.workspace.people), key=lambda one: len(service.workspace.channels_of(one)))
    finally:
        service.close()
    ways = {name: _replay(settings, n_decisions, seed, way) for name, way in WAYS.items()}
    replayed = ways[RECORDED]
    erasure.run(settings, gone)
    after = [run.replay for run in _replay(settings, n_decisions, seed, WAYS[RECORDED])]
    before = [run.replay for run in replayed]
    return {
        "decisions": len(replayed),
        "promoted": promoted,
        "outcomes": _counts(before),
        "after_erasure": _counts(after),
        "unexplained": sum(not one.is_explained for one in (*before, *after)),
        "not_equal_before_erasure": sum(one.outcome != "equal" for one in before),
        "unanswered": sum(run.replay.outcome not in ANSWERED for way in WAYS for run in ways[way]),
        "times": {name: _times(runs) for name, runs in ways.items()},
    }


def _make_endpoint(service: Service) -> None:
    wanted = WantedConfig([WantedEntity("content-ranker", 1)])
    ends = time.monotonic() + WAIT_SECONDS
    while not service.registry.versions("content-ranker") and time.monotonic() < ends:
        time.sleep(0.2)
    service.endpoints.create(ENDPOINT, wanted, "simulation", {}, "")
    while service.endpoints.get(ENDPOINT).active is None and time.monotonic() < ends:
        time.sleep(0.2)


def _run_pipeline(service: Service, environment: Mapping[str, str]) -> None:
    """Features, training, deployment; where no new version passed the gate, one is promoted all the same."""
    service.spool.sync()
    service.lake_writer.flush()
    command = [sys.executable, "-m", "quikapp_ml.cli", "pipeline", "run"]
    subprocess.run(command, env={**os.environ, **environment}, check=True, stdout=subprocess.DEVNULL)
    for name in service.registry.names():
        newest = service.registry.versions(name)[0]
        service.registry.set_alias(name, CHAMPION, newest.number)
    service.models.refresh()


def _replay(settings: Settings, n_decisions: int, seed: int, way: Way) -> list[Run]:
    runs = []
    with replay.opened(settings, features_now=way.features_now) as (archive, replayer):
        rows: list[Recorded] = archive.sample(n_decisions, seed)
        for row in rows:
            started = time.perf_counter()
            replayed = replayer.replay(row, way.alias)
            runs.append(Run(replayed, 1000 * (time.perf_counter() - started)))
    if way == WAYS[RECORDED]:
        for one in [run.replay for run in runs if not run.replay.is_explained][:5]:
            print(one, file=sys.stderr)
    return runs


def _times(runs: list[Run]) -> dict[str, dict[str, float]]:
    """By kind of decision, in milliseconds."""
    by_kind: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        by_kind[run.replay.kind].append(run.ms)
    return {
        kind: {
            "n": len(ms),
            "p50_ms": round(statistics.median(ms), 2),
            "p99_ms": round(sorted(ms)[int(0.99 * (len(ms) - 1))], 2),
            "longest_ms": round(max(ms), 1),
        }
        for kind, ms in sorted(by_kind.items())
    }


def _counts(replayed: list[replay.Replay]) -> dict[str, int]:
    return dict(Counter(f"{one.kind}: {one.outcome}" for one in replayed))


if __name__ == "__main__":
    main()
