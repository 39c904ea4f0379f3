"""How an answer is made again: what its row recorded, and a model, give an answer. Nothing else is looked at."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from quikapp_ml.entities.decisions import (
    ModelRef,
    RankAnswer,
    Reason,
    RecommendationAnswer,
    SentimentAnswer,
    SpamAnswer,
)
from quikapp_ml.entities.questions import SentimentQuestion
from quikapp_ml.errors import Damaged
from quikapp_ml.features.frame import FeatureFrame
from quikapp_ml.models.base import Model
from quikapp_ml.models.behaviour import GIVEN_FEATURES
from quikapp_ml.models.ranking import ContentRanker
from quikapp_ml.models.recommendation import RecommendationModel
from quikapp_ml.models.sentiment import SentimentClassifier
from quikapp_ml.models.spam import SpamClassifier
from quikapp_ml.serving import ranking, recommendations, sentiment, spam
from quikapp_ml.serving.ledger_archive import Recorded
from quikapp_ml.serving.ledger_packing import Candidates, Pools
from quikapp_ml.serving.policy import ListPolicy, Scored
from quikapp_ml.serving.reasons import PLAIN, strongest
from quikapp_ml.serving.scoring import Scores

M = TypeVar("M", bound=Model)

NOT_ASKED = Reason("not_recorded", "Was not recommended then, so its reasons were not looked up")


def recommend(row: Recorded, model: Model | None, by: ModelRef) -> RecommendationAnswer:
    """The list that this model and the policy make of the recorded candidates."""
    request, kept = row.columns["request"], row.columns["candidates"]
    pools = {kind: _pool(of_type) for kind, of_type in Pools.unpacked(kept["pools"]).by_type.items()}
    recommender = _as(RecommendationModel, model)
    if recommender is None:
        scores = recommendations.rule_scores(pools)
    else:
        scores = recommendations.model_scores(recommender, pools)
    policy = ListPolicy.recorded(kept.get("parameters", {}))
    chosen = recommendations.choose(pools, scores, request["limit"], policy, kept.get("seed")).items
    texts = {
        (item["item_type"], item["item_id"], reason["code"]): reason["text"]
        for item in row.columns["answer"]["recommendations"]
        for reason in item["reasons"]
    }

    def tell(one: Scored, contributions: Mapping[str, float]) -> tuple[Reason, ...]:
        told = kept["told"].get(recommendations.key_of(one))
        return strongest(contributions, lambda name: _remembered(one, name, told, texts))

    return RecommendationAnswer(
        decision_id=row.decision_id,
        user_id=row.user_id or "",
        recommendations=recommendations.answered(chosen, scores, tell, explain=request["explain"]),
        model=by,
        experiment=row.columns["answer"].get("experiment"),
        degraded=model is None,
        fewer=recommendations.fewer_than(request["limit"], len(chosen)) if "seed" in kept else None,
    )


def rank(row: Recorded, model: Model | None, by: ModelRef) -> RankAnswer:
    """The recorded items in the order of this model."""
    request, features = row.columns["request"], row.columns["features"]
    item_ids, names = features["item_ids"], tuple(features["names"])
    frame = FeatureFrame(names, np.array(features["values"], dtype=float).reshape(len(item_ids), len(names)))
    ranker = _as(ContentRanker, model)
    if ranker is None:
        scores = ranking.rule_scores(request["query"], frame)
    else:
        scores = Scores.by_model(ranker.contributions(frame.names, frame.values))
    order = ranking.order_of(item_ids, scores)
    return RankAnswer(
        decision_id=row.decision_id,
        user_id=row.user_id or "",
        items=ranking.ranked(item_ids, scores, order, explain=request["explain"]),
        model=by,
        experiment=row.columns["answer"].get("experiment"),
        degraded=model is None,
    )


def check_spam(row: Recorded, model: Model | None, by: ModelRef) -> SpamAnswer:
    """The verdict on the recorded text by what was known of its author then, under the policy that held."""
    return check_spam_by(row, model, by, row.columns["features"])


def check_spam_by(row: Recorded, model: Model | None, by: ModelRef, features: Mapping[str, float]) -> SpamAnswer:
    """The verdict on the recorded text by these features of its author."""
    content, kept = row.columns["request"]["content"], row.columns["candidates"]
    author = {name: features[name] for name in GIVEN_FEATURES if name in features}
    classifier = _as(SpamClassifier, model)
    verdict = spam.check_by_rules(content) if classifier is None else classifier.check(content, author)
    context = None if kept is None else spam.SpamContext.from_document(row.user_id or "", kept)
    return spam.judged(row.decision_id, verdict, by, context, is_degraded=model is None)


def read_sentiment(row: Recorded, model: Model | None, by: ModelRef) -> SentimentAnswer:
    """The sentiment of the recorded messages."""
    question = SentimentQuestion.model_validate(row.columns["request"])
    classifier = _as(SentimentClassifier, model)
    contents = [message.content for message in sentiment.readable_of(question)]
    if classifier is None:
        scores = [sentiment.scores_by_rules(content) for content in contents]
        return sentiment.answered(row.decision_id, question, scores, by, is_degraded=True)
    return sentiment.answered(
        row.decision_id, question, classifier.scores_of(contents), by,
        is_degraded=False, unsure_below=classifier.unsure_below,
    )  # fmt: skip


Remake = Callable[[Recorded, Model | None, ModelRef], Any]

REMAKES: Mapping[str, Remake] = {
    "recommendations": recommend,
    "rank": rank,
    "spam-check": check_spam,
    "sentiment": read_sentiment,
}
"""By kind of decision; invocations have a way of their own."""


def _pool(kept: Candidates) -> recommendations.Pool:
    return recommendations.Pool(kept.item_ids, kept.item_ids, kept.sources, kept.frame, kept.kin)


def _remembered(
    one: Scored, name: str, told: Mapping[str, str | None] | None, texts: Mapping[tuple[str, str, str], str]
) -> Reason | None:
    """What a feature told of an item then; of one that was not answered with, none was asked."""
    if told is None:
        return NOT_ASKED if name == PLAIN else None
    code = told.get(name)
    return None if code is None else Reason(code, texts[one.item_type, one.item_id, code])


def _as(model_class: type[M], model: Model | None) -> M | None:
    if model is None or isinstance(model, model_class):
        return model
    raise Damaged(f"a decision by {model_class.name} cannot be made again by {type(model).__name__}")
