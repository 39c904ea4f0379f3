"""What the OpenAPI document says of bodies and answers. Their schemas come from the very classes that are used."""

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, TypedDict

from pydantic import Discriminator, TypeAdapter

from quikapp_ml.api.experiment_schemas import EXAMPLES, EXPERIMENT_ANSWERS, EXPERIMENT_OPERATIONS, EXPERIMENT_QUESTIONS
from quikapp_ml.api.feature_schemas import OnlineFeaturesQuestion
from quikapp_ml.api.rollout_schemas import ROLLOUT_ANSWERS, ROLLOUT_EXAMPLES, ROLLOUT_OPERATIONS, ROLLOUT_QUESTIONS
from quikapp_ml.entities.decisions import RankAnswer, Receipt, RecommendationAnswer, SentimentAnswer, SpamAnswer
from quikapp_ml.entities.events import Event
from quikapp_ml.entities.questions import (
    Feedback,
    RankQuestion,
    RecommendationQuestion,
    SentimentQuestion,
    SpamQuestion,
)
from quikapp_ml.entities.reviews import ReviewResolution
from quikapp_ml.entities.spam_policy import SpamPolicyChange, SpamPolicyFields
from quikapp_ml.serving.channel_mood import ChannelMood
from quikapp_ml.serving.feedback import ReviewResolved
from quikapp_ml.serving.health import HealthReport
from quikapp_ml.serving.ledger_view import DecisionExplained
from quikapp_ml.serving.online_features import Catalogue, FeaturesAnswer
from quikapp_ml.serving.review import ReviewList
from quikapp_ml.serving.spam_policy import DryRunAnswer, PolicyAnswer, PolicyHistory

MAX_EVENTS = 1_000
_REF = "#/components/schemas/{model}"


@dataclass(frozen=True)
class FeedbackReceipt:
    """The feedback is on the disk."""

    feedback_id: str
    decision_id: str


@dataclass(frozen=True)
class HealthState:
    """One word on the state of the process."""

    status: Literal["live", "ready", "not ready"]


@dataclass(frozen=True)
class ErrorDetail:
    """One thing that is wrong with a request; `given` is null when nothing was given."""

    path: str
    code: str
    message: str
    given: str | None
    allowed: str | None = None


@dataclass(frozen=True)
class ErrorBody:
    """What went wrong: a code for programs, a sentence for people, and each field by itself."""

    code: str
    message: str
    details: list[ErrorDetail]


@dataclass(frozen=True)
class ErrorAnswer:
    """Every error of the service."""

    error: ErrorBody
    request_id: str


@dataclass(frozen=True)
class Operation:
    """What the document says of one operation."""

    summary: str
    answer: str | None
    status: int = 200
    body: str | None = None
    example: Any = None
    errors: tuple[int, ...] = ()


_POST_ERRORS = (400, 408, 413, 415, 422, 503)
_CHANGE_ERRORS = (*_POST_ERRORS, 409)
_POLICY_EXAMPLE = {
    "thresholds": {"flag": 0.5, "throttle": 0.8, "hold": 0.95},
    "exempt_roles": ["admin", "owner"],
    "blocked_domains": ["win.example"],
    "comment": "nothing is blocked without a moderator",
}

