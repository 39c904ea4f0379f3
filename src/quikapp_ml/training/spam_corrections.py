"""What moderators said of spam checks, as examples: the text as checked, with the features that it was judged by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from quikapp_ml.models.behaviour import AUTHOR_FEATURES
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.tables import DECISIONS, FEEDBACK

MODERATORS_WORD = 1.0
"""`value` of feedback that is a moderator's; others' is less, and labels come of it only as reports of messages do."""
MAX_CORRECTIONS = 5_000
_SAYS = {"spam": True, "ham": False}


@dataclass(frozen=True)
class Corrected:
    """One check that a moderator has corrected, or confirmed; `at` is unix seconds of the check."""

    content: str
    author: Mapping[str, float]
    is_spam: bool
    at: float


def corrected_checks(lake: Lake) -> list[Corrected]:
    """The last word on each of the checks that moderators spoke about last, in the order of the checks."""
    if not (lake.exists(FEEDBACK.name) and lake.exists(DECISIONS.name)):
        return []
    columns = ["decision_id", "received_at", "user_id", "action", "value"]
    said = [
        row
        for row in lake.read(FEEDBACK.name, columns).to_pylist()
        if row["action"] in _SAYS and (row["value"] or 0.0) >= MODERATORS_WORD
    ]
    said.sort(key=lambda row: (row["received_at"], row["decision_id"]))
    last = {row["decision_id"]: row for row in said[-MAX_CORRECTIONS:]}
    decisions = lake.find(DECISIONS.name, "decision_id", list(last)).to_pylist() if last else []
    found = (_corrected(decision, last[decision["decision_id"]]) for decision in decisions)
    return sorted((each for each in found if each is not None), key=lambda each: (each.at, each.content))


def _corrected(decision: Mapping[str, Any], word: Mapping[str, Any]) -> Corrected | None:
    """None for what is no spam check, was erased or sampled out, or is the moderator's own text."""
    is_known = decision["kind"] == "spam-check" and decision["request"] and decision["features"]
    if not is_known or decision["user_id"] == word["user_id"]:
        return None
    content, features = orjson.loads(decision["request"])["content"], orjson.loads(decision["features"])
    author = {name: float(features[name]) for name in AUTHOR_FEATURES if name in features}
    return Corrected(content, author, _SAYS[word["action"]], decision["decided_at"].timestamp())
