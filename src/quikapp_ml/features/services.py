"""Feature services: of which features of which views a model's inputs are made; kept with every version of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from quikapp_ml.errors import Damaged

SERVICE_TAG = "feature_service"
INPUTS_TAG = "feature_inputs"


@dataclass(frozen=True)
class FeatureService:
    """What a model is told, by name."""

    name: str
    inputs: Mapping[str, tuple[str, ...]] = field(hash=False)
    """Feature view, or feature table → the features that are read."""

    def tags(self) -> dict[str, str]:
        """As a model version keeps it."""
        return {SERVICE_TAG: self.name, INPUTS_TAG: orjson.dumps(dict(self.inputs)).decode()}


FEATURE_SERVICES: Mapping[str, FeatureService] = {
    "recommendation-v2": FeatureService(
        "recommendations",
        {
            "channel_activity": ("messages_7d", "joins_30d"),
            "user_channel_affinity": ("posted_14d", "reacted_14d", "read_14d", "last_posted_at"),
            "user_user_affinity": ("replied_30d", "reacted_30d", "mentioned_30d"),
        },
    ),
    "content-ranker": FeatureService(
        "ranking",
        {
            "channel_activity": ("messages_7d", "joins_30d"),
            "user_channel_affinity": ("posted_14d", "reacted_14d", "read_14d"),
            "user_user_affinity": ("replied_30d", "reacted_30d", "mentioned_30d"),
        },
    ),
    "spam-classifier": FeatureService(
        "spam_check",
        {
            "user_activity": ("message_rate_1h",),
            "user_reputation": ("reports", "replies_earned", "reactions_earned", "mentions_earned"),
        },
    ),
    "sentiment-bert": FeatureService("sentiment", {}),
}
"""Of the models that come with the package; sentiment is read from the text alone."""


def tags_of(model: str) -> dict[str, str]:
    """What a new version of a model keeps of its feature service; nothing of a model that has none."""
    return FEATURE_SERVICES[model].tags() if model in FEATURE_SERVICES else {}


def service_of(model: str, tags: Mapping[str, str]) -> FeatureService | None:
    """The service that a version of the model keeps, else that of the model's name. Raises Damaged."""
    if SERVICE_TAG not in tags:
        return FEATURE_SERVICES.get(model)
    try:
        inputs = {source: tuple(names) for source, names in orjson.loads(tags.get(INPUTS_TAG, "{}")).items()}
    except (orjson.JSONDecodeError, AttributeError, TypeError) as error:
        raise Damaged(f"tag {INPUTS_TAG} of a version of {model} is not what was written there: {error}") from error
    return FeatureService(tags[SERVICE_TAG], inputs)
