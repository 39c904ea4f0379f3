"""What the service answers: frozen values without a web framework; their fields are the HTTP contract's.

Answers have no slots: orjson writes a dataclass from its `__dict__` about five times faster.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ItemType = Literal["channel", "user", "message"]
SpamAction = Literal["allow", "flag", "throttle", "hold", "block"]
SentimentLabel = Literal["negative", "neutral", "positive"]

DecisionKind = Literal["recommendations", "rank", "spam-check", "sentiment", "invocation"]

ITEM_TYPES: tuple[ItemType, ...] = ("channel", "user", "message")
SENTIMENT_LABELS: tuple[SentimentLabel, ...] = ("negative", "neutral", "positive")


@dataclass(frozen=True)
class ModelRef:
    """The model version that answered; version `rules` means that no model could."""

    name: str
    version: str


@dataclass(frozen=True)
class Reason:
    """Why an item is recommended: a code for programs and a sentence for people."""

    code: str
    text: str


@dataclass(frozen=True)
class RecommendedItem:
    """One place of a recommendation list; `rank` begins at 1."""

    item_id: str
    item_type: ItemType
    score: float
    rank: int
    source: str
    reasons: tuple[Reason, ...]
    contributions: Mapping[str, float] | None = None
    """What each feature added to the score; only when it was asked for (`explain`)."""


@dataclass(frozen=True)
class RecommendationAnswer:
    """Recommendations for one person."""

    decision_id: str
    user_id: str
    recommendations: tuple[RecommendedItem, ...]
    model: ModelRef
    experiment: Mapping[str, Any] | None = None
    degraded: bool = False
    fewer: Reason | None = None
    """Why there are fewer items than were asked for."""


@dataclass(frozen=True)
class RankedItem:
    """One place of a ranking; `rank` begins at 1."""

    item_id: str
    score: float
    rank: int
    contributions: Mapping[str, float] | None = None


@dataclass(frozen=True)
class RankAnswer:
    """The given items in a better order."""

    decision_id: str
    user_id: str
    items: tuple[RankedItem, ...]
    model: ModelRef
    experiment: Mapping[str, Any] | None = None
    degraded: bool = False


@dataclass(frozen=True)
class Span:
    """A place in a text: code points `start` to `end` (exclusive), and in answers also as browsers count, in UTF-16."""

    start: int
    end: int
    utf16_start: int | None = None
    utf16_end: int | None = None


@dataclass(frozen=True)
class Evidence:
    """One signal of a spam check; its weight is a part of the logit."""

    signal: str
    weight: float
    detail: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class SpamAnswer:
    """A spam check: `bias` plus the weights of all evidence is `logit`, whose logistic is `spam_probability`."""

    decision_id: str
    is_spam: bool
    spam_probability: float
    action: SpamAction
    abuse: Mapping[str, float]
    evidence: tuple[Evidence, ...]
    bias: float
    logit: float
    model: ModelRef
    degraded: bool = False
    policy_version: str = "spam-0"
    """The newest change of the policies that hold where the text is to be posted; 0 is the built-in one."""
    policy_rule: str | None = None
    """The field of the policy that led to the action, where it was not the thresholds."""
    campaign_id: str | None = None
    """The same for texts that are nearly the same; None for a short one."""


@dataclass(frozen=True)
class SentimentReading:
    """The sentiment of one message; `scores` add up to 1."""

    id: str
    sentiment: SentimentLabel
    scores: Mapping[SentimentLabel, float]
    confidence: float


@dataclass(frozen=True)
class MessageProblem:
    """Why one message of a list could not be read; the others were."""

    id: str
    code: str
    message: str


@dataclass(frozen=True)
class SentimentAnswer:
    """Sentiment of a list of messages; `summary` counts the labels and averages the scores."""

    decision_id: str
    results: tuple[SentimentReading, ...]
    errors: tuple[MessageProblem, ...]
    summary: Mapping[str, Any]
    model: ModelRef
    degraded: bool = False


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one event of a list was not taken; `path` names the field."""

    index: int
    code: str
    message: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a list of events: the accepted ones are on the disk."""

    accepted: int
    duplicates: int
    rejected: tuple[Rejection, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer as the ledger keeps it (table `decisions`)."""

    decision_id: str
    kind: DecisionKind
    user_id: str | None
    model: ModelRef
    request: Mapping[str, Any]
    answer: Any
    """A mapping, or one of the answers above."""
    latency_ms: float
    features: Mapping[str, Any] = field(default_factory=dict)
    candidates: Mapping[str, Any] = field(default_factory=dict)
    """What was chosen from, with all feature values and scores, where that is more than `features`."""
    model_number: int | None = None
    """Number of the version in the registry; None for a starter model that is not registered yet."""
    model_alias: str | None = None
    policy_version: str | None = None
    endpoint: str | None = None
    """The serving endpoint that was invoked; None for an answer under `/api/ml`."""
    experiment: str | None = None
    unit: str | None = None
    """The id that the experiment divides by: of a user, a channel, a workspace."""
    variant: str | None = None
    propensity: float | None = None
    """How likely the unit was to get its variant; without an experiment, how likely a list to end as it does."""
    assignment: str | None = None
    """How the unit came to its variant: hash, override, or fallback when the variant could not answer."""
    degraded: bool = False
