"""What is asked at `/api/ml/features/online`."""

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from quikapp_ml.entities.events import Name
from quikapp_ml.entities.questions import Question

MAX_KEYS = 1_000
MAX_FEATURES = 200
MAX_VALUES = 50_000

KeyPart = Name | int | bool
Key = Annotated[dict[Name, KeyPart], Field(min_length=1, max_length=10)]


class OnlineFeaturesQuestion(Question):
    """What is known of these entities now: of a `view`, or of a published `table`?"""

    view: Name | None = None
    """A feature view, counted with each event."""
    table: Name | None = None
    """A published feature table."""
    features: Annotated[list[Name], Field(min_length=1, max_length=MAX_FEATURES)] | None = None
    """Names of features; all of the view or table when left out."""
    keys: Annotated[list[Key], Field(min_length=1, max_length=MAX_KEYS)]
    """Of each entity, its key by name."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.view is None) == (self.table is None):
            raise PydanticCustomError("one_source", "give either view or table")
        if len(self.keys) * len(self.features or ()) > MAX_VALUES:
            raise PydanticCustomError("too_many_values", "ask for at most {n} values a call", {"n": MAX_VALUES})
        return self
