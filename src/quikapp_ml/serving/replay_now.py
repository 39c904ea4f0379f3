"""A recorded question answered from the features of this moment: what would be said today?"""

from collections.abc import Callable, Mapping
from typing import Any

from quikapp_ml.entities.decisions import Decision, ModelRef
from quikapp_ml.entities.experiments import Subject
from quikapp_ml.entities.questions import RankQuestion, RecommendationQuestion
from quikapp_ml.errors import Unavailable
from quikapp_ml.features.author_behaviour import author_behaviour
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.models.base import Model
from quikapp_ml.serving.experiment_host import AS_EVER, Asker, Choice
from quikapp_ml.serving.ledger_archive import Recorded
from quikapp_ml.serving.loading import Loaded
from quikapp_ml.serving.policy import ListPolicy
from quikapp_ml.serving.ranking import RankingService
from quikapp_ml.serving.recommendations import RecommendationService
from quikapp_ml.serving.replay_kinds import check_spam_by, read_sentiment


class PresentFeatures:
    """Answers by the services themselves, over a state that is given, with one model.

    A spam check keeps the policy, the corrections and the campaign of then: only its author is seen as of now.
    """

    def __init__(self, workspace: Workspace, features: OnlineFeatures, clock: Callable[[], float]) -> None:
        self._state = (workspace, features, clock)

    def __call__(self, row: Recorded, model: Model | None, by: ModelRef) -> Any:
        """Answer the recorded question."""
        if row.kind == "sentiment":
            return read_sentiment(row, model, by)
        models: Any = _OneModel(model, by)
        ledger: Any = _OneId(row.decision_id)
        parts = (models, ledger, *self._state)
        request: Mapping[str, Any] = row.columns["request"]
        if row.kind == "recommendations":
            policy = ListPolicy.recorded(row.columns["candidates"].get("parameters", {}))
            return RecommendationService(*parts, policy).recommend(RecommendationQuestion.model_validate(request))
        if row.kind == "rank":
            return RankingService(*parts).rank(RankQuestion.model_validate(request, strict=False))
        workspace, features, clock = self._state
        author = author_behaviour(workspace, features, row.user_id or "", clock())
        return check_spam_by(row, model, by, {**row.columns["features"], **author})


class _OneModel:
    """A model host with the one model, or none."""

    def __init__(self, model: Model | None, ref: ModelRef) -> None:
        self._model = model
        self._ref = ref

    def get(self, name: str) -> Loaded:
        """The model, whatever it is called."""
        if self._model is None:
            raise Unavailable(f"rules answered for {name!r}")
        return Loaded(self._model, self._ref, None, None)

    def choose(self, _subject: Subject, _asker: Asker) -> Choice:
        """No experiment runs on what is past."""
        return AS_EVER

    def note_fallback(self) -> None:
        """Nothing is counted."""

    def offer(self, *_answered: object) -> None:
        """Nobody is in the shadow."""


class _OneId:
    """A ledger that keeps nothing: the decision is made already."""

    def __init__(self, decision_id: str) -> None:
        self._decision_id = decision_id

    def new_decision_id(self) -> str:
        """The recorded one."""
        return self._decision_id

    def record(self, decision: Decision) -> None:
        """Kept already."""
