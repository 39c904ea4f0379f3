"""Decisions run again: rows of every kind from real services, models of a registry in memory."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from quikapp_ml.entities.decisions import ModelRef
from quikapp_ml.entities.questions import (
    RankItem,
    RankQuestion,
    RecommendationQuestion,
    SentimentMessage,
    SentimentQuestion,
)
from quikapp_ml.errors import NotFound
from quikapp_ml.models.base import Model
from quikapp_ml.models.linear import LinearHead
from quikapp_ml.models.ranking import ContentRanker
from quikapp_ml.models.recommendation import ItemSimilarity, RecommendationModel
from quikapp_ml.models.sentiment import SentimentClassifier
from quikapp_ml.serving.decisions import DecisionLedger
from quikapp_ml.serving.invocation_log import InvocationLog
from quikapp_ml.serving.invocations import Invocation, predictions
from quikapp_ml.serving.lake_writer import arrow_rows
from quikapp_ml.serving.ledger_archive import DecisionArchive, Recorded
from quikapp_ml.serving.loading import Loaded
from quikapp_ml.serving.payload_log import Answered, PayloadLog
from quikapp_ml.serving.policy import ListPolicy
from quikapp_ml.serving.ranking import RankingService
from quikapp_ml.serving.recommendations import RecommendationService
from quikapp_ml.serving.replay import Outcome, Replayer, differences
from quikapp_ml.serving.replay_models import PinnedModels
from quikapp_ml.serving.replay_now import PresentFeatures
from quikapp_ml.serving.sentiment import SentimentService
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.stores.lake.tables import DECISIONS
from quikapp_ml.stores.registry.base import CHAMPION, NewVersion
from quikapp_ml.stores.registry.memory import MemoryRegistry
from quikapp_ml.stores.spool.memory import MemorySpool
from support.chats import OneModel, office

CLASSES = {one.name: one for one in (RecommendationModel, ContentRanker, SentimentClassifier)}
VERSION = "9.9.9"


class Desk:
    """A chat, a ledger in memory, and a registry whose version 7 of each model is the one that answers."""

    def __init__(self, folder: Path) -> None:
        self.chat = office()
        self.spool = MemorySpool()
        self.ledger = DecisionLedger(self.spool, b"k" * 32)
        self.registry = MemoryRegistry()
        self.lake = MemoryLake()
        self.folder = folder
        self.models = PinnedModels(self.registry, {}, CLASSES)

    def publish(self, model: Model, version: str = VERSION, *, number: int = 7) -> None:
        """Register the model again and again, until it has that number; the newest is champion."""
        saved = self.folder / f"{model.name}-{version}"
        model.save(saved)
        (saved / "card.md").write_text("# a model\n")
        name = f"{type(model).__module__}:{type(model).__name__}"
        while len(self.registry.versions(model.name)) < number:
            made = self.registry.register(NewVersion(model.name, saved, name, version))
            self.registry.set_alias(model.name, CHAMPION, made.number)

    def parts(self, model: Model | None) -> Any:
        return OneModel(model), self.ledger, self.chat.workspace, self.chat.features, self.chat.now

    def recommend(self, model: Model | None, **fields: Any) -> None:
        RecommendationService(*self.parts(model)).recommend(RecommendationQuestion(user_id="ann", **fields))

    def rank(self, model: Model | None, **fields: Any) -> None:
        items = [RankItem(item_id=one) for one in ("h0", "h5", "a1", "unknown")]
        RankingService(*self.parts(model)).rank(RankQuestion(user_id="ann", items=items, **fields))

    def read(self, model: Model | None, *texts: str) -> None:
        models, ledger, *_, clock = self.parts(model)
        messages = [SentimentMessage(id=f"m{at}", content=text) for at, text in enumerate(texts)]
        SentimentService(models, ledger, clock).read(SentimentQuestion(messages=messages))

    def rows(self) -> list[dict[str, Any]]:
        return list(arrow_rows(list(self.spool.read(0)), DECISIONS.columns).to_pylist())

    def recorded(self) -> list[Recorded]:
        return [Recorded.from_row(row) for row in self.rows()]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    with desk.models:
        yield desk


def outcomes(desk: Desk, alias: str | None = None) -> list[str]:
    replayer = Replayer(desk.models)
    return [replayer.replay(row, alias).outcome for row in desk.recorded()]


def weighed(weights: dict[str, float]) -> ContentRanker:
    return ContentRanker(LinearHead.prior(weights, -1.0))


READER = SentimentClassifier.prior()
RECOMMENDER = RecommendationModel.prior()
RANKER = weighed({"recency": 0.7, "author": 1.3, "reactions": 0.31})


def test_every_answer_comes_out_the_same_whatever_happened_since(desk: Desk) -> None:
    for model in (RECOMMENDER, RANKER, READER):
        desk.publish(model)
    for explain in (False, True):
        desk.recommend(RECOMMENDER, explain=explain, limit=30)
        desk.recommend(RECOMMENDER, explain=explain, types=["message", "channel"], limit=3)
        desk.rank(RANKER, explain=explain, query="words")
    desk.read(READER, "great!", " ", "awful")
    desk.chat.post("dan", "home", "later")
    desk.chat.react("bob", "home", "h5")
    assert outcomes(desk) == [Outcome.EQUAL] * 7


def test_lists_by_any_policy_come_out_the_same(desk: Desk) -> None:
    desk.publish(RECOMMENDER)
    for policy in (
        ListPolicy(diversity=0.9, most_of_a_source=0.2), ListPolicy(explore=1.0), ListPolicy(promoted=("attic",)),
        ListPolicy(0.4, 0.5, 0.5, 1.0, ("attic", "craft")),
    ):  # fmt: skip
        parts: Any = (*desk.parts(RECOMMENDER), policy)
        service = RecommendationService(*parts)
        for limit in (4, 30):
            service.recommend(RecommendationQuestion(user_id="ann", limit=limit, explain=True))
    desk.chat.post("dan", "home", "later")
    assert outcomes(desk) == [Outcome.EQUAL] * 8
    assert len({row["answer"] for row in desk.rows()}) == 8


def test_answers_of_rules_need_no_model(desk: Desk) -> None:
    desk.recommend(None, limit=30)
    desk.rank(None)
    desk.rank(None, query="words")
    desk.rank(ContentRanker(LinearHead.prior({"shoe_size": 1.0}, 0.0)))
    desk.read(None, "great!", "")
    assert outcomes(desk) == [Outcome.EQUAL] * 5


def test_another_model_shows_what_it_would_have_said(desk: Desk) -> None:
    desk.publish(RANKER)
    desk.publish(weighed({"recency": -2.0, "author": -1.0}), "9.9.10", number=8)
    desk.rank(RANKER)
    assert outcomes(desk) == [Outcome.EQUAL]
    replayer = Replayer(desk.models)
    (row,) = desk.recorded()
    replay = replayer.replay(row, CHAMPION)
    assert replay.outcome == Outcome.DIFFERENT
    assert not replay.is_explained
    changed = {one.path: (one.recorded, one.replayed) for one in replay.differences}
    assert changed["model.version"] == ("9.9.9", "9.9.10")
    assert any(path.startswith("items.0.") for path in changed)
    assert replayer.replay(row, "nobody").outcome == Outcome.GONE


def test_items_that_were_not_answered_with_then_have_no_reasons(desk: Desk) -> None:
    desk.publish(RECOMMENDER)
    heads = {**RECOMMENDER.heads_, "message": LinearHead.prior({"recency": -5.0}, 3.0)}
    desk.publish(RecommendationModel(heads, ItemSimilarity.empty()), "9.9.10", number=8)
    desk.recommend(RECOMMENDER, types=["message"], limit=2)
    (row,) = desk.recorded()
    replay = Replayer(desk.models).replay(row, CHAMPION)
    codes = {one.replayed for one in replay.differences if one.path.endswith("reasons.0.code")}
    assert "not_recorded" in codes


def test_a_version_that_is_gone_is_said_to_be(desk: Desk) -> None:
    desk.rank(RANKER)
    assert outcomes(desk) == [Outcome.GONE]
    desk.publish(RANKER, "1.0.0")
    (row,) = desk.recorded()
    replay = Replayer(desk.models).replay(row)
    assert replay.outcome == Outcome.GONE
    assert "version 1.0.0 in this registry, the decision was made by 9.9.9" in replay.why


def test_an_erased_person_is_said_to_be(desk: Desk) -> None:
    desk.publish(RANKER)
    desk.rank(RANKER)
    (row,) = desk.rows()
    gone = dict.fromkeys(("request", "request_hash", "features", "candidates", "answer"))
    replayer = Replayer(desk.models)
    assert replayer.replay(Recorded.from_row({**row, **gone, "user_id": "erased"})).outcome == Outcome.ERASED
    mentioned = {
        **row,
        "request": row["request"].replace("h0", "erased"),
        "features": row["features"].replace("h0", "x"),
    }
    replay = replayer.replay(Recorded.from_row(mentioned))
    assert (replay.outcome, replay.is_explained) == (Outcome.ERASED, True)


def test_what_was_not_kept_is_said_to_be(desk: Desk) -> None:
    desk.ledger = DecisionLedger(desk.spool, b"k", sampling={"rank": 0.0})
    desk.rank(None)
    (row,) = desk.rows()
    replayer = Replayer(desk.models)
    assert "sampling" in replayer.replay(Recorded.from_row(row)).why
    old = {name: value for name, value in row.items() if name not in ("inputs", "candidates")}
    replay = replayer.replay(Recorded.from_row(old))
    assert (replay.outcome, replay.is_explained) == (Outcome.NOT_KEPT, True)
    assert "older version" in replay.why


def test_a_changed_row_is_found_out(desk: Desk) -> None:
    desk.publish(RANKER)
    desk.rank(RANKER)
    (row,) = desk.rows()
    features = json.loads(row["features"])
    features["values"][0][3] += 0.25
    replay = Replayer(desk.models).replay(Recorded.from_row({**row, "features": json.dumps(features)}))
    assert replay.outcome == Outcome.DIFFERENT
    assert replay.differences
    damaged = Replayer(desk.models).replay(Recorded.from_row({**row, "features": "{}"}))
    assert damaged.outcome == Outcome.FAILED


def test_the_features_of_now_give_the_answer_of_now(desk: Desk) -> None:
    desk.publish(RECOMMENDER)
    desk.publish(RANKER)
    desk.publish(READER)
    desk.recommend(RECOMMENDER, types=["message"])
    desk.rank(RANKER)
    desk.read(READER, "great!")
    now = PresentFeatures(desk.chat.workspace, desk.chat.features, desk.chat.now)
    rows = desk.recorded()
    assert [Replayer(desk.models, now).replay(row).outcome for row in rows] == [Outcome.EQUAL] * 3
    desk.chat.wait(hours=1)
    desk.chat.post("bob", "home", "brand-new")
    replay = Replayer(desk.models, now).replay(rows[0])
    assert replay.outcome == Outcome.DIFFERENT
    assert "brand-new" in {one.replayed for one in replay.differences}


@pytest.mark.parametrize("alone", [True, False])
def test_an_invocation_is_scored_again(desk: Desk, alone: bool) -> None:
    desk.publish(RANKER)
    log = InvocationLog(PayloadLog(desk.spool, b"k"), desk.ledger)
    names = RANKER.inputs
    body = json.dumps({"dataframe_records": [dict.fromkeys(names, 0.25), dict.fromkeys(names, 1.0)]}).encode()
    invocation = Invocation.read(body, "application/json")
    columns = invocation.columns(names)
    assert columns is not None
    scored = predictions(RANKER.predict(columns))
    answered = Answered("mine", "e", RANKER.name, VERSION if alone else "7", "r1", 1.0)
    if alone:
        log.by_model_alone(invocation, scored, Loaded(RANKER, ModelRef(RANKER.name, VERSION), 7, CHAMPION), answered)
    else:
        log.by_entity(invocation, scored, answered, None)
    assert outcomes(desk) == [Outcome.EQUAL]
    desk.publish(weighed({"recency": -2.0}), "9.9.10", number=8)
    assert outcomes(desk, CHAMPION) == [Outcome.DIFFERENT]


def test_decisions_are_found_in_the_spool_and_in_the_tables(desk: Desk) -> None:
    archive = DecisionArchive(desk.lake, desk.spool)
    desk.rank(None)
    desk.rank(None)
    first, second = desk.recorded()
    assert archive.find(first.decision_id).answer_text == first.answer_text
    desk.lake.ensure(DECISIONS)
    desk.lake.append(DECISIONS.name, arrow_rows(list(desk.spool.read(0)), DECISIONS.columns))
    archive = DecisionArchive(desk.lake)
    assert archive.find(second.decision_id) == second
    with pytest.raises(NotFound, match="about a second after"):
        archive.find("01a2120e-c2e2-7767-abec-d151266f874d")
    assert archive.sample(10, 1) == sorted([first, second], key=lambda one: one.decision_id)
    assert archive.sample(1, 1) == archive.sample(1, 1)
    assert DecisionArchive(MemoryLake()).sample(3, 1) == []
    assert first.decided_at <= datetime.now(UTC)


def test_differences_name_each_place() -> None:
    one = {"a": [1, {"b": 2}], "c": "x", "same": [1]}
    other = {"a": [1, {"b": 3}, 4], "d": None, "same": [1]}
    found = {each.path: (each.recorded, each.replayed) for each in differences(one, other)}
    assert found == {"a.1.b": (2, 3), "a.2": (None, 4), "c": ("x", None)}


def test_all_that_one_replayer_runs_again_has_the_same_champion(desk: Desk) -> None:
    desk.publish(weighed({"recency": 1.0}))
    desk.rank(weighed({"recency": 1.0}))
    (row,) = desk.recorded()
    replayer = Replayer(desk.models)
    assert replayer.replay(row, CHAMPION).outcome == Outcome.EQUAL
    desk.publish(weighed({"recency": -5.0}), "10.0.0", number=8)
    assert replayer.replay(row, CHAMPION).outcome == Outcome.EQUAL
    assert Replayer(desk.models).replay(row, CHAMPION).outcome == Outcome.DIFFERENT
