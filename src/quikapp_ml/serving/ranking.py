"""Puts items that a client gives in the order in which one person should see them: a feed, or search results."""

import time
from collections.abc import Callable, Sequence

from quikapp_ml.entities.decisions import Decision, RankAnswer, RankedItem
from quikapp_ml.entities.questions import RankQuestion
from quikapp_ml.features.frame import FeatureFrame
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.ranked_items import item_features
from quikapp_ml.features.viewpoint import Viewpoint
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.models.ranking import ContentRanker
from quikapp_ml.serving.context import asker_of, check_context
from quikapp_ml.serving.decisions import DecisionLedger
from quikapp_ml.serving.scoring import Scores, answered_by
from quikapp_ml.serving.trying import Models, scored, tried_model


class RankingService:
    """Answers from the state in memory; it runs on the event loop and does no I/O but the ledger's append."""

    def __init__(
        self,
        models: Models,
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
        asker = asker_of(question.user_id, question.context)
        tried = tried_model(self._models, ContentRanker, "rank", asker)
        view = Viewpoint(self._workspace, self._features, question.user_id, self._clock())
        frame = item_features(view, question.items, question.query)
        scores, tried, is_degraded = scored(
            tried, self._models, ContentRanker,
            lambda model: Scores.by_model(model.contributions(frame.names, frame.values)),
            lambda: rule_scores(question.query, frame),
        )  # fmt: skip
        by = answered_by(ContentRanker, tried.loaded, is_degraded)
        item_ids = [item.item_id for item in question.items]
        order = order_of(item_ids, scores)
        answer = RankAnswer(
            decision_id=self._ledger.new_decision_id(),
            user_id=question.user_id,
            items=ranked(item_ids, scores, order, explain=question.explain),
            model=by.ref,
            experiment=tried.told,
            degraded=is_degraded,
        )
        self._ledger.record(
            Decision(
                decision_id=answer.decision_id,
                kind="rank",
                user_id=question.user_id,
                model=answer.model,
                request=question.model_dump(),
                answer=answer,
                latency_ms=(time.perf_counter() - started) * 1000,
                features={
                    "names": frame.names,
                    "item_ids": [item_ids[at] for at in order],
                    "values": frame.values[order],
                },
                model_number=by.number,
                model_alias=by.alias,
                **tried.recorded,
                degraded=is_degraded,
            )
        )
        return answer


def order_of(item_ids: Sequence[str], scores: Scores) -> list[int]:
    """Positions by score; equal scores by id, so that the same question has the same answer everywhere."""
    return sorted(range(len(item_ids)), key=lambda at: (-scores.values[at], item_ids[at]))


def ranked(item_ids: Sequence[str], scores: Scores, order: Sequence[int], *, explain: bool) -> tuple[RankedItem, ...]:
    """The items in the order given."""
    return tuple(
        RankedItem(
            item_id=item_ids[at],
            score=float(scores.values[at]),
            rank=rank,
            contributions=scores.explained(at) if explain else None,
        )
        for rank, at in enumerate(order, start=1)
    )


def rule_scores(query: str | None, frame: FeatureFrame) -> Scores:
    """Search results by their words, a feed by time."""
    return Scores.by_rule(frame, "query_match" if query else "newest_first")
