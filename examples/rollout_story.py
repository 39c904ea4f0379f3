"""Two versions of the ranker are let in step by step: a worse one goes back by itself, a better one becomes champion.

    python examples/rollout_story.py [--people 600] [--out FOLDER]

The whole service runs in this process, in a home of its own, with a sample workspace. Simulated people ask for a
feed, look at rank k with a chance of 1/k, and click on what is new. The champion minds that little, the worse version
puts the old first, the better one the new. Nothing tells the service so but clicks. `--out` gets a page of each.
"""

import argparse
import asyncio
import random
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from quikapp_ml.bootstrap import Service, open_service
from quikapp_ml.entities.questions import Feedback, RankItem, RankQuestion
from quikapp_ml.entities.rollouts import RolloutSpec
from quikapp_ml.errors import Conflict
from quikapp_ml.experiments.rollout_report import report
from quikapp_ml.importers.delivery import deliver, intake_sink
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.jobs import replay
from quikapp_ml.models.linear import LinearHead
from quikapp_ml.models.ranking import ContentRanker
from quikapp_ml.settings import Settings
from quikapp_ml.stores.registry.base import CHAMPION, NewVersion
from quikapp_ml.stores.state.rollouts import RolloutRecord

RANKER = "content-ranker"
MODEL_CLASS = "quikapp_ml.models.ranking:ContentRanker"
N_ITEMS = 8
MOST_ROUNDS = 40
WORDS = ("release", "lunch", "build", "offer", "plan", "review")

STEPS: Mapping[str, Any] = {
    "subject": "rank",
    "shares": [10, 50, 100],
    "guardrails": [{"name": "clicks", "of": "click", "kind": "mean", "worse": "lower", "at_most": 0.3}],
    "gate": {"least_effective": 200, "at_most": 0.6},
    "shadow": {"share": 1.0, "budget": 0.5, "least_answers": 100},
    "steps": {"least_units": 30, "least_hours": 0.0, "at_most_slower": 1.0},
    "planned_units": 600,
}


@dataclass(frozen=True)
class People:
    """Who asks, and clicks on what is new where they look."""

    service: Service
    names: Sequence[str]
    rng: random.Random

    def round(self) -> None:
        """Everybody asks once, in an order of chance."""
        clicks = [click for name in self.rng.sample(self.names, len(self.names)) for click in self._ask(name)]
        asyncio.run(self._send(clicks))
        self.service.spool.sync()
        self.service.lake_writer.flush()

    def _ask(self, name: str) -> list[Feedback]:
        now = datetime.now(UTC)
        ages = [self.rng.uniform(0, 48) for _ in range(N_ITEMS)]
        items = [
            RankItem(item_id=f"m{at}", content=self.rng.choice(WORDS), created_at=now - timedelta(hours=age))
            for at, age in enumerate(ages)
        ]
        answer = self.service.ranking.rank(RankQuestion(user_id=name, query=self.rng.choice(WORDS), items=items))
        likes = {item.item_id: 0.9 if age < 12 else 0.1 for item, age in zip(items, ages, strict=True)}
        return [
            Feedback(decision_id=answer.decision_id, action="click", user_id=name, item_id=item.item_id)
            for item in answer.items
            if self.rng.random() < likes[item.item_id] / item.rank
        ]

    async def _send(self, clicks: Sequence[Feedback]) -> None:
        now = datetime.now(UTC)
        await asyncio.gather(*(self.service.feedback.accept(click, now) for click in clicks))


def register(service: Service, folder: Path, weights: Mapping[str, float]) -> int:
    """A version of the ranker with these weights."""
    number = len(service.registry.versions(RANKER)) + 1
    saved = folder / f"ranker-{number}"
    ContentRanker(LinearHead.prior(weights, 0.0)).save(saved)
    (saved / "card.md").write_text("# A ranker of the story\n", encoding="utf-8")
    return service.registry.register(NewVersion(RANKER, saved, MODEL_CLASS, f"{number}.0.0")).number


def roll_out(people: People, name: str, version: int, reason: str) -> RolloutRecord:
    """Begin a rollout, and let people ask until it has ended. The guard looks after each round."""
    service = people.service
    spec = RolloutSpec.model_validate({**STEPS, "name": name, "version": version, "reason": reason})
    record = service.rollout_guard.follow(service.rollouts.start(spec, "story"))
    for _ in range(MOST_ROUNDS):
        if record.is_settled:
            break
        people.round()
        with suppress(Conflict):  # the guard's own thread was faster
            service.rollout_guard.look()
        record = service.rollouts.get(name)
    return record


def tell(story: Sequence[RolloutRecord], out: Path | None) -> None:
    """Every step of each, and its page."""
    for record in story:
        print(f"\n{record.name}: version {record.spec['version']} against {record.champion}")
        for step in record.steps:
            print(f"  {step.at:%H:%M:%S} {step.after:>12}  {step.by}: {step.why}")
        if out is not None:
            spec = RolloutSpec.model_validate(record.spec)
            page = report(spec, record.model, record.champion, record.steps, record.waits_for)
            (out / f"{record.name}.html").write_text(page, encoding="utf-8")


def play(folder: Path, n_people: int, seed: int = 8) -> tuple[list[RolloutRecord], dict[str, Any]]:
    """The story, and how it ended."""
    settings = Settings.from_environment({"QUIKAPP_ML_HOME": str(folder / "home"), "QUIKAPP_ML_RUN_SCHEDULES": "false"})
    service = open_service(settings)
    try:
        service.start()
        deliver(generate(SampleConfig(users=20, days=3, seed=seed)), intake_sink(service.intake))
        people = People(service, [f"person-{number}" for number in range(n_people)], random.Random(seed))  # noqa: S311 no secret
        today = register(service, folder, {"query_match": 2.0, "recency": 0.5})
        service.registry.set_alias(RANKER, CHAMPION, today)
        service.models.refresh()
        worse = register(service, folder, {"query_match": 0.5, "recency": -3.0})
        better = register(service, folder, {"recency": 4.0})
        people.round()
        story = [
            roll_out(people, "older-first", worse, "Old questions deserve an answer."),
            roll_out(people, "newer-first", better, "People want what is new."),
        ]
        champion = service.registry.by_alias(RANKER, CHAMPION)
    finally:
        service.close()
    with replay.opened(settings) as (archive, replayer):
        rows = [row for row in archive.sample(500, seed) if row.kind == "rank" and row.model_number == better][:10]
        outcomes = [str(replayer.replay(row).outcome) for row in rows]
    ends = {"champion": champion.number if champion else None, "better": better, "replayed": outcomes}
    return story, ends


def main() -> None:
    """Play it, and say how it ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=600)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="quikapp-ml-story-") as folder:
        story, ends = play(Path(folder), options.people)
    tell(story, options.out)
    print(f"\nchampion is version {ends['champion']}; ten of its decisions run again: {', '.join(ends['replayed'])}")


if __name__ == "__main__":
    main()
