"""The review queue: what was held or flagged waits for a moderator, with the evidence. It outlives the process.

A check does not wait for the store: what it adds is written by a thread of its own, within WRITE_SECONDS. A crash loses
no more than that of the queue, and nothing of the table `decisions`.
"""

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from quikapp_ml.entities.decisions import Evidence
from quikapp_ml.errors import QuikAppMLError
from quikapp_ml.models.fingerprint import stored
from quikapp_ml.serving.spam_memory import SpamCheck
from quikapp_ml.stores.state.moderation import ReviewFilter, ReviewItem, Reviews, ReviewStatus

logger = logging.getLogger(__name__)

QUEUED_ACTIONS = frozenset({"flag", "throttle", "hold"})
"""What is blocked comes into the queue by an appeal or a report only."""
WRITE_SECONDS = 0.5
MAX_WAITING = 10_000
MAX_KEPT = 50_000
MAX_REPORTERS = 100
KEPT_FOR = timedelta(days=90)
_TIDY_EVERY = 7_200
"""Writings between two times that the store is tidied: an hour."""


@dataclass(frozen=True)
class ReviewLine:
    """One message that waits, as a moderator sees it."""

    decision_id: str
    user_id: str
    content: str
    action: str
    spam_probability: float
    evidence: Sequence[Any]
    policy_version: str
    decided_at: datetime
    age_seconds: float
    status: str
    reported: int
    workspace_id: str | None = None
    channel_id: str | None = None
    campaign_id: str | None = None
    appeal: str | None = None
    appealed_at: datetime | None = None
    resolved_by: str | None = None
    resolved_at: datetime | None = None
    comment: str | None = None


@dataclass(frozen=True)
class ReviewCampaign:
    """Messages of one campaign among those listed."""

    campaign_id: str
    count: int
    oldest: datetime


@dataclass(frozen=True)
class ReviewList:
    """What waits: the oldest first. `total` counts all that are asked for, also those beyond the limit."""

    total: int
    items: Sequence[ReviewLine]
    campaigns: Sequence[ReviewCampaign]
    """The largest first; campaigns of a single message are left out."""


