"""A model is made and takes over, on real tables and a real MLflow."""

from datetime import UTC, datetime
from pathlib import Path

from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.tables import PROMOTIONS
from quikapp_ml.stores.registry import open_registry
from quikapp_ml.training.promotion import promote
from quikapp_ml.training.starters import register_starters
from quikapp_ml.training.trainer import train
from support.toy_model import READINGS, Threshold, ThresholdRecipe, readings, save_starter

NOW = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)


def test_from_starter_to_champion(tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path / "lakehouse"))
    lake.ensure(READINGS)
    lake.append(READINGS.name, readings(50))
    registry = open_registry(f"sqlite:///{tmp_path / 'mlflow.db'}", "tests", tmp_path / "mlartifacts")
    starter = save_starter(tmp_path / "starter")
    for expected in (["threshold"], []):
        assert register_starters(registry, {"threshold": starter}, {"threshold": Threshold}) == expected

    outcome = train(ThresholdRecipe(), lake, registry, None, tmp_path / "work")
    assert outcome.version is not None
    champion = registry.by_alias("threshold", "champion")
    assert champion is not None
    assert (champion.number, outcome.version.number) == (1, 2)

    decision = promote("threshold", registry, lake, NOW)
    assert decision is not None
    assert decision.promoted, decision.reason
    assert promote("threshold", registry, lake, NOW) is None
    champion = registry.by_alias("threshold", "champion")
    assert champion is not None
    assert (champion.number, champion.semantic_version, champion.aliases) == (2, "2.4.1", ("champion",))
    assert Threshold.load(registry.fetch("threshold", 2, tmp_path / "fetched")).threshold_ == 0.5
    (row,) = lake.read(PROMOTIONS.name).to_pylist()
    assert (row["candidate"], row["champion"], row["promoted"]) == (2, 1, True)

    again = train(ThresholdRecipe(), lake, registry, None, tmp_path / "work")
    assert again.version is not None
    assert again.version.semantic_version == "2.4.2"
    assert again.previous_metrics["accuracy"] == 1.0
