"""What people decide about spam: policies and their history, what waits for a moderator, corrections of verdicts."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


@dataclass(frozen=True)
class PolicyScope:
    """Where a policy holds: everywhere, in one workspace of the chat, in one channel; empty is all of them."""

    workspace: str = ""
    channel: str = ""


@dataclass(frozen=True)
class PolicyChange:
    """One change of a policy: who, when, from what, to what. The newest one of a scope is what holds there."""

    version: int
    """Counts the changes of all scopes."""
    scope: PolicyScope
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    by: str
    at: datetime
    comment: str = ""


class Policies(ABC):
    """Policies with all that they ever were. Every method raises StorageFailed when the store does not answer."""

    @abstractmethod
    def put(
        self,
        scope: PolicyScope,
        fields: Mapping[str, Any],
        by: str,
        at: datetime,
        *,
        comment: str = "",
        based_on: int | None = None,
    ) -> PolicyChange:
        """Let these fields hold in a scope; none: nothing of its own.

        `based_on` is the version that was seen there, 0 for none; Conflict is raised when there is a newer one.
        """

    @abstractmethod
    def current(self) -> list[PolicyChange]:
        """The newest change of each scope, by version."""

    @abstractmethod
    def history(self, scope: PolicyScope | None = None, limit: int = 100) -> list[PolicyChange]:
        """Changes of one scope or of all, the newest first."""


class ReviewStatus(StrEnum):
    """What became of a message that waits for a moderator."""

    OPEN = "open"
    RELEASED = "released"
    REMOVED = "removed"


@dataclass(frozen=True)
class ReviewItem:
    """One decision that a moderator is to look at, and what became of it."""

    decision_id: str
    workspace: str
    channel: str
    user_id: str
    content: str
    action: str
    probability: float
    evidence: Sequence[Mapping[str, Any]]
    policy_version: int
    decided_at: datetime
    campaign_id: str = ""
    fingerprint: bytes = b""
    hosts: tuple[str, ...] = ()
    reporters: tuple[str, ...] = ()
    """Hashes of the people who reported it."""
    appeal: str = ""
    appealed_at: datetime | None = None
    status: ReviewStatus = ReviewStatus.OPEN
    resolved_by: str = ""
    resolved_at: datetime | None = None
    comment: str = ""


@dataclass(frozen=True)
class ReviewFilter:
    """Which items are asked for; an empty field asks for all."""

    workspace: str = ""
    channel: str = ""
    campaign_id: str = ""
    status: ReviewStatus | None = ReviewStatus.OPEN


class Reviews(ABC):
    """Items by decision. Every method raises StorageFailed when the store does not answer."""

    @abstractmethod
    def add(self, items: Sequence[ReviewItem]) -> None:
        """Keep new items; one that is there already is left as it is."""

    @abstractmethod
    def get(self, decision_id: str) -> ReviewItem:
        """One item. Raises NotFound without it."""

    @abstractmethod
    def replace(self, before: ReviewItem, after: ReviewItem) -> None:
        """Change an item. Raises Conflict when its status is no longer that of `before`, NotFound without it."""

    @abstractmethod
    def find(self, wanted: ReviewFilter, limit: int) -> list[ReviewItem]:
        """The oldest items first."""

    @abstractmethod
    def count(self, wanted: ReviewFilter) -> int:
        """How many items there are."""

    @abstractmethod
    def forget(self, before: datetime, keep: int) -> int:
        """Drop items decided before a time, and of the others all but the newest `keep`; return how many went."""

    @abstractmethod
    def erase(self, user_id: str) -> int:
        """Drop what a person wrote; return how many items went."""


@dataclass(frozen=True)
class Correction:
    """What one person said of one decision; the texts that are nearly the same are judged by it."""

    correction_id: str
    decision_id: str
    campaign_id: str
    group: str
    """Texts that are nearly the same have one."""
    is_spam: bool
    by: str
    trust: float
    """0 to 1: how much it counts."""
    is_moderator: bool
    author_id: str
    at: datetime
    fingerprint: bytes = b""
    hosts: tuple[str, ...] = field(default=())


class Corrections(ABC):
    """Corrections in the order of time. Every method raises StorageFailed when the store does not answer."""

    @abstractmethod
    def add(self, correction: Correction) -> None:
        """Keep a correction; it takes the place of an earlier one of the same person on the same decision."""

    @abstractmethod
    def since(self, start: datetime, limit: int) -> list[Correction]:
        """The newest corrections made since then, in the order of time."""

    @abstractmethod
    def forget(self, before: datetime) -> int:
        """Drop those made before a time; return how many went."""

    @abstractmethod
    def erase(self, user_id: str) -> int:
        """Drop what a person said, and what was said of their texts; return how many went."""


@dataclass(frozen=True)
class ModerationRecords:
    """All records of moderation of one control state."""

    policies: Policies
    reviews: Reviews
    corrections: Corrections