OPERATIONS: dict[str, Operation] = {
    "events": Operation(
        "Take events",
        "Receipt",
        202,
        "Events",
        {
            "events": [
                {
                    "event_id": "event-1",
                    "type": "message",
                    "event_time": "2026-11-23T08:00:00+00:00",
                    "user_id": "user-123",
                    "channel_id": "channel-456",
                    "message_id": "msg-1",
                    "content": "Good morning! Who looks after the release today?",
                },
                {
                    "event_id": "event-2",
                    "type": "reaction",
                    "event_time": "2026-11-23T08:01:30+00:00",
                    "user_id": "user-789",
                    "channel_id": "channel-456",
                    "message_id": "msg-1",
                    "reaction": "wave",
                },
            ]
        },
        _POST_ERRORS,
    ),
    "recommendations": Operation(
        "Recommend",
        "RecommendationAnswer",
        200,
        "RecommendationQuestion",
        {"user_id": "user-123", "context": {"channel_id": "channel-456", "time_of_day": "morning"}, "limit": 10},
        _POST_ERRORS,
    ),
    "rank": Operation(
        "Rank",
        "RankAnswer",
        200,
        "RankQuestion",
        {
            "user_id": "user-123",
            "query": "release notes",
            "items": [
                {"item_id": "msg-1", "content": "The release notes are ready for review"},
                {"item_id": "msg-2", "content": "Lunch at noon?"},
            ],
        },
        _POST_ERRORS,
    ),
    "spam-check": Operation(
        "Check for spam",
        "SpamAnswer",
        200,
        "SpamQuestion",
        {
            "content": "Check out this amazing offer!",
            "user_id": "user-789",
            "metadata": {"ip_address": "192.168.1.1", "user_agent": "Mozilla/5.0..."},
        },
        _POST_ERRORS,
    ),
    "sentiment": Operation(
        "Read sentiment",
        "SentimentAnswer",
        200,
        "SentimentQuestion",
        {
            "messages": [
                {"id": "msg-1", "content": "This is great!"},
                {"id": "msg-2", "content": "I'm frustrated with this issue"},
            ]
        },
        _POST_ERRORS,
    ),
    "channel_mood": Operation("How a channel sounded", "ChannelMood", errors=(403, 422, 503)),
    "online_features": Operation(
        "Read feature values",
        "FeaturesAnswer",
        200,
        "OnlineFeaturesQuestion",
        {"view": "user_activity", "features": ["message_count"], "keys": [{"user_id": "user-123"}]},
        (*_POST_ERRORS, 404),
    ),
    "features": Operation("List the features", "Catalogue"),
    "feedback": Operation(
        "Give feedback",
        "FeedbackReceipt",
        202,
        "Feedback",
        {"decision_id": "the decision_id of an answer", "action": "click", "item_id": "channel-456"},
        (*_POST_ERRORS, 404),
    ),
    "decision": Operation("Explain a decision", "DecisionExplained", errors=(404,)),
    "policy": Operation("Show the policy", "PolicyAnswer", errors=(422,)),
    "change_policy": Operation(
        "Change the policy", "PolicyAnswer", 200, "SpamPolicyChange", _POLICY_EXAMPLE, _CHANGE_ERRORS
    ),
    "try_policy": Operation(
        "Try a policy", "DryRunAnswer", 200, "SpamPolicyFields", {"thresholds": {"flag": 0.4}}, _POST_ERRORS
    ),
    "policy_history": Operation("Who changed the policies", "PolicyHistory", errors=(422, 503)),
    "channel_policy": Operation("Show a channel's policy", "PolicyAnswer", errors=(422,)),
    "change_channel_policy": Operation(
        "Change a channel's policy", "PolicyAnswer", 200, "SpamPolicyChange", _POLICY_EXAMPLE, _CHANGE_ERRORS
    ),
    "try_channel_policy": Operation(
        "Try a channel's policy", "DryRunAnswer", 200, "SpamPolicyFields", {"thresholds": {"flag": 0.4}}, _POST_ERRORS
    ),
    "review": Operation("What waits for a moderator", "ReviewList", errors=(422, 503)),
    "resolve": Operation(
        "Release or remove",
        "ReviewResolved",
        200,
        "ReviewResolution",
        {"resolution": "release", "user_id": "user-123", "comment": "an ordinary offer of a colleague"},
        (*_POST_ERRORS, 403, 404, 409),
    ),
    **{
        name: Operation(summary, answer, status, body, {**EXAMPLES, **ROLLOUT_EXAMPLES}.get(body), errors)
        for name, summary, answer, status, body, errors in (*EXPERIMENT_OPERATIONS, *ROLLOUT_OPERATIONS)
    },
    "health": Operation("Health", "HealthReport"),
    "live": Operation("Is the process there?", "HealthState"),
    "ready": Operation("May requests be sent here?", "HealthState"),
    "metrics": Operation("Numbers for Prometheus", None),
}

