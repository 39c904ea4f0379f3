"""Experiments steered: drawn up, started, stopped, decided. What is running is kept apart from what is changed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from quikapp_ml.entities.bandits import Learnt
from quikapp_ml.entities.events import problem_of
from quikapp_ml.entities.experiments import SUBJECT_MODELS, ExperimentDecision, ExperimentSpec, ExperimentState
from quikapp_ml.errors import Conflict, InvalidInput, NotFound, Problem
from quikapp_ml.experiments.adaptive import AdaptiveSplit
from quikapp_ml.experiments.assignment import Holdout, Slice, Split, Variant, refuse_overlaps
from quikapp_ml.stores.registry.base import ModelRegistry
from quikapp_ml.stores.state.experiments import ExperimentChange, ExperimentRecord, ExperimentRecords

CHANGEABLE = ("overrides", "hypothesis")
"""What may be changed while an experiment is running: nothing that moves a unit, or what is counted."""

WRITTEN = ("learnt", "weighed_at")
"""What is never given, and stays as it is when another text holds."""

LEARNER = "bandit"
"""Who changes what a bandit has learnt."""

_NEXT_STEP = {
    ExperimentState.DRAFT: "start it",
    ExperimentState.RUNNING: "stop it",
    ExperimentState.STOPPED: "decide it, or draw up another one",
    ExperimentState.DECIDED: "draw up another one",
}


@dataclass(frozen=True)
class ExperimentShown:
    """An experiment with where it stands."""

    name: str
    state: ExperimentState
    spec: ExperimentSpec
    created_by: str
    created_at: datetime
    updated_at: datetime
    revision: int
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    decided_at: datetime | None = None
    decision: ExperimentDecision | None = None


@dataclass(frozen=True)
class ExperimentList:
    """Experiments by name."""

    experiments: Sequence[ExperimentShown]


@dataclass(frozen=True)
class ExperimentHistory:
    """Changes of one experiment, the oldest first."""

    name: str
    changes: Sequence[ExperimentChange]


class ExperimentDesk:
    """Makes and changes experiments. It reads stores and the registry: not for the event loop."""

    def __init__(self, records: ExperimentRecords, registry: ModelRegistry, clock: Callable[[], datetime]) -> None:
        self._records = records
        self._registry = registry
        self._clock = clock

    def create(self, spec: ExperimentSpec, by: str) -> ExperimentRecord:
        """Keep a draft. Raises AlreadyExists, and InvalidInput when its units cannot be divided so."""
        split_of(spec)
        for field in WRITTEN:
            if getattr(spec, field) is not None:
                message = f"{field} is written by the service while the experiment is running; leave it out"
                raise InvalidInput(message, (Problem(field, "written_by_service", message),))
        now = self._clock()
        record = ExperimentRecord(spec.name, document_of(spec), ExperimentState.DRAFT, by, now, now)
        self._records.create(record, by)
        return record

    def get(self, name: str) -> ExperimentRecord:
        """One experiment. Raises NotFound."""
        return self._records.get(name)

    def all(self) -> list[ExperimentRecord]:
        """All of them, by name."""
        return self._records.all()

    def history(self, name: str) -> list[ExperimentChange]:
        """Every change of one, the oldest first. Raises NotFound."""
        self._records.get(name)
        return self._records.changes(name)

    def change(self, name: str, spec: ExperimentSpec, by: str) -> ExperimentRecord:
        """Let another text hold: of a draft all of it, of a running one only CHANGEABLE, and weights of a sticky one.

        Raises Conflict, NotFound.
        """
        record = self._records.get(name)
        if spec.name != name:
            raise InvalidInput(f"the text names {spec.name!r}, the experiment is {name!r}; a name cannot be changed")
        split_of(spec)
        before = spec_of(record)
        spec = spec.model_copy(update={field: getattr(before, field) for field in WRITTEN})
        fixed = [field for field in _changed(before, spec) if field not in CHANGEABLE]
        if record.state == ExperimentState.RUNNING and _weighs_anew(before, spec):
            fixed.remove("variants")
            spec = spec.model_copy(update={"weighed_at": self._clock()})
        if record.state == ExperimentState.RUNNING and fixed:
            raise Conflict(
                f"experiment {name!r} is running: {', '.join(fixed)} cannot be changed, for units would move between "
                f"variants, or numbers mean something else; {', '.join(CHANGEABLE)} can, and weights of a sticky one. "
                "Stop it, and draw up another"
            )
        if record.state not in (ExperimentState.DRAFT, ExperimentState.RUNNING):
            raise _wrong_state(record, "be changed")
        return self._moved(record, "change", by, spec=document_of(spec))

    def start(self, name: str, by: str) -> ExperimentRecord:
        """Let units into a draft. Raises Conflict when another running one wants them, NotFound without its models."""
        record = self._records.get(name)
        if record.state != ExperimentState.DRAFT:
            raise _wrong_state(record, "be started")
        spec = spec_of(record)
        self._check_models(spec)
        running = [spec_of(each) for each in self._records.all() if each.state == ExperimentState.RUNNING]
        _refuse_contradictions(spec, running)
        now = self._clock()
        return self._moved(record, "start", by, state=ExperimentState.RUNNING, started_at=now)

    def stop(self, name: str, by: str) -> ExperimentRecord:
        """Answer everybody as without it. Raises Conflict, NotFound."""
        record = self._records.get(name)
        if record.state != ExperimentState.RUNNING:
            raise _wrong_state(record, "be stopped")
        return self._moved(record, "stop", by, state=ExperimentState.STOPPED, stopped_at=self._clock())

    def decide(self, name: str, decision: ExperimentDecision, by: str) -> ExperimentRecord:
        """Note which variant goes on; moving the alias is another step. Raises Conflict, InvalidInput, NotFound."""
        record = self._records.get(name)
        if record.state != ExperimentState.STOPPED:
            raise _wrong_state(record, "be decided")
        names = [variant.name for variant in spec_of(record).variants]
        if decision.variant not in names:
            message = f"variant is {decision.variant!r}; give one of {', '.join(names)}"
            raise InvalidInput(message, (Problem("variant", "unknown_variant", message, decision.variant),))
        decided = {"decision": decision.model_dump(), "decided_at": self._clock()}
        return self._moved(record, "decide", by, state=ExperimentState.DECIDED, **decided)

    def learn(self, name: str, learnt: Learnt) -> ExperimentRecord:
        """Let the units of a running bandit be divided by what was learnt. Raises Conflict, NotFound."""
        record = self._records.get(name)
        if record.state != ExperimentState.RUNNING:
            raise _wrong_state(record, "learn")
        document = {**record.spec, "learnt": learnt.model_dump(mode="json")}
        return self._moved(record, "learn", LEARNER, spec=document)

    def _moved(self, record: ExperimentRecord, action: str, by: str, **changes: Any) -> ExperimentRecord:
        return self._records.replace(replace(record, updated_at=self._clock(), **changes), action, by)

    def _check_models(self, spec: ExperimentSpec) -> None:
        name = SUBJECT_MODELS[spec.subject]
        numbers = {version.number for version in self._registry.versions(name)}
        for variant in spec.variants:
            tried = variant.model
            if tried is None:
                continue
            if tried.version is not None and tried.version not in numbers:
                raise NotFound(
                    f"variant {variant.name!r} names version {tried.version} of {name!r}; the registry has "
                    f"{', '.join(map(str, sorted(numbers))) or 'none'}"
                )
            if tried.alias is not None and self._registry.by_alias(name, tried.alias) is None:
                raise NotFound(f"variant {variant.name!r} names alias {tried.alias!r}, which {name!r} does not have")


def shown(record: ExperimentRecord) -> ExperimentShown:
    """As it is told."""
    values = {**vars(record), "state": ExperimentState(record.state), "spec": record.spec}
    return ExperimentShown(**{**values, "decision": record.decision or None})


def spec_of(record: ExperimentRecord) -> ExperimentSpec:
    """The text of an experiment as it is kept. Raises InvalidInput when this version does not understand it."""
    return read_spec(record.spec)


def read_spec(given: Any) -> ExperimentSpec:
    """A document, of a file or a request, as an experiment. Raises InvalidInput naming each field."""
    try:
        return ExperimentSpec.model_validate(given)
    except ValidationError as error:
        problems = tuple(problem_of(detail) for detail in error.errors(include_url=False))
        told = "; ".join(f"{each.path or 'experiment'}: {each.message}" for each in problems)
        raise InvalidInput(told, problems) from None


def document_of(spec: ExperimentSpec) -> dict[str, Any]:
    """The text as it is kept."""
    return spec.model_dump(mode="json")


def split_of(spec: ExperimentSpec) -> Split:
    """How it divides its units. Raises InvalidInput."""
    return Split(
        salt=spec.hashed_with,
        variants=[Variant(variant.name, variant.weight) for variant in spec.variants],
        slice=_slice_of(spec),
        holdout=None if spec.holdout is None else Holdout(spec.holdout.salt, spec.holdout.share),
        overrides=spec.overrides,
    )


def division_of(spec: ExperimentSpec) -> Split | AdaptiveSplit:
    """How its units are divided now: by what was learnt, where it is a bandit. Raises InvalidInput."""
    split = split_of(spec)
    if spec.bandit is None:
        return split
    even = 1 / len(spec.variants)
    shares = {variant.name: even for variant in spec.variants}
    if spec.learnt is not None:
        shares = {arm.variant: arm.propensity for arm in spec.learnt.arms}
    return AdaptiveSplit(split, spec.bandit.even_share, shares)


def _changed(before: ExperimentSpec, after: ExperimentSpec) -> list[str]:
    return [field for field in type(after).model_fields if getattr(before, field) != getattr(after, field)]


def _weighs_anew(before: ExperimentSpec, after: ExperimentSpec) -> bool:
    """Whether weights of a sticky one are all that changes of its variants."""
    unweighed = [[variant.model_copy(update={"weight": 0.0}) for variant in spec.variants] for spec in (before, after)]
    return before.sticky and before.variants != after.variants and unweighed[0] == unweighed[1]


def _slice_of(spec: ExperimentSpec) -> Slice:
    return Slice(f"layer-{spec.layer_name}", spec.slice.start, spec.slice.end)


def _refuse_contradictions(spec: ExperimentSpec, running: list[ExperimentSpec]) -> None:
    """An answer has one experiment: those on one subject share a layer, whose slices keep their units apart."""
    for other in running:
        if other.subject == spec.subject and other.layer_name != spec.layer_name:
            raise Conflict(
                f"{other.name!r} is running on {spec.subject} too, in another layer: let {spec.name!r} have layer "
                f"{other.layer_name!r} and a slice that is free, or stop {other.name!r}"
            )
        if other.layer_name == spec.layer_name and other.unit != spec.unit:
            raise Conflict(
                f"{other.name!r} is running in layer {other.layer_name!r} by {other.unit}, {spec.name!r} divides by "
                f"{spec.unit}: one layer has one kind of unit; take another layer, or stop {other.name!r}"
            )
    slices: Mapping[str, Slice] = {each.name: _slice_of(each) for each in (*running, spec)}
    try:
        refuse_overlaps(slices)
    except InvalidInput as error:
        raise Conflict(f"{error}; each of two experiments on one layer needs a slice of its own") from None


def _wrong_state(record: ExperimentRecord, what: str) -> Conflict:
    return Conflict(
        f"experiment {record.name!r} is {record.state}: it cannot {what}; {_NEXT_STEP[ExperimentState(record.state)]}"
    )
