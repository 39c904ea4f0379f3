"""The world follows the record of a rollout: experiments, aliases, rows."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from quikapp_ml.entities.rollouts import RolloutSpec
from quikapp_ml.experiments.assignment import position
from quikapp_ml.experiments.rollout import Evidence
from quikapp_ml.serving.experiments import spec_of, split_of
from quikapp_ml.stores.registry.base import CHALLENGER, CHAMPION
from quikapp_ml.stores.state.memory import MemoryControlState
from quikapp_ml.training.alias_moves import ALIAS_MOVES
from support.rolling import EVERYTHING_FINE, RANKER, SPEC, Rolling

UP = ["shadow", "1", "5", "20", "50", "100", "promoted"]


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    rolling = Rolling(tmp_path, MemoryControlState())
    yield rolling
    rolling.guard.close()


def test_who_has_the_challenger_keeps_it_and_each_step_is_an_experiment(rolling: Rolling) -> None:
    rolling.evidence = EVERYTHING_FINE
    rolling.start()
    treated: set[str] = set()
    users = [f"user-{number}" for number in range(3_000)]
    for stage in ("1", "5", "20", "50", "100"):
        while rolling.record.stage != stage:
            rolling.look()
        running = [name for name, state in rolling.states().items() if state == "running"]
        assert running == [f"ranks-{stage}"]
        spec = spec_of(rolling.experiments.get(running[0]))
        now = {user for user in users if split_of(spec).assign(user).variant == "challenger"}
        assert treated <= now
        assert now == {user for user in users if position("ranks", user) >= 1 - int(stage) / 100}
        assert len(now) == pytest.approx(30 * int(stage), rel=0.35)
        assert [one.name for one in spec.guardrails] == ["clicks", "latency-p95", "errors"]
        treated = now


def test_a_model_that_only_a_challenger_answers_for_has_a_champion_in_the_end(rolling: Rolling) -> None:
    rolling.registry.remove_alias(RANKER, CHAMPION)
    rolling.registry.set_alias(RANKER, CHALLENGER, 1)
    rolling.evidence = EVERYTHING_FINE
    rolling.start()
    assert rolling.aliases.held(RANKER, CHALLENGER) == 1, "or everybody had the new one at once"
    rolling.look(8)
    assert (rolling.aliases.held(RANKER, CHAMPION), rolling.aliases.held(RANKER, CHALLENGER)) == (2, 1)


def test_no_alias_moves_without_a_row(rolling: Rolling) -> None:
    rolling.evidence = EVERYTHING_FINE
    rolling.start()
    rolling.look(9)
    kept = {(row["alias"], row["to_version"]) for row in rolling.rows(ALIAS_MOVES.name)}
    assert kept == {(CHALLENGER, 2), (CHAMPION, 2)}


def test_a_draft_left_by_a_crash_is_started(rolling: Rolling) -> None:
    rolling.evidence = {**EVERYTHING_FINE, "1": Evidence(unclear="wait")}
    rolling.start()
    rolling.look()
    record = rolling.desk.step(rolling.record, "1", "guard", "judged")
    from_a_crash = replace(record)
    rolling.world.follow(from_a_crash)
    rolling.world.follow(from_a_crash)
    assert rolling.states() == {"ranks-1": "running"}
    assert rolling.look() == ["1"]
    assert RolloutSpec.model_validate(SPEC).name == "ranks"
