from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from quikapp_ml.api.rollout_schemas import ROLLOUT_EXAMPLES
from quikapp_ml.cli import rollouts
from quikapp_ml.errors import Conflict, InvalidInput, NotFound
from quikapp_ml.settings import Settings
from quikapp_ml.stores.home import Home
from quikapp_ml.stores.state import open_state
from quikapp_ml.stores.state.rollouts import RolloutRecord, RolloutStep

RUNNER = CliRunner()
SPEC = ROLLOUT_EXAMPLES["RolloutSpec"]
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
STEPS = (
    RolloutStep(NOW, "", "gate", "ann", "Knows the newer people."),
    RolloutStep(NOW, "gate", "shadow", "guard", "by 900 clicks it is no worse"),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one rollout, and beside it the file of another."""
    monkeypatch.setenv("QUIKAPP_ML_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "memory://")
    monkeypatch.setenv("COLUMNS", "250")
    settings = Settings.from_environment()
    Home(settings.home)
    state = open_state(settings.control_state_url)
    state.rollouts.create(RolloutRecord("ranks-1", SPEC, "content-ranker", 1, "shadow", NOW, "ann", NOW, steps=STEPS))
    state.close()
    (tmp_path / "ranks.yaml").write_text(yaml.safe_dump(SPEC))
    return tmp_path


def run(*arguments: str) -> str:
    result = RUNNER.invoke(rollouts.app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_one_is_shown_and_given_up(folder: Path) -> None:
    assert "in the shadow" in run("list")
    shown = run("show", "ranks-1")
    assert "Version 2 of content-ranker, against version 1, is in the shadow" in shown
    assert "by 900 clicks it is no worse" in shown
    assert "page.html is written" in run("report", "ranks-1", "--out", str(folder / "page.html"))
    assert "Version 2 of content-ranker is in the shadow" in (folder / "page.html").read_text()
    assert "ranks-1 is rolled back" in run("abort", "ranks-1", "--reason", "Wrong weeks.")
    assert "given up: Wrong weeks." in run("list")
    with pytest.raises(Conflict, match="has ended"):
        run("abort", "ranks-1", "--reason", "Again.")


def test_what_cannot_be_is_said(folder: Path) -> None:
    with pytest.raises(NotFound, match="nothing to compare with"):
        run("start", str(folder / "ranks.yaml"))
    with pytest.raises(NotFound, match="cannot be read"):
        run("start", str(folder / "nowhere.yaml"))
    (folder / "ranks.yaml").write_text(yaml.safe_dump({**SPEC, "version": 0}))
    with pytest.raises(InvalidInput, match="version: Input should be greater"):
        run("start", str(folder / "ranks.yaml"))
    with pytest.raises(NotFound, match="rollouts list"):
        run("show", "nowhere")
    with pytest.raises(InvalidInput, match="give another --out"):
        run("report", "ranks-1", "--out", str(folder / "nowhere" / "page.html"))
