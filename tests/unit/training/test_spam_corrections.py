"""Moderators' words as examples."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pyarrow as pa

from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.stores.lake.tables import DECISIONS, FEEDBACK
from quikapp_ml.training.spam_corrections import Corrected, corrected_checks

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def decision(number: int, **more: Any) -> dict[str, Any]:
    given = {
        "decision_id": f"d-{number}",
        "kind": "spam-check",
        "decided_at": NOW + timedelta(minutes=number),
        "user_id": "mal",
        "request": orjson.dumps({"content": f"text {number}"}).decode(),
        "features": orjson.dumps({"reports_received": 2, "link_count": 1.0}).decode(),
    }
    return {**given, **more}


def word(number: int, action: str, value: float | None = 1.0, minutes: int = 0, user_id: str = "ada") -> dict[str, Any]:
    return {
        "feedback_id": f"f-{number}-{minutes}",
        "decision_id": f"d-{number}",
        "received_at": NOW + timedelta(days=1, minutes=minutes),
        "user_id": user_id,
        "action": action,
        "value": value,
    }


def lake_of(decisions: list[dict[str, Any]], feedback: list[dict[str, Any]]) -> MemoryLake:
    lake = MemoryLake()
    for table, rows in ((DECISIONS, decisions), (FEEDBACK, feedback)):
        lake.ensure(table)
        lake.append(table.name, pa.Table.from_pylist(rows, schema=table.columns))
    return lake


def test_the_last_word_counts_with_the_features_of_the_decision() -> None:
    said = [word(1, "spam"), word(1, "ham", minutes=5), word(2, "spam")]
    found = corrected_checks(lake_of([decision(2), decision(1)], said))
    author = {"reports_received": 2.0}
    assert found == [
        Corrected("text 1", author, False, decision(1)["decided_at"].timestamp()),
        Corrected("text 2", author, True, decision(2)["decided_at"].timestamp()),
    ]


def test_votes_own_texts_other_kinds_and_what_was_erased_are_left_out() -> None:
    decisions = [
        decision(1), decision(2, user_id="ada"), decision(3, kind="rank"), decision(4, request=None), decision(5),
    ]  # fmt: skip
    said = [word(1, "spam", value=0.5), word(5, "spam", value=None), word(5, "appeal")]
    said += [word(number, "spam") for number in (2, 3, 4, 9)]
    assert corrected_checks(lake_of(decisions, said)) == []


def test_a_home_without_feedback_has_none() -> None:
    assert corrected_checks(MemoryLake()) == []
    assert corrected_checks(lake_of([], [])) == []
