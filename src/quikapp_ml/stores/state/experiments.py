"""Experiments and every change that was made to them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

ERASED = "erased"
"""What stands where a person was named."""


@dataclass(frozen=True)
class ExperimentRecord:
    """One experiment as it stands; `spec` is the document that was given."""

    name: str
    spec: Mapping[str, Any]
    state: str
    created_by: str
    created_at: datetime
    updated_at: datetime
    revision: int = 1
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    decided_at: datetime | None = None
    decision: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ExperimentChange:
    """Who changed an experiment when, by which action, and what it was before; nothing before its creation."""

    name: str
    revision: int
    action: str
    by: str
    at: datetime
    before: Mapping[str, Any]
    after: Mapping[str, Any]


class ExperimentRecords(ABC):
    """Experiments by name. Every method raises StorageFailed when the store does not answer."""

    @abstractmethod
    def create(self, record: ExperimentRecord, by: str) -> None:
        """Keep a new one, of revision 1, with its first change. Raises AlreadyExists."""

    @abstractmethod
    def get(self, name: str) -> ExperimentRecord:
        """One experiment. Raises NotFound."""

    @abstractmethod
    def all(self) -> list[ExperimentRecord]:
        """All of them, by name."""

    @abstractmethod
    def replace(self, record: ExperimentRecord, action: str, by: str) -> ExperimentRecord:
        """Change it, and keep the change; the record has the revision that was read, the answer the next one.

        Raises NotFound, and Conflict when somebody else was faster.
        """

    @abstractmethod
    def erase(self, user_id: str) -> int:
        """Take a person out of all texts, those of former changes too; return of how many experiments."""

    @abstractmethod
    def changes(self, name: str) -> list[ExperimentChange]:
        """All changes of one experiment, the oldest first; none of an unknown one."""


def without_person(said_then: Mapping[str, Any], user_id: str) -> dict[str, Any]:
    """What was said, without a tester of that id; an audience keeps its size, or it would become everybody."""
    spec = dict(said_then.get("spec", {}))
    if user_id in spec.get("overrides", {}):
        spec["overrides"] = {unit: variant for unit, variant in spec["overrides"].items() if unit != user_id}
    users = spec.get("audience", {}).get("users", [])
    if user_id in users:
        kept = [ERASED if one == user_id else one for one in users]
        spec["audience"] = {**spec["audience"], "users": kept}
    return {**said_then, "spec": spec} if spec else dict(said_then)


def said(record: ExperimentRecord) -> dict[str, Any]:
    """What a change keeps of a record."""
    return {"state": record.state, "spec": dict(record.spec), "decision": dict(record.decision)}
