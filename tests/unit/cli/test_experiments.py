from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from typer.testing import CliRunner

from quikapp_ml.api.experiment_schemas import EXAMPLES
from quikapp_ml.cli import experiments
from quikapp_ml.entities.bandits import Learnt, LearntArm
from quikapp_ml.errors import Conflict, InvalidInput, NotFound
from quikapp_ml.serving.experiments import ExperimentDesk
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.tables import EVENTS
from quikapp_ml.stores.registry.memory import MemoryRegistry
from quikapp_ml.stores.state import open_state

RUNNER = CliRunner()
SPEC = {**EXAMPLES["ExperimentSpec"], "variants": [{"name": "control", "weight": 0.5}, {"name": "same", "weight": 0.5}]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and beside it a file with an experiment that needs no model."""
    monkeypatch.setenv("QUIKAPP_ML_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "memory://")
    (tmp_path / "ranks.yaml").write_text(yaml.safe_dump(SPEC))
    return tmp_path


def run(*arguments: str) -> str:
    result = RUNNER.invoke(experiments.app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_from_a_file_to_a_decision(folder: Path) -> None:
    assert "nothing is tried" in run("list")
    assert "is drawn up; let people in" in run("create", str(folder / "ranks.yaml"))
    run("start", "better-ranks")
    assert "better-ranks" in run("list")
    (folder / "ranks.yaml").write_text(yaml.safe_dump({**SPEC, "salt": "other"}))
    with pytest.raises(Conflict, match="salt cannot be changed"):
        run("change", str(folder / "ranks.yaml"))
    assert "control 0, same 0 (users). Nobody was let in yet." in run("results", "better-ranks")
    assert "page.html is written" in run("report", "better-ranks", "--out", str(folder / "page.html"))
    assert "Nobody was let in yet." in (folder / "page.html").read_text()
    with pytest.raises(InvalidInput, match="cannot be written: No such file or directory; give another --out"):
        run("report", "better-ranks", "--out", str(folder / "nowhere" / "page.html"))
    run("stop", "better-ranks")
    run("decide", "better-ranks", "same", "--reason", "it is the same")
    shown = run("show", "better-ranks")
    assert "decided: same: it is the same" in shown
    for action in ("create", "start", "stop", "decide"):
        assert action in shown


def test_a_bandit_says_what_it_has_learnt(folder: Path) -> None:
    feedback = {"name": "clicks", "of": "click", "source": "feedback"}
    (folder / "ranks.yaml").write_text(yaml.safe_dump({**SPEC, "metrics": [feedback], "bandit": {"floor": 0.2}}))
    run("create", str(folder / "ranks.yaml"))
    run("start", "better-ranks")
    arms = [
        LearntArm(variant="control", successes=1.5, failures=8.5, propensity=0.25),
        LearntArm(variant="same", successes=5.0, failures=5.0, propensity=0.75),
    ]
    state = open_state(Settings.from_environment().control_state_url)
    desk = ExperimentDesk(state.experiments, MemoryRegistry(), lambda: datetime.now(UTC))
    desk.learn("better-ranks", Learnt(number=1, until=datetime.now(UTC), arms=arms))
    state.close()
    told = "control: 1.5 of 10 rewarded, so it gets 25% of the users beside the even part."
    assert told in run("results", "better-ranks")
    assert "propensity: 0.75" in run("show", "better-ranks")


def test_what_is_no_experiment_is_refused(folder: Path) -> None:
    with pytest.raises(NotFound):
        run("create", str(folder / "nowhere.yaml"))
    for text, told in (("a: [", "is no YAML"), ("name: x", "hypothesis"), ("", "experiment")):
        (folder / "bad.yaml").write_text(text)
        with pytest.raises(InvalidInput, match=told):
            run("create", str(folder / "bad.yaml"))


def test_power_of_nothing_is_refused(folder: Path) -> None:
    for _ in ("without tables", "with an empty one"):
        with pytest.raises(InvalidInput, match="the tables hold no 'join'"):
            run("power", "--of", "join", "--effect", "0.5")
        open_lake(str(folder / "home" / "lakehouse")).ensure(EVENTS)


def test_power_is_told_from_history(folder: Path) -> None:
    now = datetime.now(UTC)
    rows = [
        {
            "event_id": f"{user}-{at}",
            "type": kind,
            "event_time": now - timedelta(days=1),
            "ingest_time": now,
            "user_id": f"u{user}",
        }
        for user in range(40)
        for kind in ("read", "join")
        for at in range(user % 4 if kind == "join" else 1)
    ]
    rows.append({**rows[0], "event_id": "old", "type": "leave", "event_time": now - timedelta(days=90)})
    lake = open_lake(str(folder / "home" / "lakehouse"))
    lake.ensure(EVENTS)
    lake.append(EVENTS.name, pa.Table.from_pylist(rows, schema=EVENTS.columns))
    told = run("power", "--of", "join", "--effect", "0.5")
    assert "40 people did join 1.5 times each (deviation 1.13)" in told
    assert "needs 72 people in both variants" in told.replace("\n", " ")
    run("create", str(folder / "ranks.yaml"))
    with pytest.raises(InvalidInput, match="no 'click' of the newest 14 days"):
        run("power", "better-ranks")
    for arguments in ((), ("--of", "leave", "--effect", "0.1"), ("--of", "latency", "--effect", "0.1")):
        with pytest.raises(InvalidInput):
            run("power", *arguments)
