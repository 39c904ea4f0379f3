"""Which model answers one question: the one that answers everybody, or that of an experiment's variant."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from quikapp_ml.entities.experiments import Subject
from quikapp_ml.models.base import Model
from quikapp_ml.serving.experiment_host import Asker, Choice, ExperimentHost, Exposure
from quikapp_ml.serving.loading import Loaded, ModelHost
from quikapp_ml.serving.scoring import loaded_model, or_rules
from quikapp_ml.serving.shadow import ShadowHost

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=Model)
T = TypeVar("T")


class Models(Protocol):
    """The models that answer, and the experiments on them."""

    def get(self, name: str) -> Loaded:
        """The model that answers everybody. Raises Unavailable when there is none."""

    def choose(self, subject: Subject, asker: Asker) -> Choice:
        """How to answer this question. Never raises."""

    def note_fallback(self) -> None:
        """Count an answer that a variant's model failed to give."""

    def offer(self, name: str, champion: Model, score: Callable[[Any], Any]) -> None:
        """A question that the model of this name has answered, for who is in its shadow. Never raises."""


class ModelChoice:
    """`Models` of a model host, of the experiments that run on it, and of those in its shadow."""

    def __init__(self, models: ModelHost, experiments: ExperimentHost, shadows: ShadowHost) -> None:
        self.get = models.get
        self.choose = experiments.choose
        self.note_fallback = experiments.note_fallback
        self.offer = shadows.offer


@dataclass(frozen=True, slots=True)
class Tried(Generic[M]):
    """The model for one question; `model` is None where rules have to answer."""

    loaded: Loaded | None
    model: M | None
    parameters: Mapping[str, float]
    exposure: Exposure | None
    is_variant: bool = False

    @property
    def told(self) -> dict[str, str] | None:
        """What the answer says of the experiment."""
        return None if self.exposure is None else self.exposure.told()

    @property
    def recorded(self) -> dict[str, Any]:
        """What the decision says of the experiment."""
        exposure = self.exposure
        if exposure is None:
            return {}
        return {
            "experiment": exposure.experiment,
            "unit": exposure.unit,
            "variant": exposure.variant,
            "propensity": exposure.propensity,
            "assignment": exposure.assignment,
        }


def tried_model(models: Models, model_class: type[M], subject: Subject, asker: Asker) -> Tried[M]:
    """The model of the asker's variant, or the one that answers everybody."""
    choice = models.choose(subject, asker)
    loaded = choice.loaded
    if loaded is not None and isinstance(loaded.model, model_class):
        return Tried(loaded, loaded.model, choice.parameters, choice.exposure, is_variant=True)
    loaded, model = loaded_model(models, model_class)
    return Tried(loaded, model, choice.parameters, choice.exposure)


def scored(
    tried: Tried[M], models: Models, model_class: type[M], score: Callable[[M], T], by_rules: Callable[[], T]
) -> tuple[T, Tried[M], bool]:
    """The scores, what gave them, and whether rules had to. Where a variant's model fails, control's answers."""
    if tried.is_variant and tried.model is not None and tried.exposure is not None:
        try:
            return score(tried.model), tried, False
        except Exception:  # whatever a model that is only tried does, there is another one
            logger.exception("variant %s of %s could not score", tried.exposure.variant, tried.exposure.experiment)
            models.note_fallback()
            loaded, model = loaded_model(models, model_class)
            tried = replace(
                tried, loaded=loaded, model=model, parameters={}, exposure=tried.exposure.failed(), is_variant=False
            )
    by_model = None if tried.model is None else partial(score, tried.model)
    result, is_degraded = or_rules(by_model, by_rules)
    if tried.model is not None and not is_degraded:
        models.offer(model_class.name, tried.model, score)
    return result, tried, is_degraded
