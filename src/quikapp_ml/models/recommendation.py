"""recommendation-v2: how likely a person turns to a channel, a person or a message, and which channels are alike."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from quikapp_ml.entities.decisions import ITEM_TYPES, ItemType
from quikapp_ml.errors import Damaged, InvalidInput
from quikapp_ml.models.base import Model
from quikapp_ml.models.boosted import Head, head_from_parts
from quikapp_ml.models.linear import Floats, LinearHead, feature_columns

CHANNEL_PRIOR: Mapping[str, float] = {
    "popularity": 1.0,
    "first_steps": 2.0,
    "joins": 0.8,
    "reach": 0.5,
    "collaborators": 2.0,
    "team": 2.0,
    "shared_members": 1.5,
    "similar_channels": 1.5,
    "newness": 0.7,
    "current_channel": 1.0,
}
USER_PRIOR: Mapping[str, float] = {
    "shared_channels": 2.0,
    "team": 1.5,
    "collaborators": 1.5,
    "activity": 1.0,
    "presence": 0.5,
    "wrote_last": 0.5,
    "reaches_out": 2.0,
    "current_channel": 1.0,
    "already_in_contact": -20.0,
}
MESSAGE_PRIOR: Mapping[str, float] = {
    "recency": 1.5,
    "newest_first": 1.5,
    "author": 1.5,
    "channel_habit": 1.5,
    "membership": 1.0,
    "replies": 0.5,
    "reactions": 0.4,
    "team": 0.5,
    "answers_you": 2.0,
    "current_channel": 1.0,
    "by_bot": -1.0,
}
PRIORS: Mapping[ItemType, Mapping[str, float]] = {
    "channel": CHANNEL_PRIOR,
    "user": USER_PRIOR,
    "message": MESSAGE_PRIOR,
}
PRIOR_BIAS = -3.5

_FEATURES = tuple(dict.fromkeys(name for prior in PRIORS.values() for name in prior))


class ItemSimilarity:
    """Which channels are used by the same people: the nearest neighbours of each channel, by channel id.

    `neighbours` (n_channels, n_nearest) holds rows of other channels, `similarities` their cosine in 0..1 (0 pads).
    """

    def __init__(self, channel_ids: Sequence[str], neighbours: np.ndarray[Any, Any], similarities: Floats) -> None:
        n_channels = len(channel_ids)
        if neighbours.shape != similarities.shape or neighbours.shape[:1] != (n_channels,):
            raise Damaged("the similarity of channels needs a row of neighbours for each channel")
        if neighbours.size and not (neighbours.min() >= 0 and neighbours.max() < n_channels):
            raise Damaged("the similarity of channels names a neighbour that is not there")
        self.channel_ids_ = tuple(channel_ids)
        self.neighbours_ = neighbours
        self.similarities_ = similarities
        self._row = {channel_id: row for row, channel_id in enumerate(self.channel_ids_)}
        # The same links by neighbour: whose neighbour each channel is, and how near.
        whose, column = np.nonzero(similarities > 0)
        order = np.argsort(neighbours[whose, column], kind="stable")
        self._nearby = whose[order]
        self._nearness = similarities[whose, column][order]
        self._starts = np.searchsorted(neighbours[whose, column][order], np.arange(n_channels + 1))

    @classmethod
    def empty(cls) -> Self:
        """Knows no channel: every similarity is 0."""
        return cls((), np.zeros((0, 0), dtype=np.int32), np.zeros((0, 0)))

    def scores(self, channel_ids: Sequence[str], used: Iterable[str]) -> Floats:
        """(n_channels,): summed similarity of each channel to the channels that a person uses; 0 for unknown ones."""
        near = self.near(used)
        return np.array([near.get(channel_id, 0.0) for channel_id in channel_ids], dtype=float)

    def near(self, used: Iterable[str]) -> dict[str, float]:
        """Summed similarity to the channels that a person uses, of each channel that is like one of them."""
        own = sorted({self._row[channel_id] for channel_id in used if channel_id in self._row})
        links = [np.arange(self._starts[row], self._starts[row + 1]) for row in own]
        chosen = np.concatenate(links) if links else np.zeros(0, dtype=int)
        rows, place = np.unique(self._nearby[chosen], return_inverse=True)
        summed = np.bincount(place, self._nearness[chosen], len(rows))
        return {self.channel_ids_[row]: score for row, score in zip(rows.tolist(), summed.tolist(), strict=True)}

    def closest(self, channel_ids: Sequence[str], used: Iterable[str]) -> list[str | None]:
        """For each channel the used one that is most like it; None where none is."""
        links = self._links(channel_ids, used)
        if not links.size:
            return [None] * len(channel_ids)
        best = links.argmax(axis=1)
        rows = self._rows(channel_ids)
        return [
            self.channel_ids_[self.neighbours_[row, column]] if links[index, column] > 0 else None
            for index, (row, column) in enumerate(zip(rows, best, strict=True))
        ]

    def _rows(self, channel_ids: Sequence[str]) -> list[int]:
        return [self._row.get(channel_id, -1) for channel_id in channel_ids]

    def _links(self, channel_ids: Sequence[str], used: Iterable[str]) -> Floats:
        if not self.neighbours_.size:
            return np.zeros((len(channel_ids), 0))
        is_used = np.zeros(len(self.channel_ids_))
        is_used[[self._row[channel_id] for channel_id in set(used) if channel_id in self._row]] = 1.0
        rows = np.array(self._rows(channel_ids), dtype=int)
        links = self.similarities_[rows] * is_used[self.neighbours_[rows]]
        return np.asarray(np.where((rows >= 0)[:, None], links, 0.0), dtype=float)


class RecommendationModel(Model):
    """Three heads, linear or boosted, one an item type, and the similarity of channels.

    A score is the chance that this item, rather than one of ten others picked at random, is what the person turns
    to next: so scores of different types can stand in one list.
    """

    name = "recommendation-v2"
    inputs: ClassVar[Mapping[str, str]] = {"item_type": "string", **dict.fromkeys(_FEATURES, "double")}
    outputs: ClassVar[Mapping[str, str]] = {"score": "double"}

    def __init__(self, heads: Mapping[ItemType, Head], similarity: ItemSimilarity) -> None:
        self.heads_ = dict(heads)
        self.similarity_ = similarity

    @classmethod
    def prior(cls) -> Self:
        """Hand-set weights: what is believed before any data was seen."""
        heads = {item_type: LinearHead.prior(weights, PRIOR_BIAS) for item_type, weights in PRIORS.items()}
        return cls(heads, ItemSimilarity.empty())

    def score(self, item_type: ItemType, names: Sequence[str], features: Floats) -> Floats:
        """(n_items,) in 0..1, from `features` (n_items, len(names)). Raises InvalidInput when a feature is missing."""
        head = self.heads_[item_type]
        return head.scores(head.select(names, features))

    def contributions(
        self, item_type: ItemType, names: Sequence[str], features: Floats
    ) -> tuple[tuple[str, ...], Floats, float]:
        """Names, what each feature adds to the logit (n_items, n_names), and the bias: together they are the logit."""
        head = self.heads_[item_type]
        return head.names, head.contributions(head.select(names, features)), head.bias

    def predict(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """Score rows of mixed types; columns of features that a type does not use are passed over."""
        item_types = list(columns.get("item_type", ()))
        unknown = sorted({str(given) for given in item_types if given not in ITEM_TYPES})
        if "item_type" not in columns or unknown:
            raise InvalidInput(f"column 'item_type' must hold {', '.join(ITEM_TYPES)}; given: {', '.join(unknown)}")
        features = feature_columns(_FEATURES, columns, len(item_types))
        scores = np.zeros(len(item_types))
        for item_type in self.heads_:
            chosen = np.array([given == item_type for given in item_types], dtype=bool)
            if chosen.any():
                scores[chosen] = self.score(item_type, _FEATURES, features[chosen])
        return {"score": scores.tolist()}

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """Weights, scales and trees of the heads, and the similarity of channels."""
        arrays: dict[str, np.ndarray[Any, Any]] = {}
        for item_type, head in self.heads_.items():
            arrays.update(head.arrays(item_type))
        arrays["neighbours"] = self.similarity_.neighbours_
        arrays["similarities"] = self.similarity_.similarities_
        return arrays

    def facts(self) -> dict[str, Any]:
        """Feature names and biases of the heads, and the channels whose similarity is known."""
        return {
            "heads": {item_type: head.facts() for item_type, head in self.heads_.items()},
            "channel_ids": list(self.similarity_.channel_ids_),
        }

    @classmethod
    def from_parts(cls, arrays: dict[str, np.ndarray[Any, Any]], facts: dict[str, Any]) -> Self:
        """The opposite of `arrays` and `facts`. Raises Damaged."""
        try:
            heads = {kind: head_from_parts(kind, arrays, facts["heads"][kind]) for kind in ITEM_TYPES}
            similarity = ItemSimilarity(facts["channel_ids"], arrays["neighbours"], arrays["similarities"])
        except (KeyError, TypeError) as error:
            raise Damaged(f"the model {cls.name!r} cannot be read: {error} is missing") from error
        return cls(heads, similarity)
