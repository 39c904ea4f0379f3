"""Rollouts begun, told and given up."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from quikapp_ml.entities.rollouts import Abort
from quikapp_ml.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from quikapp_ml.experiments.rollout import Evidence
from quikapp_ml.serving.rollouts import read_rollout, shown
from quikapp_ml.stores.registry.base import CHALLENGER
from quikapp_ml.stores.state.memory import MemoryControlState
from support.rolling import EVERYTHING_FINE, RANKER, Rolling

UP = ["shadow", "1", "5", "20", "50", "100", "promoted"]


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    rolling = Rolling(tmp_path, MemoryControlState())
    yield rolling
    rolling.guard.close()


def test_giving_up_is_a_step_back(rolling: Rolling) -> None:
    rolling.evidence = {**EVERYTHING_FINE, "5": Evidence(unclear="wait")}
    rolling.start()
    assert rolling.look(4)[-1] == "5"
    record = rolling.guard.follow(rolling.desk.abort("ranks", Abort(reason="Wrong data."), "bob"))
    assert (record.stage, record.is_settled, record.steps[-1].by) == ("rolled_back", True, "bob")
    assert record.steps[-1].why == "given up: Wrong data."
    assert set(rolling.states().values()) == {"stopped"}
    assert rolling.aliases.held(RANKER, CHALLENGER) is None
    with pytest.raises(Conflict, match="has ended"):
        rolling.desk.abort("ranks", Abort(reason="Again."), "bob")
    assert shown(record).steps[-1] == record.steps[-1]


def test_what_cannot_be_begun_is_refused(rolling: Rolling) -> None:
    with pytest.raises(NotFound, match="has no version 9; it has 1, 2, 3"):
        rolling.start(version=9)
    with pytest.raises(InvalidInput, match="answers everybody already"):
        rolling.start(version=1)
    with pytest.raises(NotFound, match="nothing to compare with"):
        rolling.start(subject="sentiment")
    with pytest.raises(InvalidInput, match="over HTTP"):
        rolling.start(subject=None, endpoint="mine")
    rolling.start()
    with pytest.raises(Conflict, match="one rollout at a time"):
        rolling.start(name="others", version=3)
    rolling.guard.follow(rolling.desk.abort("ranks", Abort(reason="x"), "ann"))
    with pytest.raises(AlreadyExists, match="another name"):
        rolling.start()
    with pytest.raises(InvalidInput, match="version: Field required"):
        read_rollout({"name": "a", "subject": "rank"})


def test_a_step_that_was_taken_elsewhere_is_not_taken_twice(rolling: Rolling) -> None:
    record = rolling.start()
    rolling.desk.step(record, "shadow", "guard", "judged")
    with pytest.raises(Conflict, match="took a step at the same time"):
        rolling.desk.step(record, "shadow", "guard", "judged")
