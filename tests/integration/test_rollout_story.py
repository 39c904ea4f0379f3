"""The story of `examples/rollout_story.py`, shorter; and a version that fails at every answer."""

import random
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from quikapp_ml.bootstrap import open_service
from quikapp_ml.experiments.rollout import stages_of
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake.tables import DECISIONS
from quikapp_ml.stores.registry.base import CHALLENGER, CHAMPION

FILE = Path(__file__).parents[2] / "examples" / "rollout_story.py"


@pytest.fixture(scope="module")
def story() -> Any:
    """The example as a module."""
    spec = spec_from_file_location("rollout_story", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_worse_one_goes_back_and_a_better_one_becomes_champion(story: Any, tmp_path: Path) -> None:
    (worse, better), ends = story.play(tmp_path, 400)
    assert worse.stage == "rolled_back"
    assert worse.steps[-1].before in ("10", "50")
    assert "clicks" in worse.steps[-1].why
    assert [step.after for step in better.steps] == list(stages_of([10, 50, 100]))
    assert ends == {"champion": better.spec["version"], "better": better.spec["version"], "replayed": ["equal"] * 10}


def test_one_that_fails_costs_nobody_an_answer(story: Any, tmp_path: Path) -> None:
    environment = {"QUIKAPP_ML_HOME": str(tmp_path / "home"), "QUIKAPP_ML_RUN_SCHEDULES": "false"}
    service = open_service(Settings.from_environment(environment))
    try:
        service.start()
        people = story.People(service, [f"person-{number}" for number in range(150)], random.Random(8))
        champion = story.register(service, tmp_path, {"recency": 1.0})
        service.registry.set_alias(story.RANKER, CHAMPION, champion)
        service.models.refresh()
        broken = story.register(service, tmp_path, {"no_such_feature": 1.0})
        story.STEPS = {**story.STEPS, "gate": {"least_effective": 0}, "shadow": {"least_answers": 0}}
        record = story.roll_out(people, "broken", broken, "Nobody has tried it.")
        rows = service.lake.read(DECISIONS.name, ["experiment", "variant", "assignment", "model_number", "degraded"])
        held = service.registry.by_alias(story.RANKER, CHALLENGER)
    finally:
        service.close()
    assert (record.stage, record.steps[-1].before) == ("rolled_back", "10")
    assert "who got the champion's" in record.steps[-1].why
    treated = [row for row in rows.to_pylist() if row["variant"] == "challenger"]
    assert len(treated) >= 3
    assert {(row["assignment"], row["model_number"], row["degraded"]) for row in treated} == {
        ("fallback", champion, False)
    }
    assert held is None
