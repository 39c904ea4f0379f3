"""Variants in the answers of the services and in their decisions."""

from typing import Any

import pytest

from quikapp_ml.entities.decisions import Decision, ModelRef
from quikapp_ml.entities.experiments import PARAMETERS
from quikapp_ml.entities.questions import (
    RankItem,
    RankQuestion,
    RecommendationQuestion,
    SentimentMessage,
    SentimentQuestion,
    SpamQuestion,
)
from quikapp_ml.models.base import Model
from quikapp_ml.models.linear import LinearHead
from quikapp_ml.models.ranking import ContentRanker
from quikapp_ml.models.recommendation import RecommendationModel
from quikapp_ml.models.sentiment import SentimentClassifier
from quikapp_ml.models.spam import SpamClassifier
from quikapp_ml.serving.experiment_host import Choice, Exposure
from quikapp_ml.serving.loading import Loaded
from quikapp_ml.serving.policy import ListPolicy
from quikapp_ml.serving.ranking import RankingService
from quikapp_ml.serving.recommendations import RecommendationService
from quikapp_ml.serving.sentiment import SentimentService
from quikapp_ml.serving.spam import SpamService
from support.chats import Ledger, OneModel, office

EXPOSURE = Exposure("first", "ann", "new", 0.25, "hash")


def asked(kind: str, control: Model | None, choice: Choice) -> tuple[Any, Decision, OneModel]:
    """The answer, its decision, and the models that were asked."""
    chat, ledger = office(), Ledger()
    models: Any = OneModel(control)
    models.choice = choice
    written: Any = ledger
    parts = (models, written, chat.workspace, chat.features, chat.now)
    answers: dict[str, Any] = {
        "recommendations": lambda: RecommendationService(*parts).recommend(RecommendationQuestion(user_id="ann")),
        "rank": lambda: RankingService(*parts).rank(RankQuestion(user_id="ann", items=[RankItem(item_id="h0")])),
        "spam-check": lambda: SpamService(*parts).check(SpamQuestion(content="hello", user_id="ann")),
        "sentiment": lambda: SentimentService(models, written, chat.now).read(
            SentimentQuestion(messages=[SentimentMessage(id="m", content="great")], user_id="ann")
        ),
    }
    answer = answers[kind]()
    return answer, ledger.decisions[0], models


MODELS: dict[str, Model] = {
    "recommendations": RecommendationModel.prior(),
    "rank": ContentRanker.prior(),
    "spam-check": SpamClassifier.prior(),
    "sentiment": SentimentClassifier.prior(),
}
KINDS = pytest.mark.parametrize("kind", MODELS)


def variant(kind: str, model: Model | None = None) -> Choice:
    tried = model or MODELS[kind]
    return Choice(Loaded(tried, ModelRef(tried.name, "10.0.0"), 12, "challenger"), {}, EXPOSURE)


@KINDS
def test_a_variants_model_answers_and_the_decision_says_so(kind: str) -> None:
    answer, decision, _ = asked(kind, MODELS[kind], variant(kind))
    assert (answer.model.version, answer.degraded) == ("10.0.0", False)
    assert (decision.model_number, decision.model_alias) == (12, "challenger")
    found = (decision.experiment, decision.variant, decision.propensity, decision.assignment)
    assert found == ("first", "new", 0.25, "hash")
    assert (decision.user_id, decision.unit) == ("ann", "ann")
    if kind in ("recommendations", "rank"):
        assert answer.experiment == {"name": "first", "variant": "new"}


@KINDS
def test_control_is_the_model_that_answers_everybody(kind: str) -> None:
    answer, decision, _ = asked(kind, MODELS[kind], Choice(exposure=EXPOSURE))
    assert answer.model.version == "9.9.9"
    assert (decision.experiment, decision.assignment) == ("first", "hash")


@KINDS
def test_without_an_experiment_nothing_is_said_of_one(kind: str) -> None:
    answer, decision, _ = asked(kind, MODELS[kind], Choice())
    assert getattr(answer, "experiment", None) is None
    assert (decision.experiment, decision.variant, decision.propensity, decision.assignment) == (None,) * 4


class Broken(ContentRanker):
    """A ranker that fails as no model of ours should."""

    def contributions(self, *_: Any) -> Any:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "broken",
    [Broken(LinearHead.prior({"recency": 1.0}, 0.0)), ContentRanker(LinearHead.prior({"shoe_size": 1.0}, 0.0))],
)
def test_a_variant_that_fails_gives_way_to_control(broken: ContentRanker) -> None:
    answer, decision, models = asked("rank", MODELS["rank"], variant("rank", broken))
    assert (answer.model.version, answer.degraded) == ("9.9.9", False)
    assert (decision.assignment, decision.variant, decision.model_number) == ("fallback", "new", 7)
    assert models.fallbacks == 1
    answer, decision, _ = asked("rank", None, variant("rank", broken))
    assert (answer.model.version, answer.degraded, decision.assignment) == ("rules", True, "fallback")


def test_a_model_of_another_name_is_not_asked() -> None:
    answer, _, _ = asked("rank", MODELS["rank"], variant("rank", MODELS["sentiment"]))
    assert answer.model.version == "9.9.9"


def test_every_parameter_that_can_be_tried_is_one_of_the_policy() -> None:
    assert PARAMETERS["recommendations"].keys() <= ListPolicy().parameters().keys()


def test_parameters_of_the_policy_are_tried_and_kept() -> None:
    narrow, decision, _ = asked(
        "recommendations", MODELS["recommendations"], Choice(None, {"largest_share": 0.34}, EXPOSURE)
    )
    as_ever, _, _ = asked("recommendations", MODELS["recommendations"], Choice())
    assert decision.candidates["parameters"] == ListPolicy(largest_share=0.34).parameters()
    kinds = [[item.item_type for item in one.recommendations] for one in (narrow, as_ever)]
    assert kinds[0] != kinds[1]
    assert max(map(kinds[0].count, set(kinds[0]))) < max(map(kinds[1].count, set(kinds[1])))
