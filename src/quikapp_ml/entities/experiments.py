"""What an experiment is: models, policies and parameters tried against each other on parts of the people."""

import math
import re
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from quikapp_ml.entities.activities import ActivityKind
from quikapp_ml.entities.bandits import REWARDS, Learnt, TriedBandit
from quikapp_ml.entities.events import EVENT_TYPES, Id, Role, Time
from quikapp_ml.entities.questions import FeedbackAction, Question

Subject = Literal["recommendations", "rank", "spam-check", "sentiment"]
"""Which answers an experiment is about."""

Unit = Literal["user", "channel", "workspace"]

SUBJECT_MODELS: dict[Subject, str] = {
    "recommendations": "recommendation-v2",
    "rank": "content-ranker",
    "spam-check": "spam-classifier",
    "sentiment": "sentiment-bert",
}
"""The model whose versions can be tried on a subject."""

PARAMETERS: dict[Subject, dict[str, tuple[float, float]]] = {
    "recommendations": {"largest_share": (0.2, 1.0), "diversity": (0.0, 1.0), "most_of_a_source": (0.05, 1.0)}
}
"""Numbers of a policy that can be tried, with their bounds."""

Source = Literal["events", "feedback", "activities", "decisions"]

APPEAL_UPHELD = "appeal-upheld"
OF_ANSWERS = ("latency", "degraded")
SOURCES: dict[Source, tuple[str, ...]] = {
    "events": tuple(EVENT_TYPES),
    "feedback": (*FeedbackAction.__args__, APPEAL_UPHELD),  # type: ignore[attr-defined]
    "activities": ActivityKind.__args__,  # type: ignore[attr-defined]
    "decisions": OF_ANSWERS,
}
"""What a metric can be counted from, by the table that it is in; a name in several is looked for in this order."""
MEASURED_ON = tuple(dict.fromkeys(name for names in SOURCES.values() for name in names))

WEIGHTS_TOLERANCE = 1e-9
MAX_LISTED = 1_000
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise PydanticCustomError("bad_name", "must be 1 to 63 of a-z, 0-9 and -, and begin and end with no -")
    return text


def _salt(text: str) -> str:
    if ":" in text:
        raise PydanticCustomError("bad_salt", "must have no ':', which stands between a salt and a unit")
    return text


def _measured(text: str) -> str:
    if text not in MEASURED_ON:
        raise PydanticCustomError(
            "unknown_event", "is no event, feedback or answer that is known; give one of {known}",
            {"known": ", ".join(sorted(MEASURED_ON))},
        )  # fmt: skip
    return text


ExperimentName = Annotated[str, AfterValidator(_name)]
Salt = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_salt)]
Sentence = Annotated[str, Field(min_length=1, max_length=1_000)]
Weight = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
_Ids = Annotated[list[Id], Field(max_length=MAX_LISTED)]


class TriedModel(Question):
    """Which version of the subject's model answers: by its number, or whatever an alias points to."""

    version: Annotated[int, Field(ge=1)] | None = None
    alias: Id | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.version is None) == (self.alias is None):
            raise PydanticCustomError("one_model", "must name either a version or an alias")
        return self


class TriedVariant(Question):
    """One way to answer, and the share of units that get it. Without a model and parameters: as without experiment."""

    name: ExperimentName
    weight: Weight
    model: TriedModel | None = None
    parameters: Annotated[dict[str, float], Field(max_length=20)] = Field(default_factory=dict)


class TriedSlice(Question):
    """Positions of the layer that the experiment has for itself; start included, end not."""

    start: Weight = 0.0
    end: Weight = 1.0

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        if self.start >= self.end:
            raise PydanticCustomError("empty_slice", "must start below its end")
        return self


class TriedHoldout(Question):
    """A share of all units that this experiment does not touch; the same salt is the same units everywhere."""

    salt: Salt
    share: Annotated[float, Field(ge=0.0, lt=1.0)]


class Audience(Question):
    """Whom the experiment is for; an empty list is everybody."""

    roles: Annotated[list[Role], Field(max_length=10)] = Field(default_factory=list)
    teams: _Ids = Field(default_factory=list)
    channels: _Ids = Field(default_factory=list)
    users: _Ids = Field(default_factory=list)


