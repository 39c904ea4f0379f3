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
    message_id: str = ""
    """Of the message that the text was to become; empty where the chat did not say."""


class SpamMemory:
    """The newest checks by decision; any thread may ask."""

    def __init__(self, max_checks: int = MAX_CHECKS) -> None:
        self._max_checks = max_checks
        self._checks: OrderedDict[str, SpamCheck] = OrderedDict()
        self._of_messages: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def add(self, check: SpamCheck) -> None:
        """Remember one, and forget the oldest."""
        with self._lock:
            self._checks[check.decision_id] = check
            if check.message_id:
                self._of_messages[check.case.channel, check.message_id] = check.decision_id
            if len(self._checks) > self._max_checks:
                _, oldest = self._checks.popitem(last=False)
                place = (oldest.case.channel, oldest.message_id)
                if self._of_messages.get(place) == oldest.decision_id:
                    del self._of_messages[place]

    def get(self, decision_id: str) -> SpamCheck | None:
        """One that is still remembered."""
        return self._checks.get(decision_id)

    def of_message(self, channel_id: str, message_id: str) -> SpamCheck | None:
        """The newest check of a message."""
        decision_id = self._of_messages.get((channel_id, message_id))
        return None if decision_id is None else self._checks.get(decision_id)

    def all(self) -> list[SpamCheck]:
        """All of them, the oldest first."""
        with self._lock:
            return list(self._checks.values())
