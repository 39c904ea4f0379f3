"""A service without anything behind it, and a client, for tests of the HTTP door."""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from types import SimpleNamespace
from typing import Any, cast

import httpx
from fastapi import FastAPI

from quikapp_ml.api.app import create_app
from quikapp_ml.api.experiment_schemas import EXAMPLES
from quikapp_ml.api.rollout_schemas import ROLLOUT_EXAMPLES
from quikapp_ml.entities.activities import Activity
from quikapp_ml.entities.decisions import (
    Evidence,
    ModelRef,
    RankAnswer,
    RankedItem,
    Reason,
    Receipt,
    RecommendationAnswer,
    RecommendedItem,
    Rejection,
    SentimentAnswer,
    SentimentReading,
    SpamAnswer,
    Span,
)
from quikapp_ml.entities.events import parse_event
from quikapp_ml.entities.experiments import ExperimentDecision, ExperimentSpec
from quikapp_ml.entities.questions import (
    Feedback,
    RankQuestion,
    RecommendationQuestion,
    SentimentQuestion,
    SpamQuestion,
)
from quikapp_ml.entities.reviews import ReviewResolution
from quikapp_ml.entities.rollouts import Abort, RolloutSpec
from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.monitoring.host import MonitorHost
from quikapp_ml.serving.access import AccessGate
from quikapp_ml.serving.audit import AuditTrail
from quikapp_ml.serving.batcher import Batcher, Caller
from quikapp_ml.serving.campaigns import Campaigns
from quikapp_ml.serving.catalog.unity import Places, open_unity_catalog
from quikapp_ml.serving.channel_mood import ChannelMood, DayMood
from quikapp_ml.serving.endpoints import EndpointHost
from quikapp_ml.serving.experiment_results import ExperimentReader
from quikapp_ml.serving.feedback import ReviewResolved
from quikapp_ml.serving.health import HealthReport
from quikapp_ml.serving.ledger_archive import Recorded
from quikapp_ml.serving.moderation import Moderation
from quikapp_ml.serving.online_features import OnlineFeatureService
from quikapp_ml.serving.sql.opening import open_statements
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_compute
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.deltars import DeltaLake
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.stores.online.memory import MemoryOnlineStore
from quikapp_ml.stores.registry.memory import MemoryRegistry
from quikapp_ml.stores.state.experiments import ExperimentChange, ExperimentRecord
from quikapp_ml.stores.state.memory import MemoryControlState
from quikapp_ml.stores.state.rollouts import RolloutRecord, RolloutStep
from quikapp_ml.workflows.background import BackgroundRuns
from quikapp_ml.workflows.bundle import Bundle
from quikapp_ml.workflows.catalog import JobCatalog
from quikapp_ml.workflows.schedule import quartz_to_next
from support.no_rows import NoRows, Nowhere


class FakeIntake:
    """Checks events and remembers their ids; writes nothing."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.failure: Exception | None = None

    async def accept(self, given: Sequence[object], now: datetime) -> Receipt:
        if self.failure:
            raise self.failure
        rejected, n_duplicates, n_accepted = [], 0, 0
        for index, item in enumerate(given):
            try:
                event = parse_event(item, now=now)
            except InvalidInput as error:
                first = error.problems[0]
                rejected.append(Rejection(index, first.code, str(error), first.path))
                continue
            n_duplicates += event.event_id in self.seen
            n_accepted += event.event_id not in self.seen
            self.seen.add(event.event_id)
        return Receipt(n_accepted, n_duplicates, tuple(rejected))


class FakeAnswers:
    """Answers every question with fixed values, and keeps the questions."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.failure: Exception | None = None
        self.degraded = False

    def _note(self, question: Any) -> None:
        self.asked.append(question)
        if self.failure:
            raise self.failure

    async def accept(self, feedback: Feedback, now: datetime) -> str:
        self._note(feedback)
        return "feedback-1"

    async def resolve(self, decision_id: str, asked: ReviewResolution, holder: str, now: datetime) -> ReviewResolved:
        self._note(asked)
        return ReviewResolved(decision_id, asked.resolution, asked.user_id or holder, [decision_id])

    def recommend(self, question: RecommendationQuestion) -> RecommendationAnswer:
        self._note(question)
        contributions = {"popularity": 0.5} if question.explain else None
        item = RecommendedItem(
            "channel-1", "channel", 0.5, 1, "popular", (Reason("popular", "Many people talk here"),), contributions
        )
        model = ModelRef("recommendation-v2", "3.1.0")
        return RecommendationAnswer("decision-1", question.user_id, (item,), model, degraded=self.degraded)

    def rank(self, question: RankQuestion) -> RankAnswer:
        self._note(question)
        items = tuple(RankedItem(item.item_id, 0.5, rank) for rank, item in enumerate(question.items, 1))
        return RankAnswer("decision-2", question.user_id, items, ModelRef("content-ranker", "1.0.0"))

    def check(self, question: SpamQuestion) -> SpamAnswer:
        self._note(question)
        evidence = (Evidence("word", 1.5, "an offer", (Span(23, 28),)),)
        model = ModelRef("spam-classifier", "2.4.0")
        return SpamAnswer("decision-3", False, 0.2, "allow", {"insult": 0.0}, evidence, -2.9, -1.4, model)

    def of(self, channel_id: str, user_id: str, n_days: int) -> ChannelMood:
        mean: dict[Any, float] = {"negative": 0.12, "neutral": 0.55, "positive": 0.33}
        days = (DayMood(date(2026, 11, 19), 7, 56, mean),)
        return ChannelMood(channel_id, days, 2, 5, ModelRef("sentiment-bert", "2.0.0"), False)

    def read(self, question: SentimentQuestion, caller: Caller | None = None) -> SentimentAnswer:
        self._note(question)
        scores: dict[Any, float] = {"negative": 0.1, "neutral": 0.2, "positive": 0.7}
        results = tuple(SentimentReading(message.id, "positive", scores, 0.7) for message in question.messages)
        model = ModelRef("sentiment-bert", "1.2.0")
        return SentimentAnswer("decision-4", results, (), {"positive": len(results)}, model)


