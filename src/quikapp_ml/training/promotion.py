"""The gate between a trained version and the alias that makes it answer."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from quikapp_ml.stores.lake.base import Lake, Transaction
from quikapp_ml.stores.lake.tables import PROMOTIONS
from quikapp_ml.stores.registry.base import CHALLENGER, CHAMPION, ModelRegistry, ModelVersion
from quikapp_ml.training import quality_records
from quikapp_ml.training.alias_moves import Move, move_alias
from quikapp_ml.training.recipe import DIFFERENCE
from quikapp_ml.training.starters import STARTER_TAG
from quikapp_ml.training.trainer import CANDIDATE, METRIC_TAG, PREVIOUS_PREFIX, PREVIOUS_TAG, UNREGISTERED

logger = logging.getLogger(__name__)

GATE = "model_deployment"
"""Who moves an alias when the gate does: the task."""

TOLERATED_PART_OF_INTERVAL = 0.5
TOLERATED_AT_MOST = 0.05


@dataclass(frozen=True)
class Decision:
    """What the gate decided about a candidate, and why."""

    candidate: ModelVersion
    alias: str
    """The alias that it moves to, or would have."""
    holder: ModelVersion | None
    """The version that has held the alias."""
    promoted: bool
    reason: str


def decide(candidate: ModelVersion, alias: str, holder: ModelVersion | None, beforehand: str = "") -> Decision:
    """Judge a candidate for an alias by what was measured at its training: it, and the holder, on one held-out part.

    It must beat every baseline, and must not be worse than the holder by more than a tolerance: half the half-width of
    the holder's 95 % interval, at most 0.05. Both are measured on the same examples, so what they get wrong is largely
    the same: with a correlation ρ between them, the 95 % interval of the *difference* is √(2(1-ρ)) as wide as that of
    one of them, half as wide at ρ = 0.875, and refits of one model are closer than that. Within the tolerance the
    two cannot be told apart, and the candidate, which knows the newer people and channels, goes first.

    Where the recipe has compared the two example by example, it must not be clearly worse in all or in any slice: no
    interval of a difference lies below zero.

    `beforehand` is what speaks against it whatever was measured: the tables that it learnt from failed their gate.
    """
    objection = beforehand or _objection(candidate, holder)
    return Decision(candidate, alias, holder, not objection, objection or _praise(candidate, holder))


def ask_gate(candidate: ModelVersion, alias: str, registry: ModelRegistry, lake: Lake) -> Decision:
    """What the gate says about a version for an alias, as things are now; nothing moves."""
    holder = registry.by_alias(candidate.name, alias)
    return decide(candidate, alias, holder, quality_records.objection(lake, candidate.table_versions))


def promote(name: str, registry: ModelRegistry, lake: Lake, now: datetime) -> Decision | None:
    """Decide about the model's candidate, record the decision as a row, and move the alias if it passed.

    None when there is no candidate. Interrupted at any point and run again, it ends the same, with one row.
    """
    candidate = registry.by_alias(name, CANDIDATE)
    if candidate is None:
        return None
    alias, holder = _alias_to_move(name, registry)
    if holder is not None and holder.number == candidate.number:  # interrupted after the move
        registry.remove_alias(name, CANDIDATE)
        return None
    decision = ask_gate(candidate, alias, registry, lake)
    _record(decision, lake, now)
    if decision.promoted:
        move_alias(registry, lake, _move(decision, now), Transaction(f"promotion/{name}", candidate.number))
    registry.remove_alias(name, CANDIDATE)
    verdict = f"is promoted to {decision.alias}" if decision.promoted else "is not promoted"
    logger.info("%s version %d %s: %s", name, candidate.number, verdict, decision.reason)
    return decision


def _move(decision: Decision, now: datetime) -> Move:
    candidate, holder = decision.candidate, decision.holder
    return Move(
        moved_at=now,
        who=GATE,
        model=candidate.name,
        alias=decision.alias,
        from_version=holder.number if holder else None,
        to_version=candidate.number,
        why=decision.reason,
        evidence={"metrics": dict(candidate.metrics), "table_versions": dict(candidate.table_versions)},
    )


def _alias_to_move(name: str, registry: ModelRegistry) -> tuple[str, ModelVersion | None]:
    """The alias by which the model answers now, and its holder: what is in staging stays in staging."""
    for alias in (CHAMPION, CHALLENGER):
        if holder := registry.by_alias(name, alias):
            return alias, holder
    return CHAMPION, None


def _objection(candidate: ModelVersion, holder: ModelVersion | None) -> str:
    """Why the candidate may not go forward; empty when it may."""
    metric, metrics = candidate.tags.get(METRIC_TAG, ""), candidate.metrics
    if not metric:
        return "it was not measured on a held-out part when it was made: without evidence nothing is promoted"
    needed = [metric, *(f"{PREVIOUS_PREFIX}{metric}{end}" for end in ("", "_low", "_high"))]
    unknown = [name for name in needed if not math.isfinite(metrics.get(name, math.nan))]
    if unknown:
        return f"there is no number for {', '.join(unknown)}: without evidence nothing is promoted"
    if holder is not None and not _was_measured_beside(candidate, holder):
        beside = candidate.tags.get(PREVIOUS_TAG)
        return f"it was measured beside version {beside}, but version {holder.number} holds the alias now: train again"
    value, baseline = metrics[metric], _best_baseline(metrics)
    if baseline and value <= baseline[1]:
        return f"{metric} {value:.4f} does not beat {baseline[0]} ({baseline[1]:.4f})"
    least = metrics[f"{PREVIOUS_PREFIX}{metric}"] - _tolerance(metric, metrics)
    if value < least:
        return f"{metric} {value:.4f} is worse than the version before: {_before(metric, metrics)}"
    return _clearly_worse(metrics)


def _clearly_worse(metrics: Mapping[str, float]) -> str:
    """In what the whole interval of a difference, of all or of one slice, lies below zero."""
    highs = {name: high for name, high in metrics.items() if name.startswith(DIFFERENCE) and name.endswith("_high")}
    worse = [
        f"{name} {metrics[name]:.4f} ({metrics[f'{name}_low']:.4f} to {high:.4f})"
        for name, high in ((name.removesuffix("_high"), high) for name, high in highs.items())
        if high < 0
    ]
    return f"it is clearly worse than the version before: {', '.join(worse)}" if worse else ""


def _was_measured_beside(candidate: ModelVersion, holder: ModelVersion) -> bool:
    """Whether the holder is the version before, or the same starter, registered since."""
    number = candidate.tags.get(PREVIOUS_TAG, "")
    return number == str(holder.number) or (number == UNREGISTERED and holder.tags.get(STARTER_TAG) == "true")


def _praise(candidate: ModelVersion, holder: ModelVersion | None) -> str:
    metric, metrics = candidate.tags[METRIC_TAG], candidate.metrics
    baseline = _best_baseline(metrics)
    above = f", above {baseline[0]} ({baseline[1]:.4f})" if baseline else ""
    beside = "" if holder else "; no version held an alias"
    return f"{metric} {metrics[metric]:.4f} against {_before(metric, metrics)}{above}{beside}"


def _before(metric: str, metrics: Mapping[str, float]) -> str:
    return f"{metrics[f'{PREVIOUS_PREFIX}{metric}']:.4f} (tolerance {_tolerance(metric, metrics):.4f})"


def _tolerance(metric: str, metrics: Mapping[str, float]) -> float:
    low, high = (metrics[f"{PREVIOUS_PREFIX}{metric}{end}"] for end in ("_low", "_high"))
    return min(TOLERATED_PART_OF_INTERVAL * (high - low) / 2, TOLERATED_AT_MOST)


def _best_baseline(metrics: Mapping[str, float]) -> tuple[str, float] | None:
    baselines = {name: value for name, value in metrics.items() if name.startswith("baseline_")}
    return max(baselines.items(), key=lambda item: item[1], default=None)


def _record(decision: Decision, lake: Lake, now: datetime) -> None:
    candidate, holder = decision.candidate, decision.holder
    metric = candidate.tags.get(METRIC_TAG, "")
    row = {
        "model_name": candidate.name,
        "candidate": candidate.number,
        "champion": holder.number if holder else None,
        "metric": metric,
        "candidate_value": candidate.metrics.get(metric),
        "champion_value": candidate.metrics.get(f"{PREVIOUS_PREFIX}{metric}"),
        "promoted": decision.promoted,
        "reason": decision.reason,
        "decided_at": now,
    }
    lake.ensure(PROMOTIONS)
    once = Transaction(f"promotion/{candidate.name}", candidate.number)
    lake.append(PROMOTIONS.name, pa.Table.from_pylist([row], schema=PROMOTIONS.columns), once)
