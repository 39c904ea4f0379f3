import logging
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quikapp_ml.bootstrap import open_model_registry, starter_folders
from quikapp_ml.cli.models import app
from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.models import MODEL_CLASSES
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.registry.base import NewVersion
from quikapp_ml.training.alias_moves import moves_of
from quikapp_ml.training.starters import register_starters

NAME = "spam-classifier"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose registry knows the starter and a second version of one model."""
    monkeypatch.setenv("QUIKAPP_ML_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    registry = open_model_registry(Settings.from_environment())
    folder, model_class = starter_folders()[NAME], MODEL_CLASSES[NAME]
    register_starters(registry, {NAME: folder}, MODEL_CLASSES)
    registry.register(NewVersion(NAME, folder, f"{model_class.__module__}:{model_class.__qualname__}", "9.0.0"))
    return tmp_path


def answer(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_champion_is_moved_back_and_both_moves_are_told(home: Path) -> None:
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    by_hand = answer("promote", NAME, "2", "--why", "a try")
    assert "is version 2 (9.0.0) now" in by_hand
    assert "the gate would not have let it go forward: it was not measured" in by_hand
    (move,) = moves_of(open_lake(Settings.from_environment().lake_path), NAME, "champion")
    assert move.evidence["gate_passed"] is False
    assert "not measured" in str(move.evidence["gate"])
    assert "is version 1" in answer("rollback", NAME, "--why", "flags greetings")
    told = answer("history", NAME)
    assert told.index("a try") < told.index("flags greetings")
    assert "version 1 of spam-classifier was the champion until" in answer("history", NAME, "--at", "2020-01-01T10:00")
    assert "flags greetings" in answer("history", NAME, "--at", "2999-01-01T10:00+01:00")
    with pytest.raises(NotFound, match="name a version: --to NUMBER"):
        answer("rollback", NAME, "--why", "once more")
    with pytest.raises(InvalidInput, match="--at 'noon' is no time"):
        answer("history", NAME, "--at", "noon")
