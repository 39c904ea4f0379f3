"""The only wiring: from settings to stores, from stores to the service. Everything is passed, nothing is looked up."""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from quikapp_ml import __version__
from quikapp_ml.entities.events import Event
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.models import MODEL_CLASSES
from quikapp_ml.monitoring.host import MonitorHost
from quikapp_ml.serving.access import AccessGate
from quikapp_ml.serving.audit import AuditTrail
from quikapp_ml.serving.bandits import BanditTeacher
from quikapp_ml.serving.batcher import Batcher
from quikapp_ml.serving.built_in_endpoints import built_in_endpoints
from quikapp_ml.serving.campaigns import Campaigns
from quikapp_ml.serving.catalog.unity import Places, open_unity_catalog
from quikapp_ml.serving.channel_mood import ChannelMoods
from quikapp_ml.serving.decisions import DecisionLedger
from quikapp_ml.serving.endpoint_traffic import EndpointTraffic
from quikapp_ml.serving.endpoints import EndpointHost
from quikapp_ml.serving.experiment_guard import ExperimentGuard
from quikapp_ml.serving.experiment_host import ExperimentHost
from quikapp_ml.serving.experiments import ExperimentDesk
from quikapp_ml.serving.feedback import FeedbackIntake
from quikapp_ml.serving.health import Checks, DatabricksProbe, HealthMonitor, count_champions
from quikapp_ml.serving.intake import EventIntake
from quikapp_ml.serving.invocation_log import InvocationLog
from quikapp_ml.serving.lake_writer import LakeWriter
from quikapp_ml.serving.ledger_archive import DecisionArchive
from quikapp_ml.serving.loading import ModelHost
from quikapp_ml.serving.local_token import keep_local_token, local_user
from quikapp_ml.serving.mlflow_ui import MlflowUi
from quikapp_ml.serving.moderation import Moderation
from quikapp_ml.serving.online_features import OnlineFeatureService
from quikapp_ml.serving.payload_log import PayloadLog
from quikapp_ml.serving.policy import ListPolicy
from quikapp_ml.serving.ranking import RankingService
from quikapp_ml.serving.recommendations import RecommendationService
from quikapp_ml.serving.replay_models import PinnedModels
from quikapp_ml.serving.rollout_guard import RolloutGuard
from quikapp_ml.serving.rollout_world import RolloutWorld
from quikapp_ml.serving.rollouts import RolloutDesk
from quikapp_ml.serving.sentiment import SentimentService
from quikapp_ml.serving.shadow import ShadowHost
from quikapp_ml.serving.spam import SpamService
from quikapp_ml.serving.sql.opening import open_statements
from quikapp_ml.serving.trying import ModelChoice
from quikapp_ml.settings import Settings
from quikapp_ml.stores.home import Home
from quikapp_ml.stores.lake import open_compute, open_lake
from quikapp_ml.stores.lake.tables import DECISIONS, EVENTS, FEEDBACK, inference_table
from quikapp_ml.stores.online import open_online_store
from quikapp_ml.stores.online.published import published_namespaces
from quikapp_ml.stores.registry import open_registry
from quikapp_ml.stores.registry.base import CHAMPION, ModelRegistry
from quikapp_ml.stores.spool.file import FileSpool
from quikapp_ml.stores.state import open_state
from quikapp_ml.training.replay import ordered_events
from quikapp_ml.training.rollout_moves import RecordedAliases
from quikapp_ml.training.starters import read_metadata, register_starters
from quikapp_ml.workflows.background import BackgroundRuns
from quikapp_ml.workflows.bundle import Bundle, find_bundle, read_bundle
from quikapp_ml.workflows.catalog import JobCatalog
from quikapp_ml.workflows.runner import JobRunner, Progress, Watch
from quikapp_ml.workflows.schedule import Scheduler, quartz_to_next

if TYPE_CHECKING:
    from quikapp_ml.serving.experiment_results import ExperimentReader
    from quikapp_ml.serving.rollout_evidence import RolloutEvidence

logger = logging.getLogger(__name__)

RUNS_FOLDER = "runs"
DEFINITIONS = "definitions"
"""Namespace of the online store: the definitions of views that its values were counted by, a key each."""


def starter_folders() -> dict[str, Path]:
    """Folders of the models that come with the package, by registered name."""
    root = Path(str(files("quikapp_ml.starter_models")))
    return {name: root / name for name in MODEL_CLASSES}


