"""What is told of a decision, to whom: the person who asked, or somebody who answers for the service."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from quikapp_ml.errors import NotFound
from quikapp_ml.serving.ledger_archive import Recorded
from quikapp_ml.serving.ledger_packing import Candidates, Pools

MOST_SHOWN = 100
"""Candidates of a type, the best first."""
_WEIGHTS = frozenset({"weight", "logit", "bias", "contributions"})
"""How much each signal weighs is not for those who would write around it."""


@dataclass(frozen=True)
class ExplainedModel:
    """The model version that answered, as it was called then."""

    name: str
    version: str
    number: int | None
    alias: str | None


@dataclass(frozen=True)
class ExplainedCandidate:
    """One thing that could have been answered with."""

    item_id: str
    source: str
    score: float
    features: Mapping[str, float]


@dataclass(frozen=True)
class DecisionExplained:
    """A decision with what it was made from; what the asker may not see is left out."""

    decision_id: str
    kind: str
    decided_at: datetime
    user_id: str | None
    model: ExplainedModel
    degraded: bool
    latency_ms: float
    inputs: str | None
    """`kept`, `addresses_hashed`, `sampled_out`, or `erased`."""
    policy_version: str | None
    endpoint: str | None
    asked_by: str | None
    """Owner of the token that asked; None where an older version wrote the row."""
    features_from: str | None
    experiment: str | None
    variant: str | None
    propensity: float | None
    question: Any
    features: Any
    candidates: Mapping[str, list[ExplainedCandidate]] | None
    answer: Any


def explained(row: Recorded, user_id: str | None = None) -> DecisionExplained:
    """All of it; with a user id, what that person may see of their own. Raises NotFound for those of others."""
    if user_id is not None and row.user_id != user_id:
        raise NotFound(f"{user_id!r} was given no decision {row.decision_id!r}")
    columns, is_own = row.columns, user_id is not None
    answer = columns["answer"]
    return DecisionExplained(
        decision_id=row.decision_id,
        kind=row.kind,
        decided_at=row.decided_at,
        user_id=row.user_id,
        model=ExplainedModel(row.model.name, row.model.version, row.model_number, columns["model_alias"]),
        degraded=bool(columns["degraded"]),
        latency_ms=columns["latency_ms"],
        inputs="erased" if row.is_erased else columns["inputs"],
        policy_version=columns["policy_version"],
        endpoint=columns["endpoint"],
        asked_by=None if is_own else columns["asked_by"],
        features_from=columns["features_from"],
        experiment=None if is_own else columns["experiment"],
        variant=None if is_own else columns["variant"],
        propensity=None if is_own else columns["propensity"],
        question=columns["request"],
        features=columns["features"],
        candidates=None if is_own else _candidates(columns["candidates"]),
        answer=_without_weights(answer) if is_own else answer,
    )


def _candidates(kept: Mapping[str, Any] | None) -> dict[str, list[ExplainedCandidate]] | None:
    if kept is None or "pools" not in kept:
        return None
    return {kind: _best(of_type) for kind, of_type in Pools.unpacked(kept["pools"]).by_type.items()}


def _best(candidates: Candidates) -> list[ExplainedCandidate]:
    order = (-candidates.scores).argsort(kind="stable")[:MOST_SHOWN].tolist()
    names = candidates.frame.names
    return [
        ExplainedCandidate(
            candidates.item_ids[at],
            candidates.sources[at],
            float(candidates.scores[at]),
            dict(zip(names, candidates.frame.values[at].tolist(), strict=True)),
        )
        for at in order
    ]


def _without_weights(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_weights(each) for name, each in value.items() if name not in _WEIGHTS}
    return [_without_weights(each) for each in value] if isinstance(value, list) else value
