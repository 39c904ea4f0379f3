"""Puts items that a client gives in the order in which one person should see them: a feed, or search results."""

import time
from collections.abc import Callable
from dataclasses import asdict

import numpy as np

from quikapp_ml.entities.decisions import Decision, RankAnswer, RankedItem
from quikapp_ml.entities.questions import RankQuestion
from quikapp_ml.features.frame import FeatureFrame
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.ranked_items import item_features
from quikapp_ml.features.viewpoint import Viewpoint
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.models.ranking import ContentRanker
from quikapp_ml.serving.context import check_context
from quikapp_ml.serving.decisions import DecisionLedger
from quikapp_ml.serving.loading import ModelHost
from quikapp_ml.serving.scoring import Scores, answered_by, loaded_model, or_rules


class RankingService:
    """Answers from the state in memory; it runs on the event loop and does no I/O but the ledger's append."""

    def __init__(
        self,
        models: ModelHost,
        ledger: DecisionLedger,
        workspace: Workspace,
        features: OnlineFeatures,
        clock: Callable[[], float],
    ) -> None:
        self._models = models
        self._ledger = ledger
        self._workspace = workspace
        self._features = features
        self._clock = clock

    def rank(self, question: RankQuestion) -> RankAnswer:
        """Order all the items. Raises InvalidInput on a context of the wrong type."""
        started = time.perf_counter()
        check_context(question.context)
        loaded, model = loaded_model(self._models, ContentRanker)
        view = Viewpoint(self._workspace, self._features, question.user_id, self._clock())
        frame = item_features(view, question.items, question.query)
        scores, is_degraded = or_rules(_by_model(model, frame), lambda: _by_rule(question, frame))
        model_ref, model_number = answered_by(ContentRanker, loaded, is_degraded)
        order = sorted(range(len(question.items)), key=lambda at: (-scores.values[at], question.items[at].item_id))
        answer = RankAnswer(
            decision_id=self._ledger.new_decision_id(),
            user_id=question.user_id,
            items=tuple(
                RankedItem(
                    item_id=question.items[at].item_id,
                    score=float(scores.values[at]),
                    rank=rank,
                    contributions=scores.explained(at) if question.explain else None,
                )
                for rank, at in enumerate(order, start=1)
            ),
            model=model_ref,
            degraded=is_degraded,
        )
        self._ledger.record(
            Decision(
                decision_id=answer.decision_id,
                kind="rank",
                user_id=question.user_id,
                model=answer.model,
                request=question.model_dump(),
                answer=asdict(answer),
                latency_ms=(time.perf_counter() - started) * 1000,
                features={
                    "names": frame.names,
                    "item_ids": [question.items[at].item_id for at in order],
                    "values": np.asarray(frame.values)[order].tolist(),
                },
                model_number=model_number,
                degraded=is_degraded,
            )
        )
        return answer


def _by_model(model: ContentRanker | None, frame: FeatureFrame) -> Callable[[], Scores] | None:
    return None if model is None else lambda: Scores.by_model(model.contributions(frame.names, frame.values))


def _by_rule(question: RankQuestion, frame: FeatureFrame) -> Scores:
    """Search results by their words, a feed by time."""
    return Scores.by_rule(frame, "query_match" if question.query else "newest_first")
