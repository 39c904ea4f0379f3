"""What is known of a challenger at its stage: by the ledger, in the shadow, by the experiment of its step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import pyarrow.compute as pc

from quikapp_ml.entities.experiments import ExperimentSpec
from quikapp_ml.entities.rollouts import RolloutSpec
from quikapp_ml.errors import Unavailable
from quikapp_ml.experiments.off_policy_gate import Shown, gate_evidence
from quikapp_ml.experiments.results import ExperimentResults
from quikapp_ml.experiments.rollout import GATE, SHADOW, Evidence, Limits, share_of, step_evidence
from quikapp_ml.experiments.shadowing import ShadowLimits, Tally, shadow_evidence
from quikapp_ml.serving.experiments import ExperimentDesk, spec_of
from quikapp_ml.serving.ledger_archive import Recorded
from quikapp_ml.serving.replay_kinds import REMAKES
from quikapp_ml.serving.replay_models import Pinned, PinnedModels
from quikapp_ml.serving.rollout_world import next_stage
from quikapp_ml.serving.rollouts import read_rollout, step_name
from quikapp_ml.serving.shadow import ShadowHost
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.tables import DECISIONS, FEEDBACK
from quikapp_ml.stores.registry.base import CHALLENGER, CHAMPION, ModelRegistry
from quikapp_ml.stores.state.rollouts import RolloutRecord

HOUR = 3600.0
CLICK = "click"
LISTS = {"rank": "items", "recommendations": "recommendations"}
"""Subjects whose answers are an order of items, and where it is in the answer."""


class ReadsTraffic(Protocol):
    """What endpoints count of the versions that they serve."""

    def evidence(self, record: RolloutRecord, limits: Limits, hours: float) -> tuple[Evidence, Mapping[str, Any]]:
        """What the entities of an endpoint have done since the stage began, and the counts to be kept."""


@dataclass(frozen=True)
class RolloutEvidence:
    """Looks at one rollout. It reads tables and asks models: for the thread of the guard."""

    lake: Lake
    registry: ModelRegistry
    models: PinnedModels
    shadows: ShadowHost
    experiments: ExperimentDesk
    read: Callable[[ExperimentSpec], ExperimentResults]
    clock: Callable[[], datetime]
    traffic: ReadsTraffic | None = None

    def of(self, record: RolloutRecord) -> tuple[Evidence, Mapping[str, Any]]:
        """What is known, and what of it has to be kept in the record."""
        spec = read_rollout(record.spec)
        if spec.endpoint is None and (moved := self._champion_moved(record)):
            return Evidence(moved), {}
        if record.stage == GATE:
            return self._at_gate(spec), {}
        if record.stage == SHADOW:
            return self._in_shadow(record, spec)
        hours = (self.clock() - record.stage_since).total_seconds() / HOUR
        rules = spec.steps
        limits = Limits(rules.least_units, rules.least_hours, rules.at_most_errors, rules.at_most_slower)
        if spec.endpoint is not None:
            if self.traffic is None:
                return Evidence(unclear="endpoints are moved by the service alone"), {}
            return self.traffic.evidence(record, limits, hours)
        found = self.read(spec_of(self.experiments.get(step_name(record.name, record.stage))))
        following = share_of(next_stage(spec, record.stage))
        return step_evidence(found, hours, share_of(record.stage), following, limits), {}

    def _champion_moved(self, record: RolloutRecord) -> str:
        holder = self.registry.by_alias(record.model, CHAMPION) or self.registry.by_alias(record.model, CHALLENGER)
        if holder is None or holder.number == record.champion:
            return ""
        return (
            f"version {holder.number} answers now, and it was compared with version {record.champion}: "
            "begin a rollout against that"
        )

    def _at_gate(self, spec: RolloutSpec) -> Evidence:
        if spec.endpoint is not None or spec.subject not in LISTS:
            return Evidence(told="it answers with no list, of which clicks of the past could say something")
        if spec.gate.least_effective == 0:
            return Evidence(told="no gate was asked for")
        try:
            pinned = self.models.by_number(spec.model or "", spec.version)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 a damaged version can fail in any way; it is the reason
            return Evidence(f"version {spec.version} cannot be loaded: {error!r}")
        rows = self._clicked(spec)
        try:
            found = shown_by(rows, pinned, spec.subject)
        except Exception as error:  # noqa: BLE001 as above
            return Evidence(f"version {spec.version} fails at questions of the past: {error!r}")
        return gate_evidence(found, spec.gate.least_effective, spec.gate.at_most)

    def _clicked(self, spec: RolloutSpec) -> list[tuple[Recorded, set[str]]]:
        """The newest answers on which somebody clicked, and what they clicked on."""
        if not (self.lake.exists(FEEDBACK.name) and self.lake.exists(DECISIONS.name)):
            return []
        feedback = self.lake.read(FEEDBACK.name, ["decision_id", "item_id", "action", "received_at"])
        clicks = feedback.filter(pc.equal(feedback["action"], CLICK)).sort_by([("received_at", "descending")])
        clicked: dict[str, set[str]] = {}
        for decision_id, item_id in zip(clicks["decision_id"].to_pylist(), clicks["item_id"].to_pylist(), strict=True):
            if decision_id in clicked or len(clicked) < spec.gate.decisions:
                clicked.setdefault(decision_id, set()).add(item_id)
        rows = map(Recorded.from_row, self.lake.find(DECISIONS.name, "decision_id", list(clicked)).to_pylist())
        return [(row, clicked[row.decision_id]) for row in rows if row.kind == spec.subject and row.is_whole]

    def _in_shadow(self, record: RolloutRecord, spec: RolloutSpec) -> tuple[Evidence, dict[str, Any]]:
        if spec.endpoint is not None:
            return Evidence(told="an endpoint has no shadow"), {}
        rules = spec.shadow
        failure = self.shadows.failure(record.model)
        if failure:
            return Evidence(failure), {}
        if rules.least_answers == 0:
            return Evidence(told="no shadow was asked for"), {}
        tally = Tally.of(record.tally) + self.shadows.taken(record.model)
        limits = ShadowLimits(
            rules.least_answers, rules.at_most_errors, rules.at_most_slower, rules.least_agreement
        )  # fmt: skip
        return shadow_evidence(tally, limits), {"tally": asdict(tally)}


def shown_by(rows: Sequence[tuple[Recorded, set[str]]], pinned: Pinned, subject: str) -> Shown | None:
    """Where the items of past answers stood, where the challenger would put them, and which were clicked."""
    place = LISTS[subject]
    columns: list[tuple[int, int, int, bool]] = []
    for number, (row, clicked) in enumerate(rows):
        if row.is_erased or row.names_erased:
            continue
        answer = REMAKES[subject](row, pinned.model, pinned.ref)
        ranks = {_key(one.item_id, one): one.rank for one in getattr(answer, place)}
        columns += [
            (number, item["rank"], ranks.get((item["item_id"], item.get("item_type")), 0), item["item_id"] in clicked)
            for item in row.columns["answer"][place]
        ]
    if not columns:
        return None
    table = np.array(columns, dtype=np.int64)
    return Shown(table[:, 0], table[:, 1], table[:, 2], table[:, 3].astype(bool))


def _key(item_id: str, item: Any) -> tuple[str, str | None]:
    return item_id, getattr(item, "item_type", None)
