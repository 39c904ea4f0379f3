from pathlib import Path

import pytest
from typer.testing import CliRunner

from quikapp_ml.cli import decisions
from quikapp_ml.entities.questions import RankItem, RankQuestion
from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.serving.decisions import DecisionLedger
from quikapp_ml.serving.lake_writer import arrow_rows
from quikapp_ml.serving.ranking import RankingService
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.tables import DECISIONS
from quikapp_ml.stores.spool.memory import MemorySpool
from support.chats import OneModel, office

RUNNER = CliRunner()


@pytest.fixture
def decision_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A decision by rules, in the tables of the home that the commands look into."""
    monkeypatch.setenv("QUIKAPP_ML_HOME", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "memory://")
    chat, spool = office(), MemorySpool()
    models: object = OneModel(None)
    service = RankingService(models, DecisionLedger(spool, b"k"), chat.workspace, chat.features, chat.now)  # type: ignore[arg-type]
    answer = service.rank(RankQuestion(user_id="ann", items=[RankItem(item_id="h0"), RankItem(item_id="h5")]))
    lake = open_lake(str(tmp_path / "lakehouse"))
    lake.ensure(DECISIONS)
    lake.append(DECISIONS.name, arrow_rows(list(spool.read(0)), DECISIONS.columns))
    return answer.decision_id


def run(*arguments: str) -> str:
    result = RUNNER.invoke(decisions.app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_decision_is_shown_with_what_it_was_made_from(decision_id: str) -> None:
    shown = run("show", decision_id)
    assert '"kind": "rank"' in shown
    assert '"newest_first"' in shown
    with pytest.raises(NotFound):
        run("show", decision_id, "--user", "bob")


def test_it_is_run_again(decision_id: str) -> None:
    assert "equal: the answer is the same, byte for byte" in run("replay", decision_id)
    assert "rank" in run("replay", "--sample", "5")
    assert "different" in run("replay", decision_id, "--features", "now"), "the tables know of no messages"


@pytest.mark.parametrize("arguments", [(), ("x", "--sample", "2"), ("x", "--features", "then")])
def test_a_senseless_question_is_refused(decision_id: str, arguments: tuple[str, ...]) -> None:
    del decision_id
    with pytest.raises(InvalidInput):
        run("replay", *arguments)
