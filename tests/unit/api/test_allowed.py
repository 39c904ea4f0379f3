from typing import Any

import pytest

from quikapp_ml.api.allowed import allowed_at
from quikapp_ml.entities.questions import Feedback, RankQuestion, RecommendationQuestion, SentimentQuestion
from quikapp_ml.entities.spam_policy import SpamPolicyFields

ITEM_FIELDS = "item_id, item_type, content, channel_id, author_id, created_at"


@pytest.mark.parametrize(
    ("model", "location", "allowed"),
    [
        (RecommendationQuestion, ("user_id",), "a string of 1 to 128 characters"),
        (RecommendationQuestion, ("limit",), "an integer of 1 to 100"),
        (RecommendationQuestion, ("types",), "a list of 1 to 3 items"),
        (RecommendationQuestion, ("types", 0), "one of channel, user, message"),
        (RecommendationQuestion, ("explain",), "true or false"),
        (RecommendationQuestion, ("context",), "an object"),
        (RecommendationQuestion, ("colour",), "the fields user_id, context, limit, types, explain"),
        (RecommendationQuestion, (), "an object with the fields user_id, context, limit, types, explain"),
        (RankQuestion, ("query",), "a string of at most 1000 characters or null"),
        (RankQuestion, ("items", 7, "created_at"), "an ISO 8601 time with its time zone or null"),
        (RankQuestion, ("items", 7, "x"), f"the fields {ITEM_FIELDS}"),
        (RankQuestion, ("items", 7), f"an object with the fields {ITEM_FIELDS}"),
        (SentimentQuestion, ("messages",), "a list of 1 to 1000 items"),
        (Feedback, ("value",), "a number or null"),
        (SpamPolicyFields, ("thresholds", "delete"), "the fields flag, throttle, hold, block"),
        (SpamPolicyFields, ("exempt_roles", 0), "one of guest, member, moderator, admin, owner"),
    ],
)  # fmt: skip
def test_what_a_field_allows_is_said_in_words(model: Any, location: tuple[int | str, ...], allowed: str) -> None:
    assert allowed_at(model.model_json_schema(), location) == allowed


def test_bounds_on_one_side() -> None:
    schema = {"properties": {"low": {"type": "integer", "minimum": 1}, "high": {"type": "number", "maximum": 2}}}
    assert allowed_at(schema, ("low",)) == "an integer of at least 1"
    assert allowed_at(schema, ("high",)) == "a number of at most 2"


def test_a_schema_that_says_nothing_allows_anything() -> None:
    assert allowed_at({"properties": {"x": {}}}, ("x",)) == "anything"
    assert allowed_at({"type": "object"}, ("x",)) is None
