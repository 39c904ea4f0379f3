"""What people say of spam verdicts, and what becomes of it: corrections at once, appeals, resolutions."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Literal

from quikapp_ml.entities.events import Event
from quikapp_ml.entities.questions import Feedback
from quikapp_ml.errors import Conflict, InvalidInput, NotFound, PermissionDenied, Problem
from quikapp_ml.features.author_behaviour import author_behaviour
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.models.fingerprint import restored
from quikapp_ml.models.reading import reading_tokens
from quikapp_ml.serving.campaigns import Campaigns
from quikapp_ml.serving.ledger_archive import Recorded
from quikapp_ml.serving.review import MAX_WAITING, ReviewQueue, item_of
from quikapp_ml.serving.review_archive import item_of_record
from quikapp_ml.serving.spam_corrections import VOTE, OnlineCorrections, remembered_from
from quikapp_ml.serving.spam_memory import SpamCheck, SpamMemory
from quikapp_ml.serving.spam_policy import PolicyBook
from quikapp_ml.stores.state.moderation import Correction, ModerationRecords, ReviewFilter, ReviewItem, ReviewStatus

logger = logging.getLogger(__name__)

MODERATORS = frozenset({"moderator", "admin", "owner"})
TRUSTED_AFTER_DAYS = 14.0
TRUSTED_AFTER_ANSWERS = 5.0
MAX_LOADED = 20_000

JUDGEMENTS = frozenset({"spam", "ham", "reported", "appeal"})
"""What can be said of a spam check."""
Resolution = Literal["release", "remove"]
_STATUS = {"release": ReviewStatus.RELEASED, "remove": ReviewStatus.REMOVED}
_IS_SPAM = {"spam": True, "reported": True, "remove": True, "ham": False, "release": False}


@dataclass(frozen=True)
class Voice:
    """Who speaks, and how much it counts. Others than moderators are trusted by age and by answers that they earned."""

    user_id: str
    is_moderator: bool
    trust: float


def weight_of(voice: Voice | None, action: str) -> float:
    """How much it counts what somebody says: 1 for a moderator's word, else a vote by trust."""
    if voice is None:
        return 0.0
    return 1.0 if voice.is_moderator and action != "reported" else VOTE * voice.trust


