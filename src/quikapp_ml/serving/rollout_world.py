"""Makes the world follow the record of a rollout: experiments, aliases, traffic, rows.

Everything here may be done again: after a crash in the middle, the next look ends what was begun.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import pyarrow as pa

from quikapp_ml.entities.experiments import ExperimentSpec, ExperimentState, Guardrail
from quikapp_ml.entities.rollouts import RolloutSpec
from quikapp_ml.experiments.rollout import (
    ENDED,
    ERRORS,
    GATE,
    LATENCY,
    PROMOTED,
    ROLLED_BACK,
    planned_units,
    share_of,
    stages_of,
)
from quikapp_ml.serving.experiments import ExperimentDesk
from quikapp_ml.serving.rollouts import made_by, read_rollout, step_name
from quikapp_ml.stores.lake.base import Lake, Transaction
from quikapp_ml.stores.lake.rollout_steps import ROLLOUT_STEPS
from quikapp_ml.stores.registry.base import CHALLENGER, CHAMPION
from quikapp_ml.stores.state.rollouts import RolloutRecord

CONTROL, TREATED = "champion", "challenger"


class Aliases(Protocol):
    """Aliases of models, whose moves are recorded."""

    def held(self, model: str, alias: str) -> int | None:
        """Number of the version that the alias points to."""

    def move(self, model: str, alias: str, to: int, rollout: str, why: str, evidence: Mapping[str, object]) -> None:
        """Let the alias point to a version, unless it does, with a row that says why."""

    def remove(self, model: str, alias: str) -> None:
        """Take the alias away."""


class Traffic(Protocol):
    """Serving endpoints whose traffic is moved."""

    def move(self, endpoint: str, champion: int, challenger: int, percent: int, by: str) -> bool:
        """Let the challenger have so many percent, and say whether it has."""


@dataclass(frozen=True)
class RolloutWorld:
    """What follows. `followed` is called when answers change, so that the next one knows of it.

    Without `traffic`, rollouts of endpoints are left to the service.
    """

    experiments: ExperimentDesk
    aliases: Aliases
    lake: Lake
    followed: Callable[[], None] = lambda: None
    traffic: Traffic | None = None

    def follow(self, record: RolloutRecord) -> bool:
        """Make it so, and say whether it is. Raises what the stores raise, and Conflict while something stands by."""
        self._write(record)
        spec = read_rollout(record.spec)
        if spec.endpoint is not None:
            return self._move_traffic(record, spec, spec.endpoint)
        self._move_aliases(record, spec)
        self._run_experiments(record, spec)
        return True

    def stopped_by(self, record: RolloutRecord) -> str:
        """Who else stopped the experiment of the stage; empty when it runs, or has none."""
        name = step_name(record.name, record.stage)
        if not record.stage.isdecimal() or read_rollout(record.spec).endpoint is not None:
            return ""
        found = self.experiments.get(name)
        return "" if found.state == ExperimentState.RUNNING else self.experiments.history(name)[-1].by

    def _write(self, record: RolloutRecord) -> None:
        """The steps of which the table has no row yet."""
        self.lake.ensure(ROLLOUT_STEPS)
        writer, challenger = f"rollout/{record.name}", read_rollout(record.spec).version
        written = self.lake.transaction_number(ROLLOUT_STEPS.name, writer) or 0
        for number, step in enumerate(record.steps, start=1):
            if number <= written:
                continue
            row = {
                "rollout": record.name, "step": number, "at": step.at, "model": record.model,
                "champion": record.champion, "challenger": challenger, "from_stage": step.before or None,
                "to_stage": step.after, "who": step.by, "why": step.why, "evidence": _json(step.numbers),
            }  # fmt: skip
            rows = pa.Table.from_pylist([row], schema=ROLLOUT_STEPS.columns)
            self.lake.append(ROLLOUT_STEPS.name, rows, Transaction(writer, number))

    def _move_aliases(self, record: RolloutRecord, spec: RolloutSpec) -> None:
        model, version, last = record.model, spec.version, record.steps[-1]
        has_champion = self.aliases.held(model, CHAMPION) is not None
        why = f"rollout {record.name}: {last.why}"
        if record.stage == PROMOTED:
            self.aliases.move(model, CHAMPION, version, record.name, why, last.numbers)
            if self.aliases.held(model, CHALLENGER) == version:
                self.aliases.remove(model, CHALLENGER)
            self.followed()
        elif record.stage == ROLLED_BACK and has_champion and self.aliases.held(model, CHALLENGER) == version:
            if record.challenger_before is None:
                self.aliases.remove(model, CHALLENGER)
            else:
                self.aliases.move(model, CHALLENGER, record.challenger_before, record.name, why, last.numbers)
        elif record.stage == GATE and has_champion:
            self.aliases.move(model, CHALLENGER, version, record.name, why, {})

    def _run_experiments(self, record: RolloutRecord, spec: RolloutSpec) -> None:
        """The experiment of the stage is begun when all others are stopped, for they want the same units."""
        by, changed = made_by(record.name), False
        wanted = step_name(record.name, record.stage) if share_of(record.stage) and record.stage not in ENDED else ""
        known = {one.name: one for one in self.experiments.all()}
        for share in spec.shares:
            one = known.get(step_name(record.name, share))
            if one is not None and one.name != wanted and one.state == ExperimentState.RUNNING:
                self.experiments.stop(one.name, by)
                changed = True
        if wanted and (wanted not in known or known[wanted].state == ExperimentState.DRAFT):
            if wanted not in known:
                self.experiments.create(step_experiment(spec, record.stage), by)
            self.experiments.start(wanted, by)
            changed = True
        if changed:
            self.followed()

    def _move_traffic(self, record: RolloutRecord, spec: RolloutSpec, endpoint: str) -> bool:
        if self.traffic is None:
            return False
        percent = round(100 * share_of(record.stage))
        return self.traffic.move(endpoint, record.champion, spec.version, percent, made_by(record.name))


def step_experiment(spec: RolloutSpec, stage: str) -> ExperimentSpec:
    """The experiment of one step. The salt is that of the rollout, so who has the challenger keeps it."""
    share, following = share_of(stage), share_of(next_stage(spec, stage))
    guardrails = [one.model_dump() for one in (*spec.judged_by, *_own_guardrails(spec))]
    variants: list[dict[str, Any]] = [
        {"name": CONTROL, "weight": 1 - share},
        {"name": TREATED, "weight": share, "model": {"version": spec.version}},
    ]
    return ExperimentSpec.model_validate(
        {
            "name": step_name(spec.name, stage),
            "hypothesis": f"Version {spec.version} does no harm, step {stage} % of rollout {spec.name}: {spec.reason}"[
                :1000
            ],
            "subject": spec.subject,
            "unit": spec.unit,
            "variants": variants,
            "metrics": [spec.told_by.model_dump()],
            "guardrails": guardrails,
            "smallest_effect": min([one.at_most for one in spec.judged_by], default=0.05),
            "planned_units": planned_units(spec.planned_units, share, following),
            "salt": spec.name,
        }
    )


def next_stage(spec: RolloutSpec, stage: str) -> str:
    """The stage after this one, when all goes well."""
    stages = stages_of(spec.shares)
    return stages[stages.index(stage) + 1]


def _own_guardrails(spec: RolloutSpec) -> list[Guardrail]:
    slower = min(spec.steps.at_most_slower, 1.0)
    return [
        Guardrail(name=LATENCY, of="latency", kind="quantile", worse="higher", at_most=slower),
        Guardrail(name=ERRORS, of="degraded", kind="ratio", worse="higher"),
    ]


def _json(numbers: Mapping[str, Any]) -> str:
    return orjson.dumps(dict(numbers), option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY).decode()
