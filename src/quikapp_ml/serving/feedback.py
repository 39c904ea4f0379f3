"""Feedback in: what people did with an answer, on its way to the table `feedback`, and to verdicts on the like."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from quikapp_ml.entities.questions import Feedback
from quikapp_ml.entities.reviews import ReviewResolution
from quikapp_ml.errors import NotFound
from quikapp_ml.serving.decisions import DecisionLedger, time_ordered_id
from quikapp_ml.serving.moderation import JUDGEMENTS, Moderation, weight_of
from quikapp_ml.stores.lake.tables import FEEDBACK
from quikapp_ml.stores.spool.base import Spool

_AS_FEEDBACK = {"release": "ham", "remove": "spam"}


@dataclass(frozen=True)
class ReviewResolved:
    """What a moderator's word has resolved."""

    decision_id: str
    resolution: str
    resolved_by: str
    decision_ids: Sequence[str]


class FeedbackIntake:
    """Takes feedback. Only ids that were certainly never given out are refused: the ledger remembers the newest
    decisions, and feedback on an older one is taken as it is and joins its decision in the lake.

    The `value` of what is said of a spam check is how much it counts: 1 a moderator's word, else at most a half.
    """

    def __init__(self, spool: Spool, ledger: DecisionLedger, moderation: Moderation) -> None:
        self._spool = spool
        self._ledger = ledger
        self._moderation = moderation

    async def accept(self, feedback: Feedback, now: datetime) -> str:
        """Write the feedback down and return its id when it is on the disk, and counts.

        Raises NotFound for a decision that was never made, InvalidInput and PermissionDenied for an appeal that is
        none, Overloaded and StorageFailed when it cannot be kept.
        """
        if self._ledger.was_made(feedback.decision_id) is False:
            raise NotFound(f"there is no decision {feedback.decision_id!r}; send the decision_id of an answer")
        voice = self._moderation.voice_of(feedback.user_id)
        is_judgement = feedback.action in JUDGEMENTS
        if is_judgement:
            await asyncio.to_thread(self._moderation.check_feedback, feedback)
        fields = feedback.model_dump(exclude_none=True)
        if is_judgement:
            fields["value"] = weight_of(voice, feedback.action)
        (feedback_id,) = await self._keep([fields], now)
        if is_judgement:
            await asyncio.to_thread(self._moderation.take, feedback, voice, feedback_id)
        return feedback_id

    async def resolve(self, decision_id: str, asked: ReviewResolution, holder: str, now: datetime) -> ReviewResolved:
        """Let a moderator decide: it is feedback, too. `holder` has the key to this service.

        Raises NotFound for what is not in the queue, Conflict for what is resolved, PermissionDenied for who may not.
        """
        voice = self._moderation.moderator(asked.user_id, holder)
        items = await asyncio.to_thread(
            self._moderation.to_resolve, decision_id, voice, whole_campaign=asked.whole_campaign
        )
        action = _AS_FEEDBACK[asked.resolution]
        said = {"action": action, "user_id": voice.user_id, "value": weight_of(voice, action)}
        comment = {"comment": asked.comment} if asked.comment else {}
        ids = await self._keep([{"decision_id": item.decision_id, **said, **comment} for item in items], now)
        await asyncio.to_thread(self._moderation.resolve, items, asked.resolution, voice, asked.comment, ids[0])
        return ReviewResolved(decision_id, asked.resolution, voice.user_id, [item.decision_id for item in items])

    async def _keep(self, given: Sequence[Mapping[str, Any]], now: datetime) -> list[str]:
        ids = [time_ordered_id(int(now.timestamp() * 1000)) for _ in given]
        rows = [
            orjson.dumps({"feedback_id": feedback_id, "received_at": now, **fields}, option=orjson.OPT_UTC_Z)
            for feedback_id, fields in zip(ids, given, strict=True)
        ]
        await self._spool.durable(self._spool.append(FEEDBACK.name, rows))
        return ids
