"""Task `model_deployment` of the nightly pipeline: the gate decides about every candidate, and aliases move."""

from datetime import UTC, datetime

from quikapp_ml.bootstrap import open_model_registry
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.registry.base import ModelRegistry
from quikapp_ml.training.promotion import Decision, promote


def run(settings: Settings) -> list[Decision]:
    """Decide about the candidates of all registered models; run again after an interruption, it ends the same."""
    return decide_all(open_model_registry(settings), open_lake(settings.lake_path), datetime.now(UTC))


def decide_all(registry: ModelRegistry, lake: Lake, now: datetime) -> list[Decision]:
    """Decide about the candidates of a registry, and give the decisions."""
    decisions = (promote(name, registry, lake, now) for name in registry.names())
    return [decision for decision in decisions if decision is not None]