class Moderation:
    """All that stands around the model. `start` reads what an earlier process left behind.

    `voice_of` reads the chat and is called where events are taken in; all others may be called from any thread, and
    may wait for the store.
    """

    def __init__(
        self,
        records: ModerationRecords,
        workspace: Workspace,
        features: OnlineFeatures,
        campaigns: Campaigns,
        clock: Callable[[], float],
        recorded: Callable[[str], Recorded] | None = None,
    ) -> None:
        """`recorded` finds decisions that are remembered no more."""
        self._records = records
        self._workspace = workspace
        self._features = features
        self._clock = clock
        self._recorded = recorded
        self.campaigns = campaigns
        self.policies = PolicyBook(records.policies)
        self.corrections = OnlineCorrections()
        self.memory = SpamMemory()
        self.queue = ReviewQueue(records.reviews, self._now, self._hear_reports)
        self._reports: deque[tuple[SpamCheck, Voice, str]] = deque()

    def start(self) -> None:
        """Know again what was corrected and what waits. Raises StorageFailed."""
        oldest = remembered_from(self._now())
        self._records.corrections.forget(oldest)
        corrections = self._records.corrections.since(oldest, MAX_LOADED)
        self.corrections.load(corrections)
        for correction in corrections:
            print_ = restored(correction.fingerprint)
            if print_ is not None:
                self.campaigns.keep(print_, correction.campaign_id, correction.at.timestamp())
        for item in self._records.reviews.find(ReviewFilter(), MAX_WAITING):
            print_ = restored(item.fingerprint)
            if print_ is not None:
                self.campaigns.keep(print_, item.campaign_id, item.decided_at.timestamp())
        self.queue.start()

    def close(self) -> None:
        """Bring what waits to the store."""
        self.queue.close()

    # --- who speaks

    def voice_of(self, user_id: str | None) -> Voice | None:
        """How much a person counts; None when nobody is named."""
        if user_id is None:
            return None
        person = self._workspace.people.get(user_id)
        if person is None or person.is_deleted or person.is_bot:
            return Voice(user_id, False, 0.0)
        if person.role in MODERATORS:
            return Voice(user_id, True, 1.0)
        known = author_behaviour(self._workspace, self._features, user_id, self._clock())
        age = min(1.0, known["account_age_days"] / TRUSTED_AFTER_DAYS)
        earned = min(1.0, known["replies_and_reactions_earned"] / TRUSTED_AFTER_ANSWERS)
        return Voice(user_id, False, age * earned / (1.0 + known["reports_received"]))

    def moderator(self, user_id: str | None, otherwise: str) -> Voice:
        """The moderator who resolves: the person named, or `otherwise`, who holds the key to this service.

        Raises PermissionDenied for a person who is no moderator.
        """
        voice = self.voice_of(user_id)
        if voice is None:
            return Voice(otherwise, True, 1.0)
        if not voice.is_moderator:
            allowed = ", ".join(sorted(MODERATORS))
            raise PermissionDenied(f"{user_id!r} may not resolve: their role must be one of {allowed}")
        return voice

    # --- what is said

    def witness(self, event: Event) -> None:
        """Somebody reported a message as spam in the chat: soon it counts like feedback on the message's check."""
        if event.type != "report" or event.reason != "spam" or len(self._reports) >= MAX_WAITING:
            return
        check = self.memory.of_message(event.channel_id, event.message_id)
        voice = self.voice_of(event.user_id)
        if check is not None and voice is not None:
            self._reports.append((check, voice, event.event_id))

    def _hear_reports(self) -> None:
        while self._reports:
            check, voice, event_id = self._reports[0]
            try:
                self._hear_report(item_of(check), voice, blake2b(event_id.encode(), digest_size=16).hexdigest())
            except (Conflict, InvalidInput) as error:  # others are to be heard all the same
                logger.warning("a report of decision %s is not heard: %s", check.decision_id, error)
            self._reports.popleft()

    def _hear_report(self, item: ReviewItem, voice: Voice, correction_id: str) -> None:
        self.queue.report(self.queue.ensure(item), voice.user_id)
        self._correct(item, voice, "reported", correction_id)

    def check_feedback(self, feedback: Feedback) -> None:
        """Refuse an appeal without a text, or by another than the author. Raises InvalidInput, PermissionDenied."""
        if feedback.action != "appeal":
            return
        if not (feedback.comment or "").strip():
            message = "an appeal needs a text: say in `comment` why the decision is wrong"
            raise InvalidInput(message, (Problem("comment", "missing", message, None, "a text"),))
        item = self._find(feedback.decision_id)
        if item is not None and feedback.user_id not in (None, item.user_id):
            raise PermissionDenied(f"only its author may appeal against decision {feedback.decision_id!r}")

    def take(self, feedback: Feedback, voice: Voice | None, feedback_id: str) -> None:
        """Let feedback on a spam check count; on another decision it does nothing here."""
        item = self._find(feedback.decision_id)
        if item is None:
            return
        if feedback.action == "appeal":
            self.queue.appeal(self.queue.ensure(item), feedback.comment or "")
            return
        if voice is not None and voice.is_moderator and feedback.action != "reported":
            self._settle(item, voice, feedback.action, feedback.comment or "")
        elif _IS_SPAM[feedback.action]:
            self.queue.report(self.queue.ensure(item), voice.user_id if voice else "")
        if voice is not None:
            self._correct(item, voice, feedback.action, feedback_id)

    def to_resolve(self, decision_id: str, voice: Voice, *, whole_campaign: bool) -> list[ReviewItem]:
        """What a moderator's word would resolve, waiting or not. Raises NotFound, Conflict, PermissionDenied."""
        known = self._find(decision_id)
        if known is None:
            raise NotFound(f"decision {decision_id!r} is not in the review queue, and no spam check that is kept")
        item = self.queue.ensure(known)
        if item.status != ReviewStatus.OPEN:
            raise Conflict(f"decision {decision_id!r} was {item.status} by {item.resolved_by!r} already")
        if item.user_id == voice.user_id:
            raise PermissionDenied("a moderator may not resolve a message of their own; somebody else must")
        others = self.queue.of_campaign(item) if whole_campaign else []
        return [item, *(each for each in others if each.user_id != voice.user_id)]

    def resolve(
        self, items: Sequence[ReviewItem], resolution: Resolution, voice: Voice, comment: str, correction_id: str
    ) -> None:
        """A moderator has decided; the word on the first item is heard for all texts like it. Raises Conflict."""
        for item in items:
            self.queue.resolve(item, _STATUS[resolution], voice.user_id, comment)
        self._correct(items[0], voice, resolution, correction_id)

    def _find(self, decision_id: str) -> ReviewItem | None:
        check = self.memory.get(decision_id)
        if check is not None:
            return item_of(check)
        try:
            return self.queue.get(decision_id)
        except NotFound:
            return self._find_recorded(decision_id)

    def _find_recorded(self, decision_id: str) -> ReviewItem | None:
        if self._recorded is None:
            return None
        try:
            return item_of_record(self._recorded(decision_id))
        except NotFound:
            return None

    def _settle(self, item: ReviewItem, voice: Voice, action: str, comment: str) -> None:
        try:
            waiting = self.queue.get(item.decision_id)
        except NotFound:
            return
        if waiting.status == ReviewStatus.OPEN and waiting.user_id != voice.user_id:
            status = ReviewStatus.REMOVED if _IS_SPAM[action] else ReviewStatus.RELEASED
            self.queue.resolve(waiting, status, voice.user_id, comment)

    def _correct(self, item: ReviewItem, voice: Voice, action: str, correction_id: str) -> None:
        """Nobody corrects a verdict on their own text, and who counts nothing is left out."""
        print_ = restored(item.fingerprint)
        now = self._now()
        group = self.corrections.group_of(print_, reading_tokens(item.content), now.timestamp())
        trust = voice.trust if voice.is_moderator else voice.trust * self._credit(voice.user_id)
        if not group or not trust or voice.user_id == item.user_id:
            return
        correction = Correction(
            correction_id=correction_id,
            decision_id=item.decision_id,
            campaign_id=item.campaign_id,
            group=group,
            is_spam=_IS_SPAM[action],
            by=voice.user_id,
            trust=trust,
            is_moderator=voice.is_moderator and action != "reported",
            author_id=item.user_id,
            at=now,
            fingerprint=item.fingerprint,
            hosts=item.hosts,
        )
        self._records.corrections.add(correction)
        self.corrections.add(correction)

    def _credit(self, user_id: str) -> float:
        """Less for those with whom moderators did not agree."""
        agreed, differed = self.corrections.record_of(user_id)
        return (2.0 + agreed) / (2.0 + agreed + 4.0 * differed)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)
