"""The policies of this chat: what holds where, what was changed, what a change would have done."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from quikapp_ml.entities.decisions import SpamAction
from quikapp_ml.entities.spam_policy import SpamPolicy, SpamPolicyChange, SpamPolicyFields, outcome
from quikapp_ml.serving.spam_memory import SpamCheck
from quikapp_ml.stores.state.moderation import Policies, PolicyChange, PolicyScope

BUILT_IN = SpamPolicy()
EVERYWHERE = PolicyScope()

_Known = tuple[dict[PolicyScope, PolicyChange], dict[tuple[PolicyScope, ...], SpamPolicy]]
"""The newest change of each scope, and what those that speak come to; taken and replaced as one."""

MAX_EXAMPLES = 10


@dataclass(frozen=True)
class PolicyAnswer:
    """What one scope says for itself (`own`), and what holds there, the scopes around it taken together."""

    workspace: str
    channel: str
    version: int
    """Of the newest change in this very scope; 0 without one. `based_on` of the next change."""
    own: Mapping[str, Any]
    effective: Mapping[str, Any]


@dataclass(frozen=True)
class PolicyHistory:
    """Changes of a scope, or of all, the newest first."""

    changes: Sequence[PolicyChange]


@dataclass(frozen=True)
class ActionChange:
    """How many messages would have met another action, and some of their decisions."""

    was: SpamAction
    would_be: SpamAction
    count: int
    decision_ids: Sequence[str]


@dataclass(frozen=True)
class DryRunAnswer:
    """What a policy would have done with the newest checks of its scope."""

    n_decisions: int
    since: datetime | None
    """Time of the oldest check that was looked at."""
    was: Mapping[str, int]
    would_be: Mapping[str, int]
    changes: Sequence[ActionChange]


class PolicyBook:
    """All policies in memory, and in the store behind. Looking up waits for nothing; any thread may change one."""

    def __init__(self, store: Policies) -> None:
        self._store = store
        self._known: _Known = ({}, {})
        self._changing = threading.Lock()
        self.load()

    def load(self) -> None:
        """Read all policies."""
        self._known = ({change.scope: change for change in self._store.current()}, {})

    def holding(self, scope: PolicyScope) -> SpamPolicy:
        """What holds in a scope."""
        own, effective = self._known
        if not own:
            return BUILT_IN
        speaking = _speaking(own, scope)
        found = effective.get(speaking)
        if found is None:
            found = effective[speaking] = _combined(own, speaking)
        return found

    def show(self, scope: PolicyScope) -> PolicyAnswer:
        """The policy of a scope."""
        own = self._known[0].get(scope)
        version, fields = (own.version, own.after) if own else (0, {})
        return PolicyAnswer(scope.workspace, scope.channel, version, fields, self.holding(scope).document())

    def change(self, scope: PolicyScope, asked: SpamPolicyChange, by: str, at: datetime) -> PolicyAnswer:
        """Let a policy hold in a scope. Raises Conflict when it was changed meanwhile, StorageFailed."""
        with self._changing:
            self._store.put(scope, asked.fields(), by, at, comment=asked.comment, based_on=asked.based_on)
            self.load()
        return self.show(scope)

    def history(self, scope: PolicyScope | None, limit: int) -> PolicyHistory:
        """Who changed what. Raises StorageFailed."""
        return PolicyHistory(self._store.history(scope, limit))

    def dry_run(self, scope: PolicyScope, asked: SpamPolicyFields, checks: Sequence[SpamCheck]) -> DryRunAnswer:
        """What a policy would have done with those of the checks that lie in its scope."""
        checks = [check for check in checks if _lies_in(check, scope)]
        own = {**self._known[0], scope: PolicyChange(0, scope, {}, asked.fields(), "", datetime.min)}
        places = {PolicyScope(check.workspace, check.case.channel) for check in checks}
        policies = {place: _combined(own, _speaking(own, place)) for place in places}
        would_be = [
            outcome(policies[PolicyScope(check.workspace, check.case.channel)], check.case)[0] for check in checks
        ]
        return DryRunAnswer(
            n_decisions=len(checks),
            since=datetime.fromtimestamp(checks[0].at, UTC) if checks else None,
            was=Counter(check.action for check in checks),
            would_be=Counter(would_be),
            changes=_changes(checks, would_be),
        )


def _speaking(own: Mapping[PolicyScope, PolicyChange], scope: PolicyScope) -> tuple[PolicyScope, ...]:
    """The scopes around this one, and itself, that say anything; the widest first."""
    around = (EVERYWHERE, PolicyScope(scope.workspace), PolicyScope("", scope.channel), scope)
    return tuple([each for each in dict.fromkeys(around) if each in own])


def _combined(own: Mapping[PolicyScope, PolicyChange], speaking: Sequence[PolicyScope]) -> SpamPolicy:
    """The built-in policy, changed by one scope after the other."""
    policy = BUILT_IN
    for each in speaking:
        policy = policy.changed(own[each].version, own[each].after)
    return policy


def _lies_in(check: SpamCheck, scope: PolicyScope) -> bool:
    return scope.workspace in ("", check.workspace) and scope.channel in ("", check.case.channel)


def _changes(checks: Sequence[SpamCheck], would_be: Sequence[SpamAction]) -> list[ActionChange]:
    found: dict[tuple[SpamAction, SpamAction], list[str]] = {}
    for check, action in zip(checks, would_be, strict=True):
        if check.action != action:
            found.setdefault((check.action, action), []).append(check.decision_id)
    return [
        ActionChange(was, then, len(ids), ids[-MAX_EXAMPLES:])
        for (was, then), ids in sorted(found.items(), key=lambda item: -len(item[1]))
    ]