@dataclass
class FakeLoaded:
    ref: ModelRef
    number: int | None = None
    alias: str | None = "champion"


@dataclass
class FakeModels:
    swaps: int = 2
    failures: int = 1

    def loaded(self) -> list[FakeLoaded]:
        return [FakeLoaded(ModelRef("spam-classifier", "2.4.0"), 7)]


@dataclass
class FakeHealth:
    ready: bool = True
    state: HealthReport = field(default_factory=lambda: HealthReport("healthy", "connected", 3, "available", "1.0.0"))

    def report(self) -> HealthReport:
        return self.state

    def is_ready(self) -> bool:
        return self.ready


@dataclass
class FakeSpool:
    pending_bytes: int = 123


@dataclass
class FakeLakeWriter:
    lag_frames: int = 4
    last_error: object | None = None


@dataclass
class FakeLedger:
    recorded: int = 5
    lost: int = 0


class FakeDecisions:
    """Knows every decision but `unknown`: all were the same answer to user-123."""

    def find(self, decision_id: str) -> Recorded:
        if decision_id == "unknown":
            raise NotFound("there is no decision 'unknown'")
        row = {
            "decision_id": decision_id, "kind": "sentiment", "decided_at": datetime(2026, 11, 23, 8, tzinfo=UTC),
            "user_id": "user-123", "model_name": "sentiment-bert", "model_version": "1.2.0", "model_number": 1,
            "model_alias": "champion", "degraded": False, "latency_ms": 1.5, "inputs": "kept",
            "request": '{"messages":[{"id":"msg-1","content":"This is great!"}]}', "features": "{}",
            "answer": '{"results":[{"id":"msg-1","sentiment":"positive"}],"model":{"weight":1}}',
        }  # fmt: skip
        return Recorded.from_row(row)


class FakeExperiments:
    """One experiment, whatever it is called and whatever is done to it."""

    fallbacks = 2
    failures = 1

    def __init__(self) -> None:
        now = datetime(2026, 11, 23, 8, tzinfo=UTC)
        spec = EXAMPLES["ExperimentSpec"]
        self.record = ExperimentRecord("better-ranks", spec, "running", "local", now, now, 2, started_at=now)
        self.done: list[tuple[Any, ...]] = []
        self.failure: Exception | None = None

    def all(self) -> list[ExperimentRecord]:
        return [self.record]

    def get(self, name: str) -> ExperimentRecord:
        return self._noted("get", name)

    def create(self, spec: ExperimentSpec, by: str) -> ExperimentRecord:
        return self._noted("create", spec.name, by)

    def change(self, name: str, spec: ExperimentSpec, by: str) -> ExperimentRecord:
        return self._noted("change", name, spec.name, by)

    def start(self, name: str, by: str) -> ExperimentRecord:
        return self._noted("start", name, by)

    def stop(self, name: str, by: str) -> ExperimentRecord:
        return self._noted("stop", name, by)

    def decide(self, name: str, decision: ExperimentDecision, by: str) -> ExperimentRecord:
        return self._noted("decide", name, decision.variant, by)

    def history(self, name: str) -> list[ExperimentChange]:
        record = self._noted("history", name)
        return [ExperimentChange(record.name, 1, "create", "local", record.created_at, {}, {"state": "draft"})]

    def follow(self) -> None:
        self.done.append(("follow",))

    def _noted(self, *what: Any) -> ExperimentRecord:
        if self.failure:
            raise self.failure
        self.done.append(what)
        return self.record


