"""Makes a candidate: learns from pinned tables, measures it and the version before on the same held-out part."""

import logging
import re
import tempfile
from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quikapp_ml import __version__
from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.features.services import tags_of
from quikapp_ml.models.base import Model
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.registry.base import CARD_FILE, CHALLENGER, CHAMPION, ModelRegistry, ModelVersion, NewVersion
from quikapp_ml.training.cards import CardFacts, limits_as_card, write_card
from quikapp_ml.training.pinned import PinnedLake
from quikapp_ml.training.recipe import NotEnoughData, Recipe
from quikapp_ml.training.starters import read_metadata

logger = logging.getLogger(__name__)

CANDIDATE = "candidate"
"""Alias of the newest trained version, until the gate has decided about it."""

METRIC_TAG = "metric"
PREVIOUS_TAG = "previous_number"
"""Number of the version that a candidate was measured beside, or UNREGISTERED."""
UNREGISTERED = "starter"
"""The starter of the package, in a registry that did not know it yet, or a model that has learnt nothing."""
PREVIOUS_PREFIX = "previous_"
"""Measures of that version are kept with the candidate's, under this prefix."""


@dataclass(frozen=True)
class TrainingOutcome:
    """What came of training one model: a registered candidate, or the reason why there is none."""

    model: str
    version: ModelVersion | None = None
    skipped: str = ""
    metric: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    previous_metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Previous:
    """The version to learn on from and to be measured against."""

    model: Model
    semantic_version: str | None = None
    """None of a model that has learnt nothing."""
    card: str = ""
    number: int | None = None

    def __str__(self) -> str:
        if self.semantic_version is None:
            return "an untrained model"
        return f"version {self.number} ({self.semantic_version})" if self.number else f"starter {self.semantic_version}"


def train(
    recipe: Recipe[Any, Any], lake: Lake, registry: ModelRegistry, starter: Path | None, work: Path
) -> TrainingOutcome:
    """Train a candidate and register it under the alias `candidate`; no other alias moves.

    It learns on from the champion, else the challenger, else the starter in the folder given, else from nothing where
    the recipe can. With too little data nothing is registered and the outcome says why. `work` is a folder for
    temporary files.
    """
    name = recipe.model_class.name
    missing = [table for table in recipe.tables if not lake.exists(table)]
    if missing:
        return _skip(name, f"{', '.join(missing)} has not been made yet: run feature_engineering first")
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work, prefix=f"{name}-") as folder:
        previous = _load_previous(recipe, registry, starter, Path(folder))
        try:
            return _make_candidate(recipe, PinnedLake(lake, recipe.tables), registry, previous, Path(folder))
        except NotEnoughData as error:
            return _skip(name, str(error))


def next_patch(versions: Iterable[str]) -> str:
    """The greatest of the semantic versions with its last number one greater: a number is never given twice.

    Without any it is 1.0.0.
    """
    major, minor, patch = max(map(_numbers, versions), default=(1, 0, -1))
    return f"{major}.{minor}.{patch + 1}"


def _numbers(version: str) -> tuple[int, int, int]:
    found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", version)
    if not found:
        raise InvalidInput(f"{version!r} is not a semantic version such as 3.1.0")
    return int(found[1]), int(found[2]), int(found[3])


def _skip(name: str, reason: str) -> TrainingOutcome:
    logger.warning("%s is not trained: %s", name, reason)
    return TrainingOutcome(name, skipped=reason)


def _load_previous(recipe: Recipe[Any, Any], registry: ModelRegistry, starter: Path | None, work: Path) -> _Previous:
    model_class = recipe.model_class
    name = model_class.name
    version = registry.by_alias(name, CHAMPION) or registry.by_alias(name, CHALLENGER)
    if version is not None:
        folder = registry.fetch(name, version.number, work / "previous")
        return _Previous(model_class.load(folder), version.semantic_version, _card(folder), version.number)
    if starter is not None:
        return _Previous(model_class.load(starter), read_metadata(starter).semantic_version, _card(starter))
    untrained = recipe.untrained()
    if untrained is None:
        raise NotFound(f"{name} has neither a registered version with an alias nor a starter to learn on from")
    return _Previous(untrained, card=limits_as_card(recipe.limits))


def _card(folder: Path) -> str:
    file = folder / CARD_FILE
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _make_candidate(
    recipe: Recipe[Any, Any], lake: PinnedLake, registry: ModelRegistry, previous: _Previous, work: Path
) -> TrainingOutcome:
    name = recipe.model_class.name
    examples = recipe.examples(lake)
    learnt, held_out = recipe.split(examples)
    logger.info("%s learns from %s", name, lake.versions)
    candidate = recipe.fit(learnt, previous.model)
    metrics = {**recipe.evaluate(candidate, held_out), **recipe.compare(candidate, previous.model, held_out)}
    before = dict(recipe.evaluate(previous.model, held_out))
    logger.info("%s: %s %.4f, before %.4f", name, recipe.metric, metrics[recipe.metric], before[recipe.metric])
    facts = CardFacts(
        model_class=recipe.model_class,
        semantic_version=next_patch(
            [
                *filter(None, [previous.semantic_version]),
                *(version.semantic_version for version in registry.versions(name)),
            ]
        ),
        metric=recipe.metric,
        metrics=metrics,
        previous=str(previous),
        previous_metrics=before,
        table_versions=lake.versions,
        parameters=_parameters(recipe, learnt, held_out),
        previous_card=previous.card,
    )
    folder = work / "candidate"
    candidate.save(folder)
    (folder / CARD_FILE).write_text(write_card(facts), encoding="utf-8")
    version = registry.register(_new_version(facts, folder, previous))
    registry.set_alias(name, CANDIDATE, version.number)
    return TrainingOutcome(name, version, "", recipe.metric, metrics, before)


def _parameters(recipe: Recipe[Any, Any], learnt: object, held_out: object) -> dict[str, str]:
    sizes = {
        name: str(len(part))
        for name, part in (("n_learnt", learnt), ("n_held_out", held_out))
        if isinstance(part, Sized)
    }
    recipe_class = type(recipe)
    return {"recipe": f"{recipe_class.__module__}:{recipe_class.__qualname__}", "quikapp_ml": __version__, **sizes}


def _new_version(facts: CardFacts, folder: Path, previous: _Previous) -> NewVersion:
    model_class = facts.model_class
    before = {f"{PREVIOUS_PREFIX}{name}": value for name, value in facts.previous_metrics.items()}
    return NewVersion(
        name=model_class.name,
        folder=folder,
        model_class=f"{model_class.__module__}:{model_class.__qualname__}",
        semantic_version=facts.semantic_version,
        parameters=facts.parameters,
        metrics={**facts.metrics, **before},
        table_versions=facts.table_versions,
        tags={
            METRIC_TAG: facts.metric,
            PREVIOUS_TAG: str(previous.number or UNREGISTERED),
            **tags_of(model_class.name),
        },
    )
