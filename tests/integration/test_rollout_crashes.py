"""`kill -9` at every step of a rollout: the next process ends what was begun, once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from quikapp_ml.stores.lake.rollout_steps import ROLLOUT_STEPS
from quikapp_ml.stores.registry.base import CHALLENGER, CHAMPION
from quikapp_ml.stores.state import open_state
from quikapp_ml.training.alias_moves import ALIAS_MOVES
from support import rolling
from support.rolling import RANKER, Rolling

ENDS = {
    "promoted": (["gate", "shadow", "1", "5", "20", "50", "100", "promoted"], 2, [(CHALLENGER, 2), (CHAMPION, 2)]),
    "rolled_back": (["gate", "shadow", "1", "5", "20", "rolled_back"], 1, [(CHALLENGER, 2)]),
}


@pytest.mark.parametrize("end", ENDS)
def test_it_goes_on_where_it_was_killed(tmp_path: Path, end: str) -> None:
    stages, champion, moves = ENDS[end]
    command = [sys.executable, str(Path(rolling.__file__)), str(tmp_path), end]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["killed"] >= 8
    state = open_state(f"sqlite:///{tmp_path / 'state.db'}")
    found = Rolling(tmp_path, state)
    assert [step.after for step in found.record.steps] == stages
    rows = sorted(found.rows(ROLLOUT_STEPS.name), key=lambda row: row["step"])
    assert [row["to_stage"] for row in rows] == stages
    assert (found.aliases.held(RANKER, CHAMPION), found.aliases.held(RANKER, CHALLENGER)) == (champion, None)
    assert sorted((row["alias"], row["to_version"]) for row in found.rows(ALIAS_MOVES.name)) == moves
    assert set(found.states().values()) == {"stopped"}
    assert set(found.states()) == {f"ranks-{stage}" for stage in stages if stage.isdecimal()}
    state.close()
