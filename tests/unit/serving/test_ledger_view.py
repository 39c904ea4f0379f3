import pytest

from quikapp_ml.entities.questions import RecommendationQuestion
from quikapp_ml.errors import NotFound
from quikapp_ml.models.recommendation import RecommendationModel
from quikapp_ml.serving.decisions import DecisionLedger
from quikapp_ml.serving.lake_writer import arrow_rows
from quikapp_ml.serving.ledger_archive import Recorded
from quikapp_ml.serving.ledger_view import explained
from quikapp_ml.serving.recommendations import RecommendationService
from quikapp_ml.stores.lake.tables import DECISIONS
from quikapp_ml.stores.spool.memory import MemorySpool
from support.chats import OneModel, office


@pytest.fixture(scope="module")
def row() -> Recorded:
    chat, spool = office(), MemorySpool()
    models: object = OneModel(RecommendationModel.prior())
    ledger = DecisionLedger(spool, b"k")
    service = RecommendationService(models, ledger, chat.workspace, chat.features, chat.now)  # type: ignore[arg-type]
    service.recommend(RecommendationQuestion(user_id="ann", limit=3, explain=True))
    (written,) = arrow_rows(list(spool.read(0)), DECISIONS.columns).to_pylist()
    return Recorded.from_row(written)


def test_everything_is_told_to_who_answers_for_it(row: Recorded) -> None:
    told = explained(row)
    assert (told.model.name, told.model.version, told.model.number) == ("recommendation-v2", "9.9.9", 7)
    assert (told.model.alias, told.policy_version, told.inputs) == ("champion", "mix-2", "kept")
    assert (told.question["limit"], told.asked_by) == (3, "local")
    assert told.candidates is not None
    assert set(told.candidates) == {"channel", "user", "message"}
    best = told.candidates["channel"]
    assert [one.score for one in best] == sorted((one.score for one in best), reverse=True)
    assert "popularity" in best[0].features
    assert "contributions" in told.answer["recommendations"][0]


def test_a_person_sees_their_own_without_weights(row: Recorded) -> None:
    told = explained(row, "ann")
    assert (told.candidates, told.asked_by) == (None, None)
    first = told.answer["recommendations"][0]
    assert first["reasons"]
    assert "contributions" not in first


def test_nobody_sees_what_others_were_told(row: Recorded) -> None:
    with pytest.raises(NotFound, match="was given no decision"):
        explained(row, "bob")


def test_what_was_erased_is_said_to_be(row: Recorded) -> None:
    gone = dict.fromkeys(("request", "features", "candidates", "answer"))
    told = explained(Recorded.from_row({**row.columns, **gone, "user_id": "erased"}))
    assert (told.inputs, told.question, told.candidates, told.answer) == ("erased", None, None, None)


def test_what_was_sampled_out_says_so_and_keeps_its_answer() -> None:
    chat, spool = office(), MemorySpool()
    models: object = OneModel(RecommendationModel.prior())
    ledger = DecisionLedger(spool, b"k", sampling={"recommendations": 0.0})
    service = RecommendationService(models, ledger, chat.workspace, chat.features, chat.now)  # type: ignore[arg-type]
    answer = service.recommend(RecommendationQuestion(user_id="ann", limit=3))
    (written,) = arrow_rows(list(spool.read(0)), DECISIONS.columns).to_pylist()
    told = explained(Recorded.from_row(written))
    assert (told.decision_id, told.inputs, told.user_id) == (answer.decision_id, "sampled_out", "ann")
    assert (told.question, told.features, told.candidates) == (None, None, None)
    assert len(told.answer["recommendations"]) == 3
