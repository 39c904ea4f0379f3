"""Recorded checks as items of the review queue."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from quikapp_ml.entities.decisions import ModelRef
from quikapp_ml.models.fingerprint import fingerprint, stored
from quikapp_ml.models.reading import reading_tokens
from quikapp_ml.serving.erasure import ERASED
from quikapp_ml.serving.ledger_archive import Recorded
from quikapp_ml.serving.review_archive import item_of_record

AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
TEXT = "You have been selected for a free crypto airdrop, claim your tokens now"
COLUMNS: dict[str, Any] = {
    "request": {"content": TEXT, "user_id": "mal", "metadata": {}, "dry_run": False},
    "candidates": {"place": ["W1", "C1"], "hosts": ["win.example"], "campaign_id": "c-1", "policy_version": 4},
    "answer": {"action": "block", "spam_probability": 0.999, "evidence": [{"signal": "phrase", "weight": 2.0}]},
}
RECORDED = Recorded("d-1", "spam-check", AT, "mal", ModelRef("spam-classifier", "2.4.0"), 1, COLUMNS, None)


def test_a_recorded_check_is_an_item() -> None:
    item = item_of_record(RECORDED)
    assert item is not None
    assert (item.decision_id, item.workspace, item.channel, item.user_id) == ("d-1", "W1", "C1", "mal")
    assert (item.content, item.action, item.probability, item.policy_version) == (TEXT, "block", 0.999, 4)
    assert (item.evidence, item.decided_at) == (COLUMNS["answer"]["evidence"], AT)
    assert item.fingerprint == stored(fingerprint(reading_tokens(TEXT)))
    assert (item.campaign_id, item.hosts) == ("c-1", ("win.example",))


@pytest.mark.parametrize(
    "other",
    [
        replace(RECORDED, kind="rank"),
        replace(RECORDED, user_id=ERASED),
        replace(RECORDED, columns={**COLUMNS, "request": None}),
        replace(RECORDED, columns={**COLUMNS, "candidates": None}),
        replace(RECORDED, columns={**COLUMNS, "request": {**COLUMNS["request"], "dry_run": True}}),
    ],
)
def test_what_is_no_check_or_is_not_kept_is_none(other: Recorded) -> None:
    assert item_of_record(other) is None
