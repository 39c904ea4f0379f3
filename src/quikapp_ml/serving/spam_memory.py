"""The newest spam checks, for what is asked about them later: corrections, appeals, dry runs of policies."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from quikapp_ml.entities.decisions import Evidence, SpamAction
from quikapp_ml.entities.spam_policy import SpamCase
from quikapp_ml.models.fingerprint import Fingerprint

MAX_CHECKS = 5_000


@dataclass(frozen=True, slots=True)
class SpamCheck:
    """One check of a message that was really sent, with what its answer was made from."""

    decision_id: str
    at: float
    """Unix seconds."""
    workspace: str
    content: str
    case: SpamCase
    action: SpamAction
    evidence: tuple[Evidence, ...]
    policy_version: int
    campaign_id: str
    print_: Fingerprint | None


class SpamMemory:
    """The newest checks by decision; any thread may ask."""

    def __init__(self, max_checks: int = MAX_CHECKS) -> None:
        self._max_checks = max_checks
        self._checks: OrderedDict[str, SpamCheck] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, check: SpamCheck) -> None:
        """Remember one, and forget the oldest."""
        with self._lock:
            self._checks[check.decision_id] = check
            if len(self._checks) > self._max_checks:
                self._checks.popitem(last=False)

    def get(self, decision_id: str) -> SpamCheck | None:
        """One that is still remembered."""
        return self._checks.get(decision_id)

    def all(self) -> list[SpamCheck]:
        """All of them, the oldest first."""
        with self._lock:
            return list(self._checks.values())
