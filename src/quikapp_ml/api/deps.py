"""What the HTTP door needs of the service behind it, and how a route gets at it."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from starlette.requests import Request

from quikapp_ml.entities.decisions import (
    ModelRef,
    RankAnswer,
    Receipt,
    RecommendationAnswer,
    SentimentAnswer,
    SpamAnswer,
)
from quikapp_ml.entities.questions import (
    Feedback,
    RankQuestion,
    RecommendationQuestion,
    SentimentQuestion,
    SpamQuestion,
)
from quikapp_ml.entities.reviews import ReviewResolution
from quikapp_ml.serving.access import AccessGate
from quikapp_ml.serving.audit import AuditTrail
from quikapp_ml.serving.batcher import Batcher, Caller
from quikapp_ml.serving.catalog.unity import UnityCatalog
from quikapp_ml.serving.channel_mood import ChannelMood
from quikapp_ml.serving.endpoints import EndpointHost
from quikapp_ml.serving.experiments import ExperimentDesk
from quikapp_ml.serving.feedback import ReviewResolved
from quikapp_ml.serving.health import HealthReport
from quikapp_ml.serving.ledger_archive import Recorded
from quikapp_ml.serving.moderation import Moderation
from quikapp_ml.serving.online_features import OnlineFeatureService
from quikapp_ml.serving.rollouts import RolloutDesk
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.state.rollouts import RolloutRecord

if TYPE_CHECKING:
    from quikapp_ml.serving.experiment_results import ExperimentReader


class Intake(Protocol):
    """Takes events; what it has acknowledged is on the disk."""

    async def accept(self, given: Sequence[object], now: datetime) -> Receipt:
        """Take a list of events as the client sent them."""


class FeedbackDesk(Protocol):
    """Takes feedback on answers."""

    async def accept(self, feedback: Feedback, now: datetime) -> str:
        """Keep the feedback and return its id."""

    async def resolve(self, decision_id: str, asked: ReviewResolution, holder: str, now: datetime) -> ReviewResolved:
        """Let a moderator decide."""


class Recommender(Protocol):
    """Recommends channels, people and messages."""

    def recommend(self, question: RecommendationQuestion) -> RecommendationAnswer:
        """Answer one question."""


class Ranker(Protocol):
    """Puts given items in order."""

    def rank(self, question: RankQuestion) -> RankAnswer:
        """Answer one question."""


class SpamChecker(Protocol):
    """Checks texts for spam and abuse."""

    def check(self, question: SpamQuestion) -> SpamAnswer:
        """Answer one question."""


class SentimentReader(Protocol):
    """Reads the sentiment of messages; may be called from any thread."""

    def read(self, question: SentimentQuestion, caller: Caller | None = None) -> SentimentAnswer:
        """Answer one question."""


class ChannelMoodReader(Protocol):
    """Tells how channels sounded; reads stores."""

    def of(self, channel_id: str, user_id: str, n_days: int) -> ChannelMood:
        """The last whole days."""


class LoadedModel(Protocol):
    """A model version that answers now."""

    @property
    def ref(self) -> ModelRef:
        """Name and semantic version."""

    @property
    def number(self) -> int | None:
        """Number in the registry; None for a starter model."""

    @property
    def alias(self) -> str | None:
        """Alias it was loaded by."""


class Models(Protocol):
    """The models that are loaded."""

    @property
    def swaps(self) -> int:
        """How often a version took another's place."""

    @property
    def failures(self) -> int:
        """How often a version could not be loaded."""

    def loaded(self) -> Sequence[LoadedModel]:
        """All that answer now."""


class Waiting(Protocol):
    """The spool, as far as telemetry sees it."""

    @property
    def pending_bytes(self) -> int:
        """Size of what waits for the tables."""


class TableWriter(Protocol):
    """The lake writer, as far as telemetry sees it."""

    @property
    def lag_frames(self) -> int:
        """Frames that wait for the tables."""

    @property
    def last_error(self) -> object | None:
        """What the last attempt failed of; None when it did not."""


class Ledger(Protocol):
    """The decision ledger, as far as telemetry sees it."""

    @property
    def recorded(self) -> int:
        """Decisions written down."""

    @property
    def lost(self) -> int:
        """Decisions that could not be written down."""


class Decisions(Protocol):
    """Decisions that were made; it reads stores, so not on the event loop."""

    def find(self, decision_id: str) -> Recorded:
        """One of them."""


class FollowsRollouts(Protocol):
    """Rollouts at work."""

    def follow(self, record: RolloutRecord) -> RolloutRecord:
        """Make the world follow one, now."""


class FollowsExperiments(Protocol):
    """Running experiments at work."""

    @property
    def fallbacks(self) -> int:
        """Answers that were control's because their variant could not give them."""

    @property
    def failures(self) -> int:
        """Failures of experiments that did not reach an answer."""

    def follow(self) -> None:
        """Let what was changed hold now; never raises."""


class Health(Protocol):
    """What is known of the state of the service; never waits."""

    def report(self) -> HealthReport:
        """The state now."""

    def is_ready(self) -> bool:
        """Whether questions can be answered now."""


class Service(Protocol):
    """What `bootstrap.Service` is to the routes."""

    @property
    def settings(self) -> Settings: ...  # noqa: D102
    @property
    def intake(self) -> Intake: ...  # noqa: D102
    @property
    def feedback(self) -> FeedbackDesk: ...  # noqa: D102
    @property
    def recommendations(self) -> Recommender: ...  # noqa: D102
    @property
    def ranking(self) -> Ranker: ...  # noqa: D102
    @property
    def spam(self) -> SpamChecker: ...  # noqa: D102
    @property
    def sentiment(self) -> SentimentReader: ...  # noqa: D102
    @property
    def batcher(self) -> Batcher: ...  # noqa: D102
    @property
    def channel_moods(self) -> "ChannelMoodReader": ...  # noqa: D102
    @property
    def online_features(self) -> OnlineFeatureService: ...  # noqa: D102
    @property
    def models(self) -> Models: ...  # noqa: D102
    @property
    def spool(self) -> Waiting: ...  # noqa: D102
    @property
    def lake_writer(self) -> TableWriter: ...  # noqa: D102
    @property
    def ledger(self) -> Ledger: ...  # noqa: D102
    @property
    def health(self) -> Health: ...  # noqa: D102
    @property
    def access(self) -> AccessGate: ...  # noqa: D102
    @property
    def audit(self) -> AuditTrail: ...  # noqa: D102
    @property
    def endpoints(self) -> EndpointHost: ...  # noqa: D102
    @property
    def unity(self) -> UnityCatalog: ...  # noqa: D102
    @property
    def moderation(self) -> Moderation: ...  # noqa: D102
    @property
    def experiments(self) -> FollowsExperiments: ...  # noqa: D102
    @property
    def experiment_desk(self) -> ExperimentDesk: ...  # noqa: D102
    @property
    def experiment_reader(self) -> "ExperimentReader": ...  # noqa: D102
    @property
    def rollouts(self) -> RolloutDesk: ...  # noqa: D102
    @property
    def rollout_guard(self) -> FollowsRollouts: ...  # noqa: D102
    @property
    def lake(self) -> Lake: ...  # noqa: D102
    @property
    def decisions(self) -> Decisions: ...  # noqa: D102

    def start(self) -> None:
        """Recover what was left behind and begin to work."""

    def close(self) -> None:
        """Bring everything to the disk and stop."""


def service_of(request: Request) -> Service:
    """The service behind this request."""
    service: Service = request.app.state.service
    return service
