"""What the service is asked: frozen, strict values. They are the request bodies of the HTTP contract."""

from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from quikapp_ml.entities.decisions import ItemType
from quikapp_ml.entities.events import Id, ShortText, Text, Time

MAX_ITEMS = 1_000
MAX_MESSAGES = 1_000
MAX_OPEN_BYTES = 16 * 1024
MAX_OPEN_DEPTH = 32
DEFAULT_TYPES: tuple[ItemType, ...] = ("channel", "user", "message")


def _storable(given: dict[str, Any]) -> dict[str, Any]:
    """Open fields are kept with the decision: as JSON, of a bounded size."""
    if _is_deeper(given, MAX_OPEN_DEPTH):
        raise PydanticCustomError("too_deep", "must be nested at most {n} levels deep", {"n": MAX_OPEN_DEPTH})
    try:
        n_bytes = len(orjson.dumps(given))
    except TypeError as error:
        raise PydanticCustomError("not_json", "must be JSON: {why}", {"why": str(error)}) from None
    if n_bytes > MAX_OPEN_BYTES:
        message = "must be at most {limit} bytes of JSON, not {n}"
        raise PydanticCustomError("too_large", message, {"limit": MAX_OPEN_BYTES, "n": n_bytes})
    return given


def _is_deeper(given: object, n_levels: int) -> bool:
    if not isinstance(given, (dict, list)):
        return False
    parts = given.values() if isinstance(given, dict) else given
    return n_levels == 0 or any(_is_deeper(part, n_levels - 1) for part in parts)


OpenFields = Annotated[dict[str, Any], AfterValidator(_storable)]
"""An object that is open to fields of the caller's own, at most 16 KiB of JSON."""


class Question(BaseModel):
    """Base of all questions: unknown fields and other types than the declared ones are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class RecommendationQuestion(Question):
    """What should this person look at, whom meet, which channel join?"""

    user_id: Id
    context: OpenFields = Field(default_factory=dict)
    """Where and when it is asked (`channel_id`, `time_of_day` …); open to further fields."""
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    types: Annotated[list[ItemType], Field(min_length=1, max_length=3)] = Field(default=list(DEFAULT_TYPES))
    explain: bool = False


class RankItem(Question):
    """One item to be put in order; whatever is left out is looked up by its id."""

    item_id: Id
    item_type: ItemType = "message"
    content: Text | None = None
    channel_id: Id | None = None
    author_id: Id | None = None
    created_at: Time | None = None


class RankQuestion(Question):
    """In which order should this person see these items? With a query: as search results."""

    user_id: Id
    query: ShortText | None = None
    items: Annotated[list[RankItem], Field(min_length=1, max_length=MAX_ITEMS)]
    context: OpenFields = Field(default_factory=dict)
    explain: bool = False

    @model_validator(mode="after")
    def _items_differ(self) -> Self:
        _refuse_repeated([item.item_id for item in self.items], "items", "item_id")
        return self


class SpamQuestion(Question):
    """Is this text, by this person, spam or abuse?"""

    content: Text
    user_id: Id
    metadata: OpenFields = Field(default_factory=dict)
    """`ip_address`, `user_agent`, `channel_id` … as the chat knows them; open to further fields."""
    dry_run: bool = False


class SentimentMessage(Question):
    """One message whose sentiment is asked for."""

    id: Id
    content: Text


class SentimentQuestion(Question):
    """How do these messages sound?"""

    messages: Annotated[list[SentimentMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    user_id: Id | None = None
    """For whom it is asked: experiments divide people by it."""

    @model_validator(mode="after")
    def _ids_differ(self) -> Self:
        _refuse_repeated([message.id for message in self.messages], "messages", "id")
        return self


FeedbackAction = Literal["click", "join", "reply", "read", "dismiss", "spam", "ham", "reported", "appeal"]


class Feedback(Question):
    """What became of an answer."""

    decision_id: Id
    action: FeedbackAction
    user_id: Id | None = None
    item_id: Id | None = None
    value: Annotated[float, Field(allow_inf_nan=False)] | None = None
    comment: ShortText | None = None


def _refuse_repeated(ids: list[str], field: str, name: str) -> None:
    if len(set(ids)) == len(ids):
        return
    seen: set[str] = set()
    for index, given in enumerate(ids):
        if given in seen:
            raise PydanticCustomError(
                "repeated_id",
                "{field}.{index}.{name} repeats an id of this request; ids must differ",
                {"field": field, "index": index, "name": name},
            )
        seen.add(given)
