"""Rollouts steered: begun, shown, given up. What is wanted is one record; the world is made to follow it elsewhere."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from pydantic import ValidationError

from quikapp_ml.entities.events import problem_of
from quikapp_ml.entities.rollouts import Abort, RolloutSpec
from quikapp_ml.errors import Conflict, InvalidInput, NotFound
from quikapp_ml.experiments.rollout import ENDED, GATE, ROLLED_BACK
from quikapp_ml.serving.experiments import ExperimentDesk
from quikapp_ml.stores.registry.base import CHALLENGER, CHAMPION, ModelRegistry
from quikapp_ml.stores.state.rollouts import RolloutRecord, RolloutRecords, RolloutStep

ROLLOUT = "rollout:"
"""How those are called who draw up the experiments of rollouts."""


class Endpoints(Protocol):
    """Serving endpoints whose traffic is moved."""

    def champion_of(self, endpoint: str) -> tuple[str, int]:
        """The model and the version that have most of the traffic. Raises NotFound, InvalidInput."""


@dataclass(frozen=True)
class RolloutShown:
    """A rollout with where it stands and how it came there."""

    name: str
    spec: RolloutSpec
    model: str
    champion: int
    stage: str
    stage_since: datetime
    waits_for: str
    is_settled: bool
    created_by: str
    created_at: datetime
    steps: Sequence[RolloutStep]


@dataclass(frozen=True)
class RolloutList:
    """Rollouts by name."""

    rollouts: Sequence[RolloutShown]


class RolloutDesk:
    """Begins and ends rollouts. It reads stores and the registry: not for the event loop."""

    def __init__(
        self,
        records: RolloutRecords,
        experiments: ExperimentDesk,
        registry: ModelRegistry,
        clock: Callable[[], datetime],
        endpoints: Endpoints | None = None,
    ) -> None:
        self._records = records
        self._experiments = experiments
        self._registry = registry
        self._clock = clock
        self._endpoints = endpoints

    def start(self, spec: RolloutSpec, by: str) -> RolloutRecord:
        """Put the challenger at the gate. Raises AlreadyExists, Conflict, InvalidInput, NotFound."""
        model, champion = self._champion_of(spec)
        self._check_version(model, champion, spec.version)
        for other in self._records.all():
            if other.stage not in ENDED and (other.model, read_rollout(other.spec).endpoint) == (model, spec.endpoint):
                raise Conflict(
                    f"rollout {other.name!r} of {model} is at stage {other.stage}: one model has one rollout at a "
                    f"time; wait for it, or `quikapp-ml rollouts abort {other.name}`"
                )
        taken = {one.name for one in self._experiments.all()} & {step_name(spec.name, share) for share in spec.shares}
        if taken:
            raise Conflict(f"there are experiments {', '.join(sorted(taken))} already; give the rollout another name")
        now, before = self._clock(), self._registry.by_alias(model, CHALLENGER)
        record = RolloutRecord(
            spec.name, spec.model_dump(mode="json"), model, champion, GATE, now, by, now,
            challenger_before=before.number if before and before.number != spec.version else None,
            steps=(RolloutStep(now, "", GATE, by, spec.reason),),
        )  # fmt: skip
        self._records.create(record)
        return record

    def get(self, name: str) -> RolloutRecord:
        """One rollout. Raises NotFound."""
        return self._records.get(name)

    def all(self) -> list[RolloutRecord]:
        """All of them, by name."""
        return self._records.all()

    def abort(self, name: str, abort: Abort, by: str) -> RolloutRecord:
        """Let everybody have the champion again. Raises Conflict when it has ended, NotFound."""
        record = self._records.get(name)
        if record.stage in ENDED:
            raise Conflict(f"rollout {name!r} has ended: it is {record.stage}; begin another one")
        return self.step(record, ROLLED_BACK, by, f"given up: {abort.reason}")

    def step(
        self, record: RolloutRecord, stage: str, by: str, why: str, numbers: Mapping[str, Any] | None = None
    ) -> RolloutRecord:
        """Take it to another stage, with the step that says why. Raises Conflict when somebody else was faster."""
        now = self._clock()
        step = RolloutStep(now, record.stage, stage, by, why, numbers or {})
        moved = replace(record, stage=stage, stage_since=now, steps=(*record.steps, step), waits_for="")
        return self._records.replace(moved)

    def note(self, record: RolloutRecord, **changes: Any) -> RolloutRecord:
        """Keep what is known of it, where that is new."""
        noted = replace(record, **changes)
        return record if noted == record else self._records.replace(noted)

    def _champion_of(self, spec: RolloutSpec) -> tuple[str, int]:
        if spec.model is None:
            if self._endpoints is None or spec.endpoint is None:
                raise InvalidInput("rollouts of endpoints are begun over HTTP: POST /api/ml/rollouts")
            return self._endpoints.champion_of(spec.endpoint)
        holder = self._registry.by_alias(spec.model, CHAMPION) or self._registry.by_alias(spec.model, CHALLENGER)
        if holder is None:
            raise NotFound(
                f"no version of {spec.model!r} answers yet, so there is nothing to compare with: "
                "`quikapp-ml models promote` lets one answer"
            )
        return spec.model, holder.number

    def _check_version(self, model: str, champion: int, version: int) -> None:
        numbers = sorted(one.number for one in self._registry.versions(model))
        if version not in numbers:
            raise NotFound(f"{model!r} has no version {version}; it has {', '.join(map(str, numbers)) or 'none'}")
        if version == champion:
            raise InvalidInput(f"version {version} of {model!r} answers everybody already; give another version")


def step_name(rollout: str, share: int | str) -> str:
    """The experiment of one step."""
    return f"{rollout}-{share}"


def made_by(rollout: str) -> str:
    """Who draws up, starts and stops the experiments of a rollout."""
    return f"{ROLLOUT}{rollout}"


def read_rollout(given: Any) -> RolloutSpec:
    """A document, of a file or a request, as a rollout. Raises InvalidInput naming each field."""
    try:
        return RolloutSpec.model_validate(given)
    except ValidationError as error:
        problems = tuple(problem_of(detail) for detail in error.errors(include_url=False))
        told = "; ".join(f"{each.path or 'rollout'}: {each.message}" for each in problems)
        raise InvalidInput(told, problems) from None


def shown(record: RolloutRecord) -> RolloutShown:
    """As it is told."""
    told: dict[str, Any] = {name: getattr(record, name) for name in RolloutShown.__dataclass_fields__}
    return RolloutShown(**told)
