"""Decisions run again: is the answer the same, byte for byte, and if not, what differs and why."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice, zip_longest
from typing import Any

import orjson

from quikapp_ml.entities.decisions import ModelRef
from quikapp_ml.errors import NotFound, QuikAppMLError
from quikapp_ml.models.base import Model
from quikapp_ml.serving.decisions import Inputs, json_text
from quikapp_ml.serving.invocation_log import invoked_answer
from quikapp_ml.serving.invocations import Invocation, predictions
from quikapp_ml.serving.ledger_archive import Recorded
from quikapp_ml.serving.replay_kinds import REMAKES
from quikapp_ml.serving.replay_models import Pinned, PinnedModels
from quikapp_ml.serving.scoring import RULES

MOST_DIFFERENCES = 20


class Outcome(StrEnum):
    """What came of running a decision again."""

    EQUAL = "equal"
    DIFFERENT = "different"
    ERASED = "erased"
    NOT_KEPT = "not_kept"
    """The row is there without its inputs: sampled out, or written by an older version of this service."""
    GONE = "gone"
    """The model version is kept nowhere any more."""
    FAILED = "failed"


@dataclass(frozen=True)
class Difference:
    """One place where two answers differ; None where one of them has nothing."""

    path: str
    recorded: Any
    replayed: Any


@dataclass(frozen=True)
class Replay:
    """One decision, run again."""

    decision_id: str
    kind: str
    outcome: Outcome
    why: str
    differences: tuple[Difference, ...] = ()

    @property
    def is_explained(self) -> bool:
        """Whether the answer came out the same, or was known not to: a person was erased, or the inputs not kept."""
        return self.outcome in (Outcome.EQUAL, Outcome.ERASED, Outcome.NOT_KEPT)


AnswerNow = Callable[[Recorded, Model | None, ModelRef], Any]
"""Answers the recorded question from the features of this moment."""


class Replayer:
    """Runs decisions again from their rows and pinned models.

    `now` answers with the features of this moment instead of the recorded ones. An alias is looked up once: all that is
    run again by one replayer has the same version, also while the alias moves.
    """

    def __init__(self, models: PinnedModels, now: AnswerNow | None = None) -> None:
        self._models = models
        self._now = now
        self._pointed_to: dict[tuple[str, str], Pinned] = {}

    def replay(self, row: Recorded, alias: str | None = None) -> Replay:
        """Run one again, by the model that made it, or by the one that the alias points to now."""
        missing = _missing(row)
        if missing is not None:
            return missing
        try:
            text = self._invoked(row, alias) if row.kind == "invocation" else self._answered(row, alias)
        except NotFound as error:
            return _outcome(row, Outcome.GONE, str(error))
        except (QuikAppMLError, KeyError, TypeError, ValueError) as error:
            return _outcome(row, Outcome.FAILED, f"it cannot be run again: {error!r}")
        return _compared(row, text, is_counterfactual=alias is not None or self._now is not None)

    def _answered(self, row: Recorded, alias: str | None) -> str:
        if row.kind not in REMAKES:
            raise NotFound(f"decisions of kind {row.kind!r} are made by nothing that this version knows")
        by, model = row.model, None
        if alias is not None:
            pinned = self._by_alias(row.model.name, alias)
            by, model = pinned.ref, pinned.model
        elif row.model.version != RULES:
            model = self._models.version(row.model, row.model_number).model
        make = self._now or REMAKES[row.kind]
        return json_text(make(row, model, by))

    def _by_alias(self, name: str, alias: str) -> Pinned:
        if (name, alias) not in self._pointed_to:
            self._pointed_to[name, alias] = self._models.by_alias(name, alias)
        return self._pointed_to[name, alias]

    def _invoked(self, row: Recorded, alias: str | None) -> str:
        request = row.columns["request"]
        body = orjson.dumps(request["json"]) if "json" in request else request["text"].encode()
        invocation = Invocation.read(body, request["content_type"])
        if row.columns["answer"]["alone"]:
            pinned = (
                self._models.version(row.model, row.model_number)
                if alias is None
                else self._by_alias(row.model.name, alias)
            )
            columns = invocation.columns(pinned.model.inputs)
            if columns is None:
                raise ValueError("the recorded request has not the columns that the model reads")
            scored = predictions(pinned.model.predict(columns))
        else:
            number = row.model_number
            if alias is not None:
                number = self._by_alias(row.model.name, alias).number
            scored = self._models.served(row.model.name, number or 0).answer_now(invocation)
        return json_text(invoked_answer(scored.status, scored.body, alone=row.columns["answer"]["alone"]))


def _missing(row: Recorded) -> Replay | None:
    if row.is_erased:
        return _outcome(row, Outcome.ERASED, "the person was erased: the row is kept, its inputs and answer are gone")
    if row.is_whole:
        return None
    if row.columns["inputs"] == Inputs.SAMPLED_OUT:
        why = "its inputs were not kept: the sampling of its kind left them out"
    else:
        why = "it was written by an older version, which did not keep all that it was made from"
    return _outcome(row, Outcome.NOT_KEPT, why)


def _compared(row: Recorded, text: str, *, is_counterfactual: bool) -> Replay:
    if text == row.answer_text:
        return _outcome(row, Outcome.EQUAL, "the answer is the same, byte for byte")
    found = tuple(islice(differences(row.columns["answer"], orjson.loads(text)), MOST_DIFFERENCES))
    if is_counterfactual:
        return _outcome(row, Outcome.DIFFERENT, "other models or other features give another answer", found)
    if row.names_erased:
        return _outcome(row, Outcome.ERASED, "somebody who is named in it was erased", found)
    if row.columns["inputs"] == Inputs.HASHED:
        why = "IP addresses in the question were hashed, so it is not word for word what was asked"
        return _outcome(row, Outcome.DIFFERENT, why, found)
    return _outcome(row, Outcome.DIFFERENT, "the same inputs and the same model gave another answer", found)


def _outcome(row: Recorded, outcome: Outcome, why: str, found: tuple[Difference, ...] = ()) -> Replay:
    return Replay(row.decision_id, row.kind, outcome, why, found)


def differences(recorded: Any, replayed: Any, path: str = "") -> Iterator[Difference]:
    """All places where two values of JSON differ."""
    if isinstance(recorded, Mapping) and isinstance(replayed, Mapping):
        for name in dict.fromkeys((*recorded, *replayed)):
            yield from differences(recorded.get(name), replayed.get(name), f"{path}.{name}" if path else str(name))
    elif isinstance(recorded, list) and isinstance(replayed, list):
        for at, (one, other) in enumerate(zip_longest(recorded, replayed)):
            yield from differences(one, other, f"{path}.{at}")
    elif recorded != replayed:
        yield Difference(path, recorded, replayed)