_ERROR_MEANINGS = {
    400: "The body is not JSON.",
    403: "This person may not do that.",
    404: "There is no such thing.",
    408: "The body came too slowly.",
    409: "It was changed by somebody else, or is in a state that refuses this.",
    413: "The body is too large.",
    415: "The body is not said to be JSON.",
    422: "A field is wrong; `details` names it, what was given and what is allowed.",
    503: "Try again after `Retry-After` seconds; nothing was taken.",
}


class Documented(TypedDict):
    """Arguments of a route that only the OpenAPI document shows."""

    summary: str
    status_code: int
    responses: dict[int | str, dict[str, Any]]
    openapi_extra: dict[str, Any]


def documented(name: str) -> Documented:
    """What the document says of an operation, for the route's decorator."""
    operation = OPERATIONS[name]
    answer: dict[str, Any] = {"description": "The answer."}
    if operation.answer:
        answer["content"] = {"application/json": {"schema": _ref(operation.answer)}}
    else:
        answer["content"] = {"text/plain": {"schema": {"type": "string"}}}
    responses: dict[int | str, dict[str, Any]] = {operation.status: answer}
    for status in operation.errors:
        content = {"application/json": {"schema": _ref("ErrorAnswer")}}
        responses[status] = {"description": _ERROR_MEANINGS[status], "content": content}
    return Documented(
        summary=operation.summary,
        status_code=operation.status,
        responses=responses,
        openapi_extra=_request_body(operation),
    )


@cache
def component_schemas() -> dict[str, Any]:
    """Schemas of all bodies and answers, by name."""
    asked = (
        RecommendationQuestion,
        RankQuestion,
        SpamQuestion,
        SentimentQuestion,
        Feedback,
        OnlineFeaturesQuestion,
        SpamPolicyChange,
        SpamPolicyFields,
        ReviewResolution,
        *EXPERIMENT_QUESTIONS,
        *ROLLOUT_QUESTIONS,
    )
    answered = (
        RecommendationAnswer,
        RankAnswer,
        SpamAnswer,
        SentimentAnswer,
        ChannelMood,
        Receipt,
        FeaturesAnswer,
        Catalogue,
        FeedbackReceipt,
        DecisionExplained,
        PolicyAnswer,
        PolicyHistory,
        DryRunAnswer,
        ReviewList,
        ReviewResolved,
        *EXPERIMENT_ANSWERS,
        *ROLLOUT_ANSWERS,
        HealthReport,
        HealthState,
        ErrorAnswer,
    )
    adapters: list[tuple[str, Literal["validation", "serialization"], TypeAdapter[Any]]] = [
        ("Event", "validation", TypeAdapter(Annotated[Event, Discriminator("type")]))
    ]
    adapters += [(cls.__name__, "validation", TypeAdapter(cls)) for cls in asked]
    adapters += [(cls.__name__, "serialization", TypeAdapter(cls)) for cls in answered]
    found, definitions = TypeAdapter.json_schemas(adapters, ref_template=_REF)
    schemas: dict[str, Any] = dict(definitions["$defs"])
    schemas["Event"] = found["Event", "validation"]
    schemas["Events"] = {
        "type": "object",
        "properties": {
            "events": {"type": "array", "items": _ref("Event"), "minItems": 1, "maxItems": MAX_EVENTS},
        },
        "required": ["events"],
        "additionalProperties": False,
    }
    return schemas


def _request_body(operation: Operation) -> dict[str, Any]:
    if operation.body is None:
        return {}
    content = {"application/json": {"schema": _ref(operation.body), "example": operation.example}}
    return {"requestBody": {"required": True, "content": content}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(model=name)}
