"""Task `model_training` of the nightly pipeline: a candidate of every model that there is enough data for."""

import logging
from collections.abc import Callable, Iterable

from quikapp_ml.bootstrap import open_model_registry, starter_folders
from quikapp_ml.errors import JobFailed, NotFound
from quikapp_ml.models import MODEL_CLASSES
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.training.recipes import RECIPES
from quikapp_ml.training.starters import register_starters
from quikapp_ml.training.trainer import TrainingOutcome, train

logger = logging.getLogger(__name__)


def run(settings: Settings, model: str = "") -> list[TrainingOutcome]:
    """Train all models, or the one named. Raises JobFailed at the end when one could not be trained."""
    return train_each([model] if model else RECIPES, lambda name: train_one(settings, name))


def train_one(settings: Settings, name: str) -> TrainingOutcome:
    """Train one model. Raises NotFound for a name without a recipe."""
    if name not in RECIPES:
        raise NotFound(f"there is no model {name!r} to train; there are {', '.join(sorted(RECIPES))}")
    registry, starters = open_model_registry(settings), starter_folders()
    register_starters(registry, starters, MODEL_CLASSES)
    lake = open_lake(settings.lake_path)
    return train(RECIPES[name], lake, registry, starters.get(name), settings.home / "work")


def train_each(names: Iterable[str], train_named: Callable[[str], TrainingOutcome]) -> list[TrainingOutcome]:
    """Train one after the other; what goes wrong with one keeps none of the others from its training."""
    outcomes, failures = [], {}
    for name in names:
        try:
            outcomes.append(train_named(name))
        except Exception as error:  # whatever it is, it is logged here and raised below
            logger.error("%s could not be trained", name, exc_info=error)
            failures[name] = error
    if failures:
        told = "; ".join(f"{name}: {type(error).__name__}: {error}" for name, error in failures.items())
        raise JobFailed(f"{len(failures)} of {len(outcomes) + len(failures)} models could not be trained: {told}")
    return outcomes
