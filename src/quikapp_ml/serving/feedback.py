"""Feedback in: what people did with an answer, on its way to the table `feedback`."""

from datetime import datetime

import orjson

from quikapp_ml.entities.questions import Feedback
from quikapp_ml.errors import NotFound
from quikapp_ml.serving.decisions import DecisionLedger, time_ordered_id
from quikapp_ml.stores.lake.tables import FEEDBACK
from quikapp_ml.stores.spool.base import Spool


class FeedbackIntake:
    """Takes feedback. Only ids that were certainly never given out are refused: the ledger remembers the newest
    decisions, and feedback on an older one is taken as it is and joins its decision in the lake.
    """

    def __init__(self, spool: Spool, ledger: DecisionLedger) -> None:
        self._spool = spool
        self._ledger = ledger

    async def accept(self, feedback: Feedback, now: datetime) -> str:
        """Write the feedback down and return its id when it is on the disk.

        Raises NotFound for a decision that was never made, Overloaded and StorageFailed when it cannot be kept.
        """
        if self._ledger.was_made(feedback.decision_id) is False:
            raise NotFound(f"there is no decision {feedback.decision_id!r}; send the decision_id of an answer")
        feedback_id = time_ordered_id(int(now.timestamp() * 1000))
        fields = feedback.model_dump(exclude_none=True)
        row = orjson.dumps({"feedback_id": feedback_id, "received_at": now, **fields}, option=orjson.OPT_UTC_Z)
        await self._spool.durable(self._spool.append(FEEDBACK.name, [row]))
        return feedback_id
