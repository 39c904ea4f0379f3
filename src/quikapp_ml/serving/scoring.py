"""Scores with what made them, by a model or, while none answers, by a rule."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from quikapp_ml.entities.decisions import ModelRef
from quikapp_ml.errors import QuikAppMLError
from quikapp_ml.features.frame import FeatureFrame, Floats
from quikapp_ml.models.base import Model
from quikapp_ml.models.linear import logistic
from quikapp_ml.serving.loading import Loaded

logger = logging.getLogger(__name__)

RULES = "rules"

M = TypeVar("M", bound=Model)
T = TypeVar("T")


@dataclass(frozen=True)
class Scores:
    """`values` (n_items,) in 0..1; bias plus `contributions` (n_items, n_names) is the logit, or a rule's score."""

    values: Floats
    names: tuple[str, ...]
    contributions: Floats
    bias: float

    @classmethod
    def by_model(cls, parts: tuple[tuple[str, ...], Floats, float]) -> "Scores":
        """From the names, contributions and bias that a model gives."""
        names, contributions, bias = parts
        return cls(logistic(bias + contributions.sum(axis=1)), names, contributions, bias)

    @classmethod
    def by_rule(cls, frame: FeatureFrame, name: str) -> "Scores":
        """One feature alone, cut to 0..1."""
        values = np.clip(frame.column(name), 0.0, 1.0)
        return cls(values, (name,), values[:, None], 0.0)

    def of(self, position: int) -> dict[str, float]:
        """What each feature added for one item."""
        return dict(zip(self.names, self.contributions[position].tolist(), strict=True))

    def explained(self, position: int) -> dict[str, float]:
        """What each feature added for one item, and the bias."""
        return {"bias": self.bias, **self.of(position)}


class Host(Protocol):
    """What has the models that answer."""

    def get(self, name: str) -> Loaded:
        """The model that answers for the name now. Raises Unavailable when there is none."""


def loaded_model(models: Host, model_class: type[M]) -> tuple[Loaded | None, M | None]:
    """The model that serves now; None twice when there is none."""
    try:
        loaded = models.get(model_class.name)
    except QuikAppMLError:
        return None, None
    return (loaded, loaded.model) if isinstance(loaded.model, model_class) else (None, None)


def or_rules(by_model: Callable[[], T] | None, by_rules: Callable[[], T]) -> tuple[T, bool]:
    """The model's answer, or that of the rules when there is no model or it fails; and whether it is degraded."""
    if by_model is None:
        return by_rules(), True
    try:
        return by_model(), False
    except QuikAppMLError:
        logger.exception("the model could not score; rules answer instead")
        return by_rules(), True


@dataclass(frozen=True, slots=True)
class Answerer:
    """What an answer and its decision call the model that answered; rules have no number and no alias."""

    ref: ModelRef
    number: int | None = None
    alias: str | None = None


def answered_by(model_class: type[Model], loaded: Loaded | None, is_degraded: bool) -> Answerer:
    """The loaded model, or the rules where it did not answer."""
    if loaded is None or is_degraded:
        return Answerer(ModelRef(model_class.name, RULES))
    return Answerer(loaded.ref, loaded.number, loaded.alias)