class Metric(Question):
    """A number by which variants are compared."""

    name: ExperimentName
    of: Annotated[str, AfterValidator(_measured)]
    """An event type, an action of feedback, a kind of activity, or `latency` or `degraded` of the answers."""
    source: Source | None = None
    """Where `of` is looked for, when its name is in several."""
    kind: Literal["rate", "mean", "ratio", "quantile"] = "rate"
    window_days: Annotated[float, Field(gt=0, le=90)] = 7.0
    cap: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """The most that one unit counts for."""
    winsor: Annotated[float, Field(ge=0.5, lt=1)] | None = None
    """Units above this quantile of all units count as if they were at it."""
    quantile: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Which one, where `kind` is quantile."""

    @model_validator(mode="after")
    def _can_be_counted(self) -> Self:
        if self.source is not None and self.of not in SOURCES[self.source]:
            raise PydanticCustomError(
                "unknown_event", "of {of} there is nothing in {source}; give one of {known}",
                {"of": self.of, "source": self.source, "known": ", ".join(SOURCES[self.source])},
            )  # fmt: skip
        if self.kind == "quantile" and self.of != "latency":
            raise PydanticCustomError(
                "no_quantile", "quantiles are told of latency only, not of {of}: of counts, take mean or rate",
                {"of": self.of},
            )  # fmt: skip
        if self.cap is not None and self.winsor is not None:
            raise PydanticCustomError("two_caps", "must have either a cap or a winsor share")
        return self

    @property
    def found_in(self) -> Source:
        """The table that it is counted from."""
        if self.source is not None:
            return self.source
        return next(source for source, names in SOURCES.items() if self.of in names)


class Guardrail(Metric):
    """A metric that must not get worse by more than a share of its value."""

    worse: Literal["lower", "higher"] = "lower"
    at_most: Annotated[float, Field(gt=0, le=1)] = 0.05


class ExperimentSpec(Question):
    """What is tried on whom, why, and by what it is judged. YAML files and bodies of requests have these fields."""

    name: ExperimentName
    hypothesis: Sentence
    subject: Subject
    unit: Unit = "user"
    variants: Annotated[list[TriedVariant], Field(min_length=2, max_length=10)]
    """Control first: it answers wherever another variant cannot."""
    metrics: Annotated[list[Metric], Field(min_length=1, max_length=20)]
    guardrails: Annotated[list[Guardrail], Field(max_length=20)] = Field(default_factory=list)
    smallest_effect: Annotated[float, Field(gt=0, le=10)]
    """The least relative change of the first metric that is worth finding."""
    planned_units: Annotated[int, Field(ge=100, le=1_000_000_000)] = 5_000
    """Where intervals are narrowest against others; `experiments power` says how many units it takes."""
    salt: Salt | None = None
    """The name of the experiment when left out."""
    layer: ExperimentName | None = None
    """Experiments of one layer have units of their own by slices; by default the subject is the layer."""
    slice: TriedSlice = Field(default_factory=TriedSlice)
    holdout: TriedHoldout | None = None
    audience: Audience = Field(default_factory=Audience)
    overrides: Annotated[dict[Id, ExperimentName], Field(max_length=MAX_LISTED)] = Field(default_factory=dict)
    """Unit of a tester → variant; they are not counted."""
    sticky: bool = False
    """Weights may be changed while it runs: who had an answer keeps the variant, and is not compared any more."""
    weighed_at: Time | None = None
    """Written by the service: when the weights of a running sticky one were changed last."""
    bandit: TriedBandit | None = None
    """Shares that follow what is learnt from the first metric; without it, shares are the weights."""
    learnt: Learnt | None = None
    """Written by the service while a bandit is running."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        names = [variant.name for variant in self.variants]
        _refuse_repeated("variants", names)
        _refuse_repeated("metrics", [metric.name for metric in (*self.metrics, *self.guardrails)])
        total = math.fsum(variant.weight for variant in self.variants)
        if abs(total - 1.0) > WEIGHTS_TOLERANCE:
            raise PydanticCustomError("weights_sum", "variants: weights sum to {total}, not 1", {"total": total})
        unknown = sorted(set(self.overrides.values()) - set(names))
        if unknown:
            raise PydanticCustomError(
                "unknown_variant", "overrides name {unknown}; variants are {names}",
                {"unknown": ", ".join(unknown), "names": ", ".join(names)},
            )  # fmt: skip
        self._check_tried()
        self._check_bandit(names)
        return self

    def _check_bandit(self, names: list[str]) -> None:
        if self.learnt is not None and (self.bandit is None or [arm.variant for arm in self.learnt.arms] != names):
            raise PydanticCustomError("wrong_arms", "learnt must be left out: the service writes it, of bandits alone")
        if self.bandit is not None and self.sticky:
            raise PydanticCustomError("two_ways", "a bandit cannot be sticky: its shares change with what it learns")
        first = self.metrics[0]
        if self.bandit is not None and (first.found_in != "feedback" or first.of not in REWARDS):
            raise PydanticCustomError(
                "no_reward", "a bandit learns from feedback on answers: let the first metric be one of {rewards}, of "
                "source feedback, not {of} of {source}",
                {"rewards": ", ".join(REWARDS), "of": first.of, "source": first.found_in},
            )  # fmt: skip

    def _check_tried(self) -> None:
        control = self.variants[0]
        if control.model or control.parameters:
            raise PydanticCustomError(
                "control_first", "the first variant is the control, which answers as ever: no model, no parameters"
            )
        known = PARAMETERS.get(self.subject, {})
        for variant in self.variants:
            for name, value in variant.parameters.items():
                low, high = known.get(name, (1.0, 0.0))
                if not low <= value <= high:
                    allowed = ", ".join(f"{one} ({least} to {most})" for one, (least, most) in known.items())
                    raise PydanticCustomError(
                        "bad_parameter", "parameter {name} of {subject} cannot be {value}; there are: {allowed}",
                        {"name": name, "subject": self.subject, "value": value, "allowed": allowed or "none"},
                    )  # fmt: skip

    @property
    def hashed_with(self) -> str:
        """The salt of the assignment."""
        return self.salt or self.name

    @property
    def layer_name(self) -> str:
        """The layer that it is in."""
        return self.layer or self.subject


class ExperimentState(StrEnum):
    """Where an experiment stands."""

    DRAFT = "draft"
    RUNNING = "running"
    STOPPED = "stopped"
    DECIDED = "decided"


class ExperimentDecision(Question):
    """What was decided of a stopped experiment: which variant goes on, and why."""

    variant: ExperimentName
    reason: Sentence


def _refuse_repeated(field: str, names: list[str]) -> None:
    repeated: Any = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise PydanticCustomError(
            "repeated_name", "{field} repeat the name {names}", {"field": field, "names": ", ".join(repeated)}
        )
