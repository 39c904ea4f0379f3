"""Spam checks in the course of a whole chat, each message checked just before it is posted: who is hit, what is found.

    python benchmarks/spam_moderation.py [--users 200] [--days 45] [--chat FILE.zip]

Messages of the sample workspace that people reported as spam are spam; those of people that nobody reported are
ordinary, but for copies of spam that was reported. In a Slack export all are ordinary. Everything runs once without and
once with the signal of nearly the same text in other channels. Campaigns: how many ids the copies of one sender on one
day have. Time is that of a whole check in this process, without HTTP. The last line is JSON.
"""

import argparse
import json
import resource
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from quikapp_ml.entities.decisions import Decision, ModelRef, SpamAnswer
from quikapp_ml.entities.events import Event, Message, parse_event
from quikapp_ml.entities.questions import SpamQuestion
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.importers.slack import read_export
from quikapp_ml.models.spam import SpamClassifier
from quikapp_ml.serving.campaigns import Campaigns
from quikapp_ml.serving.experiment_host import AS_EVER, Choice
from quikapp_ml.serving.loading import Loaded
from quikapp_ml.serving.moderation import Moderation
from quikapp_ml.serving.spam import SpamService
from quikapp_ml.stores.state.memory_moderation import memory_moderation

LATEST = datetime(2100, 1, 1, tzinfo=UTC)
ACTIONS = ("flag", "throttle", "hold", "block")


class Starter:
    """A model host with the starter, and no experiment."""

    def __init__(self) -> None:
        model = SpamClassifier.load(Path(str(files("quikapp_ml.starter_models"))) / SpamClassifier.name)
        self._loaded = Loaded(model, ModelRef(model.name, "starter"), None, None)

    def get(self, _name: str) -> Loaded:
        return self._loaded

    def choose(self, *_asked: object) -> Choice:
        return AS_EVER

    def note_fallback(self) -> None:
        pass

    def offer(self, *_answered: object) -> None:
        pass


class Counting:
    """A ledger that gives ids and keeps nothing."""

    n_made = 0

    def new_decision_id(self) -> str:
        self.n_made += 1
        return str(self.n_made)

    def record(self, _decision: Decision) -> None:
        pass


class Chat:
    """The service over a chat that is told event by event."""

    def __init__(self, models: Any, *, knows_copies: bool) -> None:
        self._knows_copies = knows_copies
        self._workspace, self._features, self._campaigns = Workspace(), OnlineFeatures(), Campaigns()
        self._now = 0.0
        state = (self._workspace, self._features)
        moderation = Moderation(memory_moderation(), *state, self._campaigns, self._clock)
        ledger: Any = Counting()
        self._spam = SpamService(models, ledger, *state, self._clock, moderation)
        self.seconds: list[float] = []

    def _clock(self) -> float:
        return self._now

    def check(self, message: Message) -> SpamAnswer:
        self._now = message.unix_seconds
        question = SpamQuestion(
            content=message.content or "", user_id=message.user_id, metadata={"channel_id": message.channel_id}
        )
        started = perf_counter()
        answer = self._spam.check(question)
        self.seconds.append(perf_counter() - started)
        return answer

    def tell(self, event: Event) -> None:
        for activity in self._workspace.apply(event):
            self._features.apply(activity)
        if self._knows_copies:
            self._campaigns.witness(event)


def read(rows: Iterable[dict[str, Any]]) -> list[Event]:
    return [parse_event(row, now=LATEST) for row in rows]


def measure(events: Sequence[Event], models: Any, *, knows_copies: bool) -> dict[str, float]:
    spam = {
        (event.channel_id, event.message_id) for event in events if event.type == "report" and event.reason == "spam"
    }
    reported = {(event.channel_id, event.message_id) for event in events if event.type == "report"}
    chat = Chat(models, knows_copies=knows_copies)
    hit: dict[str, Counter[str]] = {"spam": Counter(), "ordinary": Counter()}
    ids: dict[str, set[str]] = defaultdict(set)
    of_ordinary: dict[str, list[str]] = defaultdict(list)
    for event in events:
        if isinstance(event, Message) and event.content and not event.is_bot:
            key = (event.channel_id, event.message_id)
            if key in spam or key not in reported:
                answer = chat.check(event)
                kind = "spam" if key in spam else "ordinary"
                hit[kind][answer.action] += 1
                if kind == "ordinary":
                    of_ordinary[answer.campaign_id or ""].append(answer.action)
                elif answer.campaign_id:
                    ids[f"{event.user_id} {event.event_time:%Y-%m-%d}"].add(answer.campaign_id)
        chat.tell(event)
    copies = [action for name in set().union(*ids.values()) for action in of_ordinary.get(name, ())]
    hit["ordinary"].subtract(copies)
    times = np.array(chat.seconds) * 1000
    measures = {
        f"{kind}_{action}": counts[action] / max(1, counts.total())
        for kind, counts in hit.items()
        for action in ACTIONS
    }
    return {
        "spam": hit["spam"].total(),
        "ordinary": hit["ordinary"].total(),
        **measures,
        "campaigns": len(ids),
        "ids_a_campaign": float(np.mean([len(each) for each in ids.values()])) if ids else 0.0,
        "copies_not_reported": len(copies),
        "p50_ms": float(np.quantile(times, 0.5)),
        "p99_ms": float(np.quantile(times, 0.99)),
        "max_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--days", type=int, default=45)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--chat", type=Path, help="a Slack export of ordinary chat")
    given = parser.parse_args()
    config = SampleConfig(given.users, given.days, given.seed)
    chats = {"sample": read(generate(config)), **({"chat": read(read_export(given.chat))} if given.chat else {})}
    models = Starter()
    found: dict[str, dict[str, float]] = {}
    for name, events in chats.items():
        for knows_copies in (False, True):
            label = f"{name}_{'with' if knows_copies else 'without'}_copies"
            found[label] = measure(events, models, knows_copies=knows_copies)
            for measured, value in found[label].items():
                print(f"{label:24} {measured:32} {value:.4f}")
    print(json.dumps({name: {key: round(value, 5) for key, value in each.items()} for name, each in found.items()}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
