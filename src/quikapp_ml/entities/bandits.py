"""Experiments whose shares follow what they learn: what is asked for, and what was learnt."""

from typing import Annotated

from pydantic import Field

from quikapp_ml.entities.events import Id, Time
from quikapp_ml.entities.questions import Question

REWARDS = ("click", "join", "reply", "read")
"""Feedback that is good news, and can be learnt from."""

_Count = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class TriedBandit(Question):
    """Beside an even part, a variant gets the more units the likelier it is the best (Thompson sampling)."""

    even_share: Annotated[float, Field(ge=0.05, lt=1)] = 0.2
    """Units that are divided by the weights for good. They alone are compared in the results."""
    floor: Annotated[float, Field(ge=0.01, lt=1)] = 0.1
    """The part of the other units that is spread evenly, whatever was learnt."""
    within_hours: Annotated[float, Field(gt=0, le=720)] = 24.0
    """How long after an answer its reward is waited for."""
    every_minutes: Annotated[float, Field(ge=1, le=10_080)] = 60.0
    """How often it learns."""


class LearntArm(Question):
    """What is known of a variant, and its share of the units that are not divided evenly."""

    variant: Id
    successes: _Count
    failures: _Count
    propensity: Annotated[float, Field(gt=0, le=1)]


class Learnt(Question):
    """What was known at one time; the units of all answers after it are divided by it, until the next."""

    number: Annotated[int, Field(ge=1)]
    until: Time
    """Answers up to then are in it."""
    arms: Annotated[list[LearntArm], Field(min_length=2, max_length=10)]