class FakeRollouts:
    """One rollout, whatever is done to it."""

    def __init__(self) -> None:
        now = datetime(2026, 11, 23, 8, tzinfo=UTC)
        step = RolloutStep(now, "", "gate", "local", "Knows the newer people.")
        spec = ROLLOUT_EXAMPLES["RolloutSpec"]
        self.record = RolloutRecord("ranks-2", spec, "content-ranker", 1, "gate", now, "local", now, steps=(step,))
        self.done: list[tuple[str, ...]] = []
        self.failure: Exception | None = None

    def all(self) -> list[RolloutRecord]:
        return [self.record]

    def get(self, name: str) -> RolloutRecord:
        return self._noted("get", name)

    def start(self, spec: RolloutSpec, by: str) -> RolloutRecord:
        return self._noted("start", spec.name, by)

    def abort(self, name: str, abort: Abort, by: str) -> RolloutRecord:
        return self._noted("abort", name, abort.reason, by)

    def follow(self, record: RolloutRecord) -> RolloutRecord:
        self.done.append(("follow",))
        return record

    def _noted(self, *what: str) -> RolloutRecord:
        if self.failure:
            raise self.failure
        self.done.append(what)
        return self.record


class FakeService:
    """What the HTTP door sees, without anything behind it."""

    home: Any = SimpleNamespace(secret=lambda: b"secret of a home")

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.intake = FakeIntake()
        self.answers = FakeAnswers()
        self.feedback = self.recommendations = self.ranking = self.spam = self.sentiment = self.channel_moods = (
            self.answers
        )
        self.batcher, self.models = Batcher(), FakeModels()
        self.spool, self.lake_writer = FakeSpool(), FakeLakeWriter()
        self.ledger, self.decisions = FakeLedger(), FakeDecisions()
        self.experiments = FakeExperiments()
        self.health = FakeHealth()
        state = MemoryControlState()
        self.state = state
        self.access = AccessGate(state.tokens, "admin")
        self.audit = AuditTrail(state.audit, MemoryLake(), b"key")
        self.lake: Lake = MemoryLake()
        lakehouse = str(settings.home / "lakehouse")
        places = Places(lakehouse, str(settings.home))
        self.unity = open_unity_catalog(state, DeltaLake(lakehouse), MemoryRegistry(), places, "admin")
        self.statements, self.close_statements = open_statements(self.unity, "", self.audit)
        self.endpoints = EndpointHost(
            state.endpoints, MemoryRegistry(), cast(Any, self.models), cast(Any, None), settings.home / "endpoints"
        )
        lake = self.unity.securables.lake
        self.monitors = MonitorHost(
            state.monitors, lake, lambda: open_compute(""), quartz_to_next, self.unity.check_reads
        )
        self.jobs = JobCatalog(Bundle(settings.home / "databricks.yml", "none", "local", {}), state.jobs)
        self.job_runs = BackgroundRuns(self.jobs, state.job_runs, settings.home / "runs", {})
        self.features = OnlineFeatures()
        self.features.apply(Activity("posted", 1_795_000_000.0, "user-123", "channel-456", "msg-1"))
        self.online = MemoryOnlineStore()
        self.online_features = OnlineFeatureService(
            self.features, self.online, MemoryRegistry(), lambda: 1_795_000_060.0
        )
        self.moderation = Moderation(state.moderation, Workspace(), self.features, Campaigns(), lambda: 1_795_000_060.0)
        self.life: list[str] = []
        self.start_failure: Exception | None = None

    @cached_property
    def rollouts(self) -> Any:
        return FakeRollouts()

    @property
    def rollout_guard(self) -> FakeRollouts:
        guard: FakeRollouts = self.rollouts
        return guard

    @property
    def experiment_reader(self) -> ExperimentReader:
        return ExperimentReader(Nowhere(), NoRows, lambda: datetime(2026, 11, 25, tzinfo=UTC))

    @property
    def experiment_desk(self) -> Any:
        return self.experiments

    def start(self) -> None:
        self.life.append("start")
        if self.start_failure:
            raise self.start_failure

    def close(self) -> None:
        self.life.append("close")


class Client:
    """Sends requests to an app in this process, one after another."""

    def __init__(self, runner: asyncio.Runner, app: FastAPI) -> None:
        self.app = app
        self._runner = runner
        # A bug must become an answer of the app, so nothing but the answer may come out of it.
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://localhost")

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.run(self._http.request(method, path, **more))

    def run(self, request: Coroutine[Any, Any, httpx.Response]) -> httpx.Response:
        """Let something run in the loop of the app."""
        return self._runner.run(request)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)

    def put(self, path: str, **more: Any) -> httpx.Response:
        return self.request("PUT", path, **more)


@contextmanager
def running(service: FakeService) -> Iterator[Client]:
    """The app around the service, from its start to its end."""
    app = create_app(service)
    life = app.router.lifespan_context(app)
    with asyncio.Runner() as runner:
        runner.run(life.__aenter__())
        yield Client(runner, app)
        runner.run(life.__aexit__(None, None, None))