def open_model_registry(settings: Settings) -> ModelRegistry:
    """The registry of the settings; MLflow is imported by its first use."""
    return open_registry(settings.mlflow_uri, settings.tracking_experiment, settings.home / "mlartifacts")


def _list_policy(settings: Settings) -> ListPolicy:
    return ListPolicy(
        diversity=settings.list_diversity,
        most_of_a_source=settings.list_source_share,
        explore=settings.list_exploration,
        promoted=settings.promoted,
    )


def open_bundle(file: Path | None = None, target: str | None = None) -> Bundle:
    """The bundle in the file or folder given, else of this folder, else of the package."""
    return read_bundle(find_bundle(file), target)


def open_job_runner(
    settings: Settings, environment: Mapping[str, str], bundle: Bundle, on_progress: Progress
) -> JobRunner:
    """What runs jobs here, of the bundle and of clients; records go to the control state, logs to the home."""
    Home(settings.home)
    state = open_state(settings.control_state_url)
    jobs = JobCatalog(bundle, state.jobs)
    return JobRunner(jobs, state.job_runs, settings.home / RUNS_FOLDER, environment, Watch(on_progress))


class Service:
    """The whole service of one home, opened and locked; `start` makes it work, `close` gives everything back."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self.settings = settings
        self._is_started = False
        self._registering = threading.Thread(target=self._register_starters, name="register-starters", daemon=True)
        self.home = Home(settings.home)
        self._closing = ExitStack()
        self.home.lock()
        self._closing.callback(self.home.unlock)
        try:
            self._open_stores()
            self._open_questions()
            self._open_workspace()
            self._open_monitors()
            self._open_rollouts()
            self._open_jobs(environment)
        except BaseException:
            self._closing.close()
            raise

    def _open_stores(self) -> None:
        settings = self.settings
        self.spool = FileSpool(settings.home / "spool", settings.spool_max_bytes)
        self._closing.callback(self.spool.close)
        self.online = open_online_store(settings.online_url)
        self._closing.callback(self.online.close)
        self.online.claim(self.home.identity())
        self.state = open_state(settings.control_state_url)
        self._closing.callback(self.state.close)
        self.lake = open_lake(settings.lake_path)
        self.registry = open_model_registry(settings)
        self.workspace = Workspace()
        self.features = OnlineFeatures()
        self.campaigns = Campaigns()
        self.intake = EventIntake(self.spool, self.online, self.workspace, self.features, self._witness)
        self.lake_writer = LakeWriter(
            self.spool, self.lake, (EVENTS, DECISIONS, FEEDBACK), self.intake.persist, settings.lake_flush_seconds,
            inference_table,
        )  # fmt: skip

    def _witness(self, event: Event) -> None:
        self.campaigns.witness(event)
        self.moderation.witness(event)

    def _open_questions(self) -> None:
        settings = self.settings
        self.ledger = DecisionLedger(self.spool, self.home.secret(), sampling=settings.ledger_shares)
        self.decisions = DecisionArchive(self.lake, self.spool)
        records = self.state.moderation
        self.moderation = Moderation(
            records, self.workspace, self.features, self.campaigns, time.time, self.decisions.find
        )
        self.feedback = FeedbackIntake(self.spool, self.ledger, self.moderation)
        self.models = ModelHost(
            self.registry, starter_folders(), MODEL_CLASSES, settings.home / "models", settings.alias_poll_seconds
        )
        self.experiments = ExperimentHost(
            self.state.experiments,
            self.registry,
            MODEL_CLASSES,
            self.workspace,
            settings.alias_poll_seconds,
            lambda spec: self.experiment_reader.had(spec),
        )
        self.experiment_desk = ExperimentDesk(self.state.experiments, self.registry, lambda: datetime.now(UTC))
        self.versions = PinnedModels(self.registry, {}, MODEL_CLASSES)
        self._closing.callback(self.versions.close)
        self.shadows = ShadowHost(lambda name, number: self.versions.by_number(name, number).model)
        models = ModelChoice(self.models, self.experiments, self.shadows)
        parts = (models, self.ledger, self.workspace, self.features, time.time)
        self.recommendations = RecommendationService(*parts, _list_policy(settings))
        self.ranking = RankingService(*parts)
        self.spam = SpamService(*parts, self.moderation)
        self.batcher = Batcher()
        self._closing.callback(self.batcher.close)
        self.sentiment = SentimentService(models, self.ledger, time.time, self.batcher)
        self.channel_moods = ChannelMoods(self.lake, self.workspace, self.sentiment, lambda: datetime.now(UTC))
        self.online_features = OnlineFeatureService(self.features, self.online, self.registry, time.time)
        self.health = HealthMonitor(self._checks(), __version__)

    def _open_workspace(self) -> None:
        """What the Databricks protocols need besides: callers, endpoints, the audit trail."""
        settings = self.settings
        self.access = AccessGate(self.state.tokens, local_user())
        self.audit = AuditTrail(self.state.audit, self.lake, self.home.secret())
        places = Places(str(settings.lake_path), str(settings.home))
        self.unity = open_unity_catalog(self.state, self.lake, self.registry, places, local_user())
        self.statements, close_statements = open_statements(self.unity, settings.spark_remote, self.audit)
        self._closing.callback(close_statements)
        log = InvocationLog(PayloadLog(self.spool, self.home.secret()), self.ledger)
        self.endpoints = EndpointHost(
            self.state.endpoints, self.registry, self.models, log, settings.home / "endpoints",
            lambda: not self._registering.is_alive(),
        )  # fmt: skip

    def _open_monitors(self) -> None:
        spark = self.settings.spark_remote
        settings = self.settings
        self.mlflow_ui = MlflowUi(settings.mlflow_uri, settings.home, lambda: not self._registering.is_alive())
        self._closing.callback(self.mlflow_ui.close)
        self.monitors = MonitorHost(
            self.state.monitors, self.lake, lambda: open_compute(spark), quartz_to_next, self.unity.check_reads
        )
        self.bandits = BanditTeacher(
            self.experiment_desk, lambda spec: self.experiment_reader.learnt(spec), self.experiments.follow,
            lambda: datetime.now(UTC),
        )  # fmt: skip
        self.experiment_guard = ExperimentGuard(
            self.experiment_desk,
            lambda spec: self.experiment_reader.guarded(spec),
            self.experiments.follow,
            teach=self.bandits.teach,
        )

    def _open_rollouts(self) -> None:
        def now() -> datetime:
            return datetime.now(UTC)

        traffic = self._traffic = EndpointTraffic(self.endpoints)
        self.rollouts = RolloutDesk(self.state.rollouts, self.experiment_desk, self.registry, now, traffic)
        aliases = RecordedAliases(self.registry, self.lake, now)
        world = RolloutWorld(self.experiment_desk, aliases, self.lake, self._follow_answers, traffic)
        self.rollout_guard = RolloutGuard(self.rollouts, world, self.shadows, lambda: self.rollout_evidence)

    def _follow_answers(self) -> None:
        """Let the next answer know of an alias that moved, or an experiment that was begun or ended."""
        self.models.refresh()
        self.experiments.follow()

    @cached_property
    def rollout_evidence(self) -> "RolloutEvidence":
        """What looks at rollouts; statistics cost time and memory, which the first rollout pays."""
        module = import_module("quikapp_ml.serving.rollout_evidence")
        evidence: RolloutEvidence = module.RolloutEvidence(
            self.lake, self.registry, self.versions, self.shadows, self.experiment_desk,
            self.experiment_reader.guarded, lambda: datetime.now(UTC), self._traffic,
        )  # fmt: skip
        return evidence

    @cached_property
    def experiment_reader(self) -> "ExperimentReader":
        """What reads the results of experiments; statistics cost time and memory, which the first experiment pays."""
        module = import_module("quikapp_ml.serving.experiment_results")
        spark = self.settings.spark_remote
        reader: ExperimentReader = module.ExperimentReader(
            self.lake, lambda: open_compute(spark), lambda: datetime.now(UTC)
        )
        return reader

    def _checks(self) -> Checks:
        production = [name for name, folder in starter_folders().items() if read_metadata(folder).alias == CHAMPION]
        return Checks(
            workspace_answers=self._workspace_probe(),
            feature_store_answers=self.online.answers,
            takes_events=lambda: self.spool.failure is None,
            has_room=lambda: self.spool.has_room,
            writes_tables=lambda: self.lake_writer.last_error is None,
            is_recovered=lambda: self.intake.is_recovered,
            models_loaded=lambda: count_champions(self.models.loaded()),
            models_expected=lambda: len(production),
        )

    def _workspace_probe(self) -> Callable[[], bool]:
        """Without a Databricks host the workspace is this service: its tables and its registry."""
        settings = self.settings
        if settings.databricks_host:
            probe = DatabricksProbe(settings.databricks_host, settings.databricks_token.get_secret_value())
            self._closing.callback(probe.close)
            return probe
        return lambda: self._has_events and self.models.follows_registry

    def _open_jobs(self, environment: Mapping[str, str]) -> None:
        command = (sys.executable, "-m", "quikapp_ml.cli", "pipeline", "run", "--trigger", "schedule")
        folder = self.settings.home / RUNS_FOLDER
        self.jobs = JobCatalog(open_bundle(), self.state.jobs)
        self.job_runs = BackgroundRuns(self.jobs, self.state.job_runs, folder, environment)
        self._closing.callback(self.job_runs.close)
        self.scheduler = Scheduler(self.jobs.schedules, lambda job: (*command, job), environment, folder)

    # --- its life

    @property
    def is_empty(self) -> bool:
        """Whether nothing has ever been told to this home."""
        return not self.workspace.people and not self.workspace.channels

    def announce(self, url: str) -> None:
        """Let the commands of this home find the service."""
        self.home.announce(url)

    @property
    def _has_events(self) -> bool:
        return self.lake.exists(EVENTS.name)

    def start_intake(self) -> None:
        """Read in what an earlier process left behind, and begin to take events. Called again, it does nothing."""
        if self.intake.is_recovered:
            return
        if self._has_whole_state():
            self.intake.recover()
        else:
            self.online.clear(keep=self._to_keep())
            written = self.lake.transaction_number(EVENTS.name, self.spool.writer_id) if self._has_events else None
            self.intake.rebuild(ordered_events(self.lake), written or 0)
            self.online.write({DEFINITIONS: dict.fromkeys(self.features.NAMESPACES, b"")})
        self.lake_writer.start()
        self._closing.callback(self.lake_writer.close)

    def _has_whole_state(self) -> bool:
        """Not in a new home, after the store was lost or put back from an older copy, nor when views have changed."""
        return self._goes_on() and None not in self.online.get(DEFINITIONS, self.features.NAMESPACES)

    def _goes_on(self) -> bool:
        """Whether the store is the one that this home left: of an older copy, nothing holds."""
        checkpoint = self.online.checkpoint
        return bool(checkpoint) and checkpoint >= self.spool.forgotten

    def _to_keep(self) -> list[str]:
        """What is published does not depend on how views are counted here."""
        return published_namespaces(self.online) if self._goes_on() else []

    def start(self) -> None:
        """Begin to take events and to answer. Called again, it does nothing."""
        if self._is_started:
            return
        self._is_started = True
        self.start_intake()
        for part in (
            self.models, self.moderation, self.experiments, self.experiment_guard, self.shadows, self.rollout_guard,
            self.health,
        ):  # fmt: skip
            part.start()
            self._closing.callback(part.close)
        self._start_workspace()
        self._registering.start()
        if self.settings.run_schedules:
            self.scheduler.start()
            self._closing.callback(self.scheduler.close)

    def _start_workspace(self) -> None:
        keep_local_token(self.home.path, self.state.tokens, local_user())
        self.audit.start()
        self._closing.callback(self.audit.close)
        self.monitors.start()
        self._closing.callback(self.monitors.close)
        self.endpoints.start(built_in_endpoints(self), local_user())
        self._closing.callback(self.endpoints.close)

    def close(self) -> None:
        """Bring everything to the disk, stop, and give the home back. Called again, it does nothing."""
        self._closing.close()

    def _register_starters(self) -> None:
        """In the background: a fresh home answers from the package's models while MLflow makes its database."""
        try:
            if register_starters(self.registry, starter_folders(), MODEL_CLASSES):
                self.models.refresh()
        except Exception:  # the starters answer all the same, and the next start tries again
            logger.exception("the starter models could not be registered; they answer from the package")


def open_service(settings: Settings, environment: Mapping[str, str] | None = None) -> Service:
    """Open the home of the settings and wire the service; `environment` is passed on to scheduled jobs.

    Raises HomeInUse when another process owns the home, StorageFailed when it cannot be written.
    """
    return Service(settings, os.environ if environment is None else environment)
