"""Records of moderation in memory."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from quikapp_ml.errors import Conflict, NotFound
from quikapp_ml.stores.state.moderation import (
    Correction,
    Corrections,
    ModerationRecords,
    Policies,
    PolicyChange,
    PolicyScope,
    ReviewFilter,
    ReviewItem,
    Reviews,
)


class MemoryPolicies(Policies):
    """Changes in a list."""

    def __init__(self) -> None:
        self._changes: list[PolicyChange] = []

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
        """Append it."""
        newest = next(iter(self.history(scope, 1)), None)
        check_base(scope, newest, based_on)
        before = newest.after if newest else {}
        change = PolicyChange(len(self._changes) + 1, scope, before, dict(fields), by, at, comment)
        self._changes.append(change)
        return change

    def current(self) -> list[PolicyChange]:
        """The last of each scope."""
        newest = {change.scope: change for change in self._changes}
        return sorted(newest.values(), key=lambda change: change.version)

    def history(self, scope: PolicyScope | None = None, limit: int = 100) -> list[PolicyChange]:
        """Newest first."""
        return [change for change in reversed(self._changes) if scope in (None, change.scope)][:limit]


class MemoryReviews(Reviews):
    """Items in a dictionary."""

    def __init__(self) -> None:
        self._items: dict[str, ReviewItem] = {}

    def add(self, items: Sequence[ReviewItem]) -> None:
        """Keep them."""
        for item in items:
            self._items.setdefault(item.decision_id, item)

    def get(self, decision_id: str) -> ReviewItem:
        """As kept."""
        if decision_id not in self._items:
            raise no_item(decision_id)
        return self._items[decision_id]

    def replace(self, before: ReviewItem, after: ReviewItem) -> None:
        """Keep the new one."""
        if self.get(before.decision_id).status != before.status:
            raise changed_meanwhile(before.decision_id)
        self._items[before.decision_id] = after

    def find(self, wanted: ReviewFilter, limit: int) -> list[ReviewItem]:
        """Oldest first."""
        found = [item for item in self._items.values() if _is_wanted(item, wanted)]
        return sorted(found, key=lambda item: (item.decided_at, item.decision_id))[:limit]

    def count(self, wanted: ReviewFilter) -> int:
        """All that would be found."""
        return sum(_is_wanted(item, wanted) for item in self._items.values())

    def forget(self, before: datetime, keep: int) -> int:
        """Drop them."""
        newest_first = sorted(self._items.values(), key=lambda item: (item.decided_at, item.decision_id), reverse=True)
        kept = [item for item in newest_first if item.decided_at >= before][:keep]
        return self._keep_only({item.decision_id: item for item in kept})

    def erase(self, user_id: str) -> int:
        """Drop theirs."""
        return self._keep_only({key: item for key, item in self._items.items() if item.user_id != user_id})

    def _keep_only(self, kept: dict[str, ReviewItem]) -> int:
        n_gone = len(self._items) - len(kept)
        self._items = kept
        return n_gone


class MemoryCorrections(Corrections):
    """Corrections in a dictionary."""

    def __init__(self) -> None:
        self._corrections: dict[tuple[str, str], Correction] = {}

    def add(self, correction: Correction) -> None:
        """Keep it."""
        self._corrections[correction.decision_id, correction.by] = correction

    def since(self, start: datetime, limit: int) -> list[Correction]:
        """The last ones."""
        found = [correction for correction in self._corrections.values() if correction.at >= start]
        return sorted(found, key=lambda one: (one.at, one.correction_id))[-limit:]

    def forget(self, before: datetime) -> int:
        """Drop them."""
        return self._keep_only({key: one for key, one in self._corrections.items() if one.at >= before})

    def erase(self, user_id: str) -> int:
        """Drop theirs."""
        kept = {key: one for key, one in self._corrections.items() if user_id not in (one.by, one.author_id)}
        return self._keep_only(kept)

    def _keep_only(self, kept: dict[tuple[str, str], Correction]) -> int:
        n_gone = len(self._corrections) - len(kept)
        self._corrections = kept
        return n_gone


def memory_moderation() -> ModerationRecords:
    """Empty records, forgotten with the process."""
    return ModerationRecords(MemoryPolicies(), MemoryReviews(), MemoryCorrections())


def check_base(scope: PolicyScope, newest: PolicyChange | None, based_on: int | None) -> None:
    """Raises Conflict when the scope was changed since it was looked at."""
    version = newest.version if newest else 0
    if based_on is not None and based_on != version:
        where = scope.channel or scope.workspace or "everywhere"
        raise Conflict(f"the policy for {where} was changed: it is version {version} now, not {based_on}; look again")


def no_item(decision_id: str) -> NotFound:
    """The error that says so."""
    return NotFound(f"decision {decision_id!r} is not in the review queue")


def changed_meanwhile(decision_id: str) -> Conflict:
    """The error that says so."""
    return Conflict(f"decision {decision_id!r} was resolved by somebody else at the same time")


def _is_wanted(item: ReviewItem, wanted: ReviewFilter) -> bool:
    asked = (
        (wanted.workspace, item.workspace), (wanted.channel, item.channel), (wanted.campaign_id, item.campaign_id),
        (wanted.status, item.status),
    )  # fmt: skip
    return all(not given or given == found for given, found in asked)
