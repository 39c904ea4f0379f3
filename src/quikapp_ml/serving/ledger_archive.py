"""Decisions that were made, read back: from the tables, and, those of the last second, from the spool."""

import random
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from quikapp_ml.entities.decisions import ModelRef
from quikapp_ml.errors import NotFound
from quikapp_ml.serving.decisions import Inputs, made_at_ms
from quikapp_ml.serving.erasure import ERASED
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.tables import DECISIONS
from quikapp_ml.stores.spool.base import Spool

RECENT_MS = 10_000
_JSON_COLUMNS = ("request", "features", "candidates", "answer")


@dataclass(frozen=True)
class Recorded:
    """One row of the ledger. Texts of JSON are read; `answer_text` is the answer byte for byte."""

    decision_id: str
    kind: str
    decided_at: datetime
    user_id: str | None
    model: ModelRef
    model_number: int | None
    columns: Mapping[str, Any]
    """All columns, those of JSON as values."""
    answer_text: str | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Recorded":
        """Read a row of the table."""
        parsed = {name: orjson.loads(row[name]) if row.get(name) else None for name in _JSON_COLUMNS}
        return cls(
            decision_id=row["decision_id"],
            kind=row["kind"],
            decided_at=row["decided_at"],
            user_id=row["user_id"],
            model=ModelRef(row["model_name"], row["model_version"]),
            model_number=row["model_number"],
            columns={**dict.fromkeys(DECISIONS.columns.names), **row, **parsed},
            answer_text=row["answer"],
        )

    @property
    def is_erased(self) -> bool:
        """Whether the asker was erased: the row is kept, what it held of them is not."""
        return self.user_id == ERASED

    @property
    def is_whole(self) -> bool:
        """Whether all is there that the answer was made from."""
        return self.columns["inputs"] in (Inputs.KEPT, Inputs.HASHED) and self.columns["request"] is not None

    @property
    def names_erased(self) -> bool:
        """Whether somebody who was named in it was erased."""
        return any(_holds(self.columns[name], ERASED) for name in _JSON_COLUMNS)


class DecisionArchive:
    """Finds decisions. Without a spool it knows what the tables have. It reads stores: not for the event loop."""

    def __init__(self, lake: Lake, spool: Spool | None = None) -> None:
        self._lake = lake
        self._spool = spool

    def find(self, decision_id: str) -> Recorded:
        """One decision. Raises NotFound."""
        row = self._waiting(decision_id) or next(iter(self._in_tables([decision_id])), None)
        if row is None:
            raise NotFound(
                f"there is no decision {decision_id!r}; give the decision_id of an answer, "
                "which is in the tables about a second after it was given"
            )
        return Recorded.from_row(row)

    def sample(self, number: int, seed: int) -> list[Recorded]:
        """So many decisions by chance, or all there are, in the order of their ids; the same ones for a seed."""
        if not self._lake.exists(DECISIONS.name):
            return []
        ids = sorted(self._lake.read(DECISIONS.name, ["decision_id"])["decision_id"].to_pylist())
        chosen = random.Random(seed).sample(ids, min(number, len(ids)))  # noqa: S311 no secret
        return sorted(map(Recorded.from_row, self._in_tables(chosen)), key=lambda one: one.decision_id)

    def _in_tables(self, decision_ids: Iterable[str]) -> list[dict[str, Any]]:
        if not self._lake.exists(DECISIONS.name):
            return []
        return list(self._lake.find(DECISIONS.name, "decision_id", list(decision_ids)).to_pylist())

    def _waiting(self, decision_id: str) -> dict[str, Any] | None:
        if self._spool is None:
            return None
        made_ms = made_at_ms(decision_id)
        if made_ms is not None and abs(time.time() * 1000 - made_ms) < RECENT_MS:
            self._spool.sync()  # only what is on the disk can be read back
        mark = b'"%s"' % decision_id.encode("utf-8", "replace")
        for frame in self._spool.read(0):
            if frame.table != DECISIONS.name or mark not in frame.body:
                continue
            for line in frame.body.splitlines():
                row = orjson.loads(line)
                if row["decision_id"] == decision_id:
                    decided_at = datetime.fromisoformat(row["decided_at"])
                    return {"user_id": None, "model_number": None, **row, "decided_at": decided_at}
        return None


def _holds(value: Any, text: str) -> bool:
    if isinstance(value, dict):
        return any(_holds(each, text) for pair in value.items() for each in pair)
    if isinstance(value, list):
        return any(_holds(each, text) for each in value)
    return isinstance(value, str) and text in value
