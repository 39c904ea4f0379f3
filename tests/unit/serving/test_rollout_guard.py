"""Rollouts take their steps: forwards, back, and again after what was in the way."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from quikapp_ml.entities.experiments import ExperimentSpec
from quikapp_ml.entities.rollouts import Abort
from quikapp_ml.errors import NotFound
from quikapp_ml.experiments.rollout import Evidence
from quikapp_ml.stores.lake.rollout_steps import ROLLOUT_STEPS
from quikapp_ml.stores.registry.base import CHALLENGER, CHAMPION
from quikapp_ml.stores.state.memory import MemoryControlState
from quikapp_ml.stores.state.rollouts import RolloutRecord
from quikapp_ml.training.alias_moves import moves_of
from support.rolling import EVERYTHING_FINE, FINE, RANKER, Rolling

UP = ["shadow", "1", "5", "20", "50", "100", "promoted"]


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    rolling = Rolling(tmp_path, MemoryControlState())
    yield rolling
    rolling.guard.close()


def test_a_good_one_goes_up_step_by_step_and_becomes_champion(rolling: Rolling) -> None:
    rolling.evidence = EVERYTHING_FINE
    rolling.start()
    assert rolling.aliases.held(RANKER, CHALLENGER) == 2
    assert rolling.look(8) == [*UP, "promoted"]
    assert (rolling.aliases.held(RANKER, CHAMPION), rolling.aliases.held(RANKER, CHALLENGER)) == (2, None)
    assert set(rolling.states().values()) == {"stopped"}
    assert rolling.record.is_settled
    rows = rolling.rows(ROLLOUT_STEPS.name)
    assert [row["to_stage"] for row in sorted(rows, key=lambda row: row["step"])] == ["gate", *UP]
    move = moves_of(rolling.lake, RANKER, CHAMPION)[-1]
    assert (move.who, move.from_version, move.to_version, move.why) == (
        "rollout:ranks", 1, 2, "rollout ranks: all is well",
    )  # fmt: skip
    assert move.evidence == FINE.numbers


@pytest.mark.parametrize("stage", ["gate", "shadow", "1", "20", "100"])
@pytest.mark.parametrize("before", [None, 3])
def test_harm_sends_it_back_from_everywhere(rolling: Rolling, stage: str, before: int | None) -> None:
    if before is not None:
        rolling.registry.set_alias(RANKER, CHALLENGER, before)
    rolling.evidence = {**EVERYTHING_FINE, stage: Evidence("clicks got lower", numbers={"low": -0.3})}
    rolling.start()
    walked = rolling.look(9)
    assert walked[-1] == "rolled_back"
    assert walked.index("rolled_back") == ["gate", *UP].index(stage)
    assert (rolling.aliases.held(RANKER, CHAMPION), rolling.aliases.held(RANKER, CHALLENGER)) == (1, before)
    assert "running" not in rolling.states().values()
    last = rolling.record.steps[-1]
    assert (last.by, last.before, last.why, last.numbers) == ("guard", stage, "clicks got lower", {"low": -0.3})
    if before is not None:
        move = moves_of(rolling.lake, RANKER, CHALLENGER)[-1]
        assert (move.to_version, move.why) == (3, "rollout ranks: clicks got lower")


def test_what_is_not_clear_is_waited_for_and_told(rolling: Rolling) -> None:
    rolling.start()
    assert rolling.look(2) == ["gate", "gate"]
    assert rolling.record.waits_for == "nobody has looked yet"
    revision = rolling.record.revision
    rolling.look()
    assert rolling.record.revision == revision, "nothing new is nothing kept"
    rolling.evidence = EVERYTHING_FINE
    assert rolling.look() == ["shadow"]
    assert rolling.record.waits_for == ""


def test_an_experiment_that_somebody_stopped_ends_it(rolling: Rolling) -> None:
    rolling.evidence = {**EVERYTHING_FINE, "5": Evidence(unclear="wait")}
    rolling.start()
    rolling.look(3)
    rolling.experiments.stop("ranks-5", "eve")
    assert rolling.look() == ["rolled_back"]
    assert rolling.record.steps[-1].why == "its experiment was stopped by eve"


def test_it_waits_for_an_experiment_that_has_the_same_units(rolling: Rolling) -> None:
    rolling.evidence = EVERYTHING_FINE
    rolling.start()
    rolling.look()
    other = {
        "name": "other", "hypothesis": "Better.", "subject": "rank", "smallest_effect": 0.1,
        "variants": [{"name": "a", "weight": 0.5}, {"name": "b", "weight": 0.5}],
        "metrics": [{"name": "clicks", "of": "click"}],
    }  # fmt: skip
    rolling.experiments.create(ExperimentSpec.model_validate(other), "eve")
    rolling.experiments.start("other", "eve")
    assert rolling.look(2) == ["1", "1"]
    assert "other" in rolling.record.waits_for
    rolling.experiments.stop("other", "eve")
    assert rolling.look() == ["5"]


def test_one_that_this_version_does_not_understand_stands_in_nobodys_way(rolling: Rolling) -> None:
    strange = replace(rolling.start(), name="strange", spec={"of": "another version"}, stage="shadow", revision=1)
    rolling.state.rollouts.create(strange)
    rolling.evidence = EVERYTHING_FINE
    assert rolling.look(7)[-1] == "promoted"
    assert "name: Field required" in rolling.desk.get("strange").waits_for


def test_the_shadow_holds_who_is_in_it_and_nobody_else(rolling: Rolling) -> None:
    rolling.evidence = {"gate": FINE}
    rolling.start()
    rolling.look()
    assert [one.wanted.version for one in rolling.shadows._shadowed.values()] == [2]
    rolling.evidence = EVERYTHING_FINE
    rolling.look()
    assert rolling.shadows._shadowed == {}


def test_it_looks_by_itself_and_outlives_what_fails(rolling: Rolling, caplog: pytest.LogCaptureFixture) -> None:
    rolling.start()
    failures = iter([NotFound("the table is away"), ZeroDivisionError()])
    given = rolling.of

    class Looks:
        def of(self, record: object) -> object:
            failure = next(failures, None)
            if failure is not None:
                raise failure
            rolling.evidence = EVERYTHING_FINE
            return given(rolling.record)

    rolling.guard._looks = Looks  # type: ignore[assignment]
    rolling.guard.start()
    ends = time.monotonic() + 20
    while not rolling.record.is_settled and time.monotonic() < ends:
        time.sleep(0.02)
    assert rolling.record.stage == "promoted"
    assert "rollout ranks waits at gate: the table is away" in caplog.text


def test_given_up_while_it_was_looked_at_it_waits_for_nothing(rolling: Rolling) -> None:
    given = rolling.of

    class Looks:
        def of(self, record: RolloutRecord) -> tuple[Evidence, Mapping[str, Any]]:
            if record.stage == "gate":
                rolling.desk.abort("ranks", Abort(reason="x"), "bob")
            return given(record)

    rolling.start()
    rolling.guard._looks = Looks
    rolling.evidence = EVERYTHING_FINE
    assert rolling.look() == ["rolled_back"]
    assert rolling.record.waits_for == ""
    rolling.look()
    assert rolling.record.is_settled
