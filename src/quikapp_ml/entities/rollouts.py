"""What a rollout is: another version of a model let in step by step, and what it must not do on the way."""

from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from quikapp_ml.entities.events import Id
from quikapp_ml.entities.experiments import (
    APPEAL_UPHELD,
    SUBJECT_MODELS,
    ExperimentName,
    Guardrail,
    Metric,
    Sentence,
    Subject,
    Unit,
)
from quikapp_ml.entities.questions import Question

SHARES = (1, 5, 20, 50, 100)
"""Percent of the units that get the challenger, step by step."""

LONGEST_NAME = 50
"""The experiments of the steps are called by the name and the percent, in 63 characters."""

OWN_NAMES = ("latency-p95", "errors")
"""Guardrails that every rollout has."""

_BY_SUBJECT: dict[Subject, tuple[Metric, tuple[Guardrail, ...]]] = {
    "recommendations": (
        Metric(name="clicks-each", of="click", kind="mean"),
        (Guardrail(name="clicks", of="click"),),
    ),
    "rank": (
        Metric(name="clicks-each", of="click", kind="mean"),
        (Guardrail(name="clicks", of="click"),),
    ),
    "spam-check": (
        Metric(name="reports", of="reported", kind="ratio"),
        (Guardrail(name="appeals-upheld", of=APPEAL_UPHELD, kind="ratio", worse="higher"),),
    ),
    "sentiment": (Metric(name="latency-mean", of="latency", kind="mean"), ()),
}


def _shares(given: list[int]) -> list[int]:
    if given[-1] != 100 or any(second <= first for first, second in pairwise(given)) or given[0] < 1:
        raise PydanticCustomError("bad_shares", "must rise, from 1 at least to 100: such as 1, 5, 20, 50, 100")
    return given


def _short(name: str) -> str:
    if len(name) > LONGEST_NAME:
        raise PydanticCustomError("long_name", "must have {most} characters at most", {"most": LONGEST_NAME})
    return name


Part = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]


class GateRules(Question):
    """What the decisions of the past must say before anybody is asked; only lists can be judged so."""

    least_effective: Annotated[int, Field(ge=0, le=10_000_000)] = 200
    """Effective sample size; the gate waits for more decisions below it. With 0 there is no gate."""
    at_most: Part = 0.2
    """Refused when it surely loses more than this part of the clicks."""
    decisions: Annotated[int, Field(ge=1, le=20_000)] = 2_000
    """The newest ones with feedback, so many at most."""


class ShadowRules(Question):
    """The challenger is asked beside the champion, and nobody sees what it says."""

    share: Part = 0.1
    """Of the questions, at most."""
    budget: Annotated[float, Field(gt=0.0, le=0.5)] = 0.02
    """Of the time of one thread."""
    least_answers: Annotated[int, Field(ge=0, le=10_000_000)] = 200
    at_most_errors: Part = 0.01
    at_most_slower: Annotated[float, Field(gt=1.0, le=100.0)] = 3.0
    """How many times as long it may take."""
    least_agreement: Part = 0.0
    """Of 1 for the same answers."""


class StepRules(Question):
    """What must be before more are let in, besides guardrails that hold."""

    least_units: Annotated[int, Field(ge=1, le=100_000_000)] = 50
    """Units that got the challenger at this step."""
    least_hours: Annotated[float, Field(ge=0.0, le=24 * 90)] = 24.0
    at_most_errors: Part = 0.01
    """Answers that were the champion's because the challenger failed, by its units."""
    at_most_slower: Annotated[float, Field(gt=0.0, le=100.0)] = 0.5
    """How much longer 95 % of the answers may take, as a share."""


class RolloutSpec(Question):
    """Which version is let in where, and by what it is judged. YAML files and bodies of requests have these fields."""

    name: Annotated[ExperimentName, AfterValidator(_short)]
    subject: Subject | None = None
    """Which answers it is about; or the endpoint whose traffic is moved."""
    endpoint: Id | None = None
    version: Annotated[int, Field(ge=1)]
    """Number of the challenger in the registry."""
    reason: Sentence = "A newer version"
    unit: Unit = "user"
    guardrails: Annotated[list[Guardrail], Field(max_length=10)] = Field(default_factory=list)
    """Where none is given, those of the subject."""
    planned_units: Annotated[int, Field(ge=100, le=1_000_000_000)] = 5_000
    """How many an experiment half by half would need (`experiments power`)."""
    shares: Annotated[list[int], Field(min_length=1, max_length=20), AfterValidator(_shares)] = Field(
        default_factory=lambda: list(SHARES)
    )
    gate: GateRules = Field(default_factory=GateRules)
    shadow: ShadowRules = Field(default_factory=ShadowRules)
    steps: StepRules = Field(default_factory=StepRules)

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if (self.subject is None) == (self.endpoint is None):
            raise PydanticCustomError("one_target", "must name either a subject or an endpoint")
        if self.endpoint is not None and self.guardrails:
            raise PydanticCustomError(
                "no_guardrails",
                "guardrails are of subjects: behind an endpoint, requests, failures and time are judged",
            )
        names = [one.name for one in self.guardrails]
        taken = sorted(set(names) & {*OWN_NAMES, *(m.name for m, _ in _BY_SUBJECT.values())})
        if taken or len(set(names)) < len(names):
            raise PydanticCustomError(
                "repeated_name", "guardrails need names of their own; taken or given twice: {names}",
                {"names": ", ".join(taken or names)},
            )  # fmt: skip
        return self

    @property
    def model(self) -> str | None:
        """The registered model of the subject; of an endpoint, it is what it serves."""
        return None if self.subject is None else SUBJECT_MODELS[self.subject]

    @property
    def judged_by(self) -> tuple[Guardrail, ...]:
        """The guardrails given, or those of the subject."""
        if self.guardrails or self.subject is None:
            return tuple(self.guardrails)
        return _BY_SUBJECT[self.subject][1]

    @property
    def told_by(self) -> Metric:
        """The metric by which the experiments of the steps tell what changed; nothing hangs on it."""
        return _BY_SUBJECT[self.subject or "sentiment"][0]


class Abort(Question):
    """Why a rollout is given up."""

    reason: Sentence