class ReviewQueue:
    """Items on their way to the store, and what is asked about them. `clock` gives the time."""

    def __init__(
        self,
        store: Reviews,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        also: Callable[[], None] = lambda: None,
    ) -> None:
        """`also` is called before each writing, for what else waits for the store."""
        self._store = store
        self._also = also
        self._clock = clock
        self._waiting: deque[ReviewItem] = deque()
        self._writing = threading.Lock()
        self._closing = threading.Event()
        self._is_failing = False
        self._thread = threading.Thread(target=self._run, name="review-queue", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self) -> None:
        """Write what is left and stop."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        self._flush_or_tell()

    def add(self, check: SpamCheck) -> None:
        """Let a check wait for a moderator. While the store takes nothing, those beyond MAX_WAITING are left out."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append(item_of(check))

    # --- for callers that may wait

    def flush(self) -> None:
        """Bring everything to the store. Raises StorageFailed; then nothing is lost."""
        with self._writing:
            items = list(self._waiting)
            if items:
                self._store.add(items)
                for _ in items:
                    self._waiting.popleft()

    def ensure(self, item: ReviewItem) -> ReviewItem:
        """The item as it is kept, made if it is not there."""
        self.flush()
        self._store.add([item])
        return self._store.get(item.decision_id)

    def get(self, decision_id: str) -> ReviewItem:
        """One item. Raises NotFound without it."""
        self.flush()
        return self._store.get(decision_id)

    def report(self, item: ReviewItem, user_id: str) -> None:
        """Note that somebody reported it, each person once; what was resolved stays so."""
        reporter = blake2b(user_id.encode(), digest_size=8).hexdigest()
        if reporter not in item.reporters and len(item.reporters) < MAX_REPORTERS:
            self._store.replace(item, replace(item, reporters=(*item.reporters, reporter)))

    def appeal(self, item: ReviewItem, text: str) -> None:
        """Its author disagrees: it waits again, for a moderator's second look."""
        self._store.replace(item, replace(item, appeal=text, appealed_at=self._clock(), status=ReviewStatus.OPEN))

    def resolve(self, item: ReviewItem, status: ReviewStatus, by: str, comment: str) -> ReviewItem:
        """A moderator has decided. Raises Conflict when somebody else was faster."""
        resolved = replace(item, status=status, resolved_by=by, resolved_at=self._clock(), comment=comment)
        self._store.replace(item, resolved)
        return resolved

    def of_campaign(self, item: ReviewItem) -> list[ReviewItem]:
        """The other open items of its campaign."""
        if not item.campaign_id:
            return []
        wanted = ReviewFilter(workspace=item.workspace, campaign_id=item.campaign_id)
        return [each for each in self._store.find(wanted, MAX_WAITING) if each.decision_id != item.decision_id]

    def find(self, wanted: ReviewFilter, limit: int, *, by_campaign: bool = False) -> ReviewList:
        """What waits, by age or the largest campaigns first, with its campaigns."""
        self.flush()
        items = self._store.find(wanted, limit)
        now = self._clock()
        counted = Counter(item.campaign_id for item in items if item.campaign_id)
        oldest = {item.campaign_id: item.decided_at for item in reversed(items)}
        if by_campaign:
            items.sort(key=lambda item: (-counted[item.campaign_id], item.campaign_id))
        campaigns = [ReviewCampaign(name, count, oldest[name]) for name, count in counted.most_common() if count > 1]
        return ReviewList(self._store.count(wanted), [line_of(item, now) for item in items], campaigns)

    # --- its thread

    def _run(self) -> None:
        n_writings = 0
        while not self._closing.wait(WRITE_SECONDS):
            self._flush_or_tell()
            if n_writings % _TIDY_EVERY == 0:
                self._tidy()
            n_writings += 1

    def _flush_or_tell(self) -> None:
        try:
            self._also()
            self.flush()
            self._is_failing = False
        except QuikAppMLError as error:
            if not self._is_failing:
                logger.warning("%d items of the review queue wait for the store: %s", len(self._waiting), error)
            self._is_failing = True
        except Exception:  # the thread must outlive whatever a store raises
            logger.exception("items of the review queue wait for the store")

    def _tidy(self) -> None:
        try:
            self._store.forget(self._clock() - KEPT_FOR, MAX_KEPT)
        except QuikAppMLError as error:
            logger.warning("the review queue could not be tidied: %s", error)


def item_of(check: SpamCheck) -> ReviewItem:
    """A check as the queue keeps it."""
    return ReviewItem(
        decision_id=check.decision_id,
        workspace=check.workspace,
        channel=check.case.channel,
        user_id=check.case.user_id,
        content=check.content,
        action=check.action,
        probability=check.case.probability,
        evidence=[_plain(evidence) for evidence in check.evidence],
        policy_version=check.policy_version,
        decided_at=datetime.fromtimestamp(check.at, UTC),
        campaign_id=check.campaign_id,
        fingerprint=stored(check.print_),
        hosts=check.case.hosts,
    )


def line_of(item: ReviewItem, now: datetime) -> ReviewLine:
    """An item as it is shown."""
    return ReviewLine(
        decision_id=item.decision_id,
        user_id=item.user_id,
        content=item.content,
        action=item.action,
        spam_probability=item.probability,
        evidence=item.evidence,
        policy_version=f"spam-{item.policy_version}",
        decided_at=item.decided_at,
        age_seconds=round((now - item.decided_at).total_seconds(), 3),
        status=str(item.status),
        reported=len(item.reporters),
        workspace_id=item.workspace or None,
        channel_id=item.channel or None,
        campaign_id=item.campaign_id or None,
        appeal=item.appeal or None,
        appealed_at=item.appealed_at,
        resolved_by=item.resolved_by or None,
        resolved_at=item.resolved_at,
        comment=item.comment or None,
    )


def _plain(evidence: Evidence) -> dict[str, Any]:
    spans = [
        {"start": span.start, "end": span.end, "utf16_start": span.utf16_start, "utf16_end": span.utf16_end}
        for span in evidence.spans
    ]
    return {"signal": evidence.signal, "weight": evidence.weight, "detail": evidence.detail, "spans": spans}
