"""What is kept of an answered invocation: a decision in the ledger, and a row of the inference table that wants one."""

from collections.abc import Mapping
from typing import Any, Protocol

from quikapp_ml.entities.decisions import Decision, ModelRef
from quikapp_ml.serving.invocations import Invocation, Scored
from quikapp_ml.serving.loading import Loaded
from quikapp_ml.serving.payload_log import Answered, PayloadLog

_ANSWERED = 200


class Ledger(Protocol):
    """The decision ledger, as far as it is written to."""

    def new_decision_id(self) -> str:
        """An id that was never given out."""

    def record(self, decision: Decision) -> None:
        """Write a decision down; never raises."""


class InvocationLog:
    """Writes both down without waiting for the disk. A refused request is no decision."""

    def __init__(self, payloads: PayloadLog, ledger: Ledger) -> None:
        self._payloads = payloads
        self._ledger = ledger

    def by_entity(self, invocation: Invocation, scored: Scored, answered: Answered, table: str | None) -> None:
        """An endpoint's entity answered; `table` is the inference table that wants a row of it."""
        if table is not None:
            self._payloads.record(table, invocation, scored, answered)
        model = ModelRef(answered.model, answered.version)
        self._record(invocation, scored, model, answered, number=int(answered.version), alias=None)

    def by_model_alone(self, invocation: Invocation, scored: Scored, loaded: Loaded, answered: Answered) -> None:
        """The model of a built-in endpoint scored columns of features by itself."""
        self._record(invocation, scored, loaded.ref, answered, number=loaded.number, alias=loaded.alias, alone=True)

    def _record(
        self,
        invocation: Invocation,
        scored: Scored,
        model: ModelRef,
        answered: Answered,
        **known: Any,
    ) -> None:
        if scored.status != _ANSWERED:
            return
        self._ledger.record(
            Decision(
                decision_id=self._ledger.new_decision_id(),
                kind="invocation",
                user_id=invocation.user or None,
                model=model,
                request=_request(invocation),
                answer=invoked_answer(scored.status, scored.body, alone=known.get("alone", False)),
                latency_ms=answered.latency_ms,
                model_number=known["number"],
                model_alias=known["alias"],
                endpoint=answered.endpoint,
            )
        )


def invoked_answer(status: int, body: bytes, *, alone: bool) -> dict[str, Any]:
    """The answer to an invocation as the ledger keeps it; `alone` is the model of a built-in endpoint by itself."""
    return {"status": status, "body": body.decode("utf-8", "replace"), "alone": alone}


def _request(invocation: Invocation) -> Mapping[str, Any]:
    if invocation.parsed is not None:
        return {"content_type": invocation.content_type, "json": invocation.parsed}
    return {"content_type": invocation.content_type, "text": invocation.body.decode("utf-8", "replace")}
