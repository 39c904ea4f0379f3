"""Rollouts, where each stands, and every step that it took."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from quikapp_ml.errors import AlreadyExists, Conflict, NotFound


@dataclass(frozen=True)
class RolloutStep:
    """From one stage to another: when, by whom, why, and what was known then."""

    at: datetime
    before: str
    after: str
    by: str
    why: str
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RolloutRecord:
    """One rollout as it stands; `spec` is the document that was given. The world is made to follow it."""

    name: str
    spec: Mapping[str, Any]
    model: str
    champion: int
    """Number of the version that it is compared with."""
    stage: str
    stage_since: datetime
    created_by: str
    created_at: datetime
    challenger_before: int | None = None
    """The version that had the alias of the challenger."""
    tally: Mapping[str, Any] = field(default_factory=dict)
    """What the shadow has counted."""
    waits_for: str = ""
    """Why it stays at its stage, as of the last look."""
    is_settled: bool = False
    """Whether it has ended, and the world has followed."""
    steps: Sequence[RolloutStep] = ()
    revision: int = 1


class RolloutRecords(ABC):
    """Rollouts by name. Every method raises StorageFailed when the store does not answer."""

    @abstractmethod
    def create(self, record: RolloutRecord) -> None:
        """Keep a new one, of revision 1. Raises AlreadyExists."""

    @abstractmethod
    def get(self, name: str) -> RolloutRecord:
        """One rollout. Raises NotFound."""

    @abstractmethod
    def all(self) -> list[RolloutRecord]:
        """All of them, by name."""

    @abstractmethod
    def replace(self, record: RolloutRecord) -> RolloutRecord:
        """Change it; the record has the revision that was read, the answer the next one.

        Raises NotFound, and Conflict when somebody else was faster.
        """


def already_there(name: str) -> AlreadyExists:
    """The error of a second rollout of a name."""
    return AlreadyExists(f"there is a rollout {name!r} already; take another name")


def no_rollout(name: str) -> NotFound:
    """The error of an unknown name."""
    return NotFound(f"there is no rollout {name!r}; `quikapp-ml rollouts list` shows those that there are")


def changed_meanwhile(name: str) -> Conflict:
    """The error of a change that was made from an older revision."""
    return Conflict(f"rollout {name!r} took a step at the same time; look at it, and try again")
