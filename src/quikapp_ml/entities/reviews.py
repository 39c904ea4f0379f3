"""What a moderator decides about a message that waits."""

from typing import Literal

from quikapp_ml.entities.events import Id, ShortText
from quikapp_ml.entities.questions import Question


class ReviewResolution(Question):
    """Release the message, or remove it; without `user_id`, whoever holds the key to this service decides."""

    resolution: Literal["release", "remove"]
    user_id: Id | None = None
    comment: ShortText = ""
    whole_campaign: bool = False
    """All open messages of the campaign with it."""
