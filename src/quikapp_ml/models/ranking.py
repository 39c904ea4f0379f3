"""content-ranker: in which order a person should see given items, as a feed or as search results."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from quikapp_ml.errors import Damaged
from quikapp_ml.models.base import Model
from quikapp_ml.models.boosted import Head, head_from_parts
from quikapp_ml.models.linear import Floats, LinearHead, feature_columns

RANKING_PRIOR: Mapping[str, float] = {
    "author": 1.5,
    "channel_habit": 1.5,
    "membership": 0.5,
    "recency": 1.5,
    "newest_first": 1.0,
    "replies": 0.5,
    "reactions": 0.4,
    "team": 0.5,
    "to_you": 2.0,
    "popularity": 0.5,
    "query_found": 8.0,
    "query_match": 10.0,
    "unwanted": -6.0,
}
PRIOR_BIAS = -3.0


class ContentRanker(Model):
    """One head, linear or boosted, over features of an item, its author and channel, and the words of the query."""

    name = "content-ranker"
    inputs: ClassVar[Mapping[str, str]] = dict.fromkeys(RANKING_PRIOR, "double")
    outputs: ClassVar[Mapping[str, str]] = {"score": "double"}

    def __init__(self, head: Head) -> None:
        self.head_ = head

    @classmethod
    def prior(cls) -> Self:
        """Hand-set weights: what is believed before any data was seen."""
        return cls(LinearHead.prior(RANKING_PRIOR, PRIOR_BIAS))

    def score(self, names: Sequence[str], features: Floats) -> Floats:
        """(n_items,) in 0..1, from `features` (n_items, len(names)). Raises InvalidInput when a feature is missing."""
        return self.head_.scores(self.head_.select(names, features))

    def contributions(self, names: Sequence[str], features: Floats) -> tuple[tuple[str, ...], Floats, float]:
        """Names, what each feature adds to the logit (n_items, n_names), and the bias: together they are the logit."""
        return self.head_.names, self.head_.contributions(self.head_.select(names, features)), self.head_.bias

    def predict(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """Score rows of features; a column that is left out is 0."""
        n_rows = max((len(values) for values in columns.values()), default=0)
        features = feature_columns(self.head_.names, columns, n_rows)
        return {"score": self.score(self.head_.names, features).tolist()}

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """Weights and scales, and trees where there are some."""
        return self.head_.arrays("item")

    def facts(self) -> dict[str, Any]:
        """Feature names and bias."""
        return {"head": self.head_.facts()}

    @classmethod
    def from_parts(cls, arrays: dict[str, np.ndarray[Any, Any]], facts: dict[str, Any]) -> Self:
        """The opposite of `arrays` and `facts`. Raises Damaged."""
        if "head" not in facts:
            raise Damaged(f"the model {cls.name!r} cannot be read: its head is missing")
        return cls(head_from_parts("item", arrays, facts["head"]))
