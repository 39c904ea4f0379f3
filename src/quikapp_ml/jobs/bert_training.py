"""Fine-tune sentiment-bert's BERT from base weights: `quikapp-ml train sentiment-bert --base FOLDER --data FOLDER`.

Hours on a small machine; it goes on from its last checkpoint when it is started again. Needs the extra `train`.
"""

from importlib import import_module
from pathlib import Path

from quikapp_ml.bootstrap import open_model_registry, starter_folders
from quikapp_ml.errors import FeatureDisabled, NotFound
from quikapp_ml.features.services import tags_of
from quikapp_ml.models import MODEL_CLASSES
from quikapp_ml.models.sentiment import SentimentClassifier
from quikapp_ml.settings import Settings
from quikapp_ml.stores.registry.base import CARD_FILE, ModelVersion, NewVersion
from quikapp_ml.training.cards import limits_as_card, limits_of
from quikapp_ml.training.starters import Starter, register_starters
from quikapp_ml.training.trainer import next_patch

_RECIPE = "quikapp_ml.training.bert_recipe"
"""Imported by its first use: only this training needs torch."""


def fine_tune(settings: Settings, name: str, base: Path, data: Path) -> ModelVersion:
    """Make a version and register it; no alias moves. Raises NotFound, and FeatureDisabled without the extra."""
    if name != SentimentClassifier.name:
        raise NotFound(f"{name!r} is not made from base weights; {SentimentClassifier.name} is")
    work = settings.home / "work" / "bert"
    starter = bert_starter(data, base, work)
    registry, starters = open_model_registry(settings), starter_folders()
    register_starters(registry, starters, MODEL_CLASSES)
    folder = work / "model"
    starter.model.save(folder)
    card = (starters[name] / CARD_FILE).read_text(encoding="utf-8")
    (folder / CARD_FILE).write_text(limits_as_card(limits_of(card)), encoding="utf-8")
    known = [version.semantic_version for version in registry.versions(name)]
    return registry.register(
        NewVersion(
            name=name,
            folder=folder,
            model_class=f"{SentimentClassifier.__module__}:{SentimentClassifier.__qualname__}",
            semantic_version=next_patch([starter.semantic_version, *known]),
            parameters={"recipe": _RECIPE, "base": base.name},
            metrics=starter.metrics,
            tags=tags_of(name),
        )
    )


def bert_starter(data: Path, base: Path, work: Path) -> Starter:
    """The fine-tuned model. Raises FeatureDisabled without the extra."""
    try:
        recipe = import_module(_RECIPE)
    except ModuleNotFoundError as error:
        raise FeatureDisabled(
            f"fine-tuning needs {error.name}, which is not installed: pip install 'quikapp-ml[train]'"
        ) from None
    made: Starter = recipe.make_bert(data, base, work)
    return made
