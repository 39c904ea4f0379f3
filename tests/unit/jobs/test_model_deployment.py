from datetime import UTC, datetime
from pathlib import Path

import pytest

from quikapp_ml.jobs.model_deployment import decide_all, run
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.training.starters import register_starters
from quikapp_ml.training.trainer import train
from support.toy_model import READINGS, Threshold, ThresholdRecipe, WatchedRegistry, readings, save_starter

NOW = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)


def test_a_registry_without_candidates_needs_no_decision(tmp_path: Path) -> None:
    settings = Settings.from_environment({"QUIKAPP_ML_HOME": str(tmp_path), "MLFLOW_TRACKING_URI": "memory://"})
    assert run(settings) == []


@pytest.mark.parametrize("n_candidates", [0, 1])
def test_every_candidate_is_decided_about_once(tmp_path: Path, n_candidates: int) -> None:
    lake, registry = MemoryLake(), WatchedRegistry()
    lake.ensure(READINGS)
    lake.append(READINGS.name, readings(50))
    register_starters(registry, {"threshold": save_starter(tmp_path / "starter")}, {"threshold": Threshold})
    for _ in range(n_candidates):
        train(ThresholdRecipe(), lake, registry, None, tmp_path)
    assert [decision.promoted for decision in decide_all(registry, lake, NOW)] == [True] * n_candidates
    assert decide_all(registry, lake, NOW) == []
