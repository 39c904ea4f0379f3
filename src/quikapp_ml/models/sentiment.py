"""sentiment-bert: negative, neutral or positive, by sparse softmax regression over hashed words and letters.

The name is the product's; this version is no BERT yet. Code and links do not count, words after a negation are other
words, and emoji, :shortcodes: and emoticons of one mood share what is learnt of it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from quikapp_ml.entities.decisions import SENTIMENT_LABELS
from quikapp_ml.errors import Damaged, InvalidInput
from quikapp_ml.models.base import Model
from quikapp_ml.models.hashing import Bag, Hashing, bag_of
from quikapp_ml.models.text import WORDS, Tokens, tokenise

NEGATION_SCOPE = 4
"""Words after a negation whose meaning it turns, unless a sentence ends before."""

_NEGATIONS = frozenset(
    {
        "not",
        "no",
        "never",
        "cannot",
        "without",
        "nobody",
        "nothing",
        "neither",
        "nor",
        "none",
        "hardly",
        "barely",
        "dont",
        "doesnt",
        "didnt",
        "isnt",
        "wasnt",
        "arent",
        "werent",
        "cant",
        "wont",
        "couldnt",
        "shouldnt",
        "wouldnt",
        "havent",
        "hasnt",
        "hadnt",
        "aint",
    }
)
_SCOPE_ENDS = frozenset({"exclamation", "ellipsis", "shortcode", "emoticon", "sign"})
_SILENT = frozenset({"code", "link", "email", "mention", "broadcast", "channel", "reference"})


class SentimentClassifier(Model):
    """Reads whether a message sounds negative, neutral or positive.

    `weights` (3, n_buckets) and `biases` (3,) in the order of SENTIMENT_LABELS.
    """

    name = "sentiment-bert"
    inputs: ClassVar[Mapping[str, str]] = {"content": "string"}
    outputs: ClassVar[Mapping[str, str]] = {"sentiment": "string", **dict.fromkeys(SENTIMENT_LABELS, "double")}

    def __init__(self, hashing: Hashing, weights: NDArray[Any], biases: NDArray[np.float64]) -> None:
        shape = (len(SENTIMENT_LABELS), 1 << hashing.bits)
        if weights.shape != shape or len(biases) != shape[0]:
            raise Damaged(f"{self.name}: weights must have the shape {shape}, and there must be a bias for each label")
        self.hashing = hashing
        self.weights_: NDArray[np.float16] = weights.astype(np.float16)
        self.biases_ = biases

    @classmethod
    def prior(cls, hashing: Hashing | None = None) -> Self:
        """What is believed before any text was seen: nothing, each label is as likely as the others."""
        hashing = hashing or Hashing()
        return cls(hashing, np.zeros((len(SENTIMENT_LABELS), 1 << hashing.bits)), np.zeros(len(SENTIMENT_LABELS)))

    def scores(self, content: str) -> list[float]:
        """Probabilities in the order of SENTIMENT_LABELS; they add up to 1."""
        bag = sentiment_bag(content, self.hashing)
        logits = (self.weights_[:, bag.buckets].astype(float) @ bag.values + self.biases_).tolist()
        top = max(logits)
        powers = [math.exp(logit - top) for logit in logits]
        total = math.fsum(powers)
        return [power / total for power in powers]

    def predict(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """Label and scores of each text."""
        answers: dict[str, list[Any]] = {name: [] for name in self.outputs}
        for row, content in enumerate(columns["content"]):
            if not isinstance(content, str):
                raise InvalidInput(f"content of row {row} is no text")
            scores = self.scores(content)
            answers["sentiment"].append(SENTIMENT_LABELS[scores.index(max(scores))])
            for label, score in zip(SENTIMENT_LABELS, scores, strict=True):
                answers[label].append(score)
        return answers

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Weights and biases."""
        return {"weights": self.weights_, "biases": self.biases_}

    def facts(self) -> dict[str, Any]:
        """How texts are hashed, and the labels in the order of the weights."""
        return {"hashing": asdict(self.hashing), "labels": list(SENTIMENT_LABELS)}

    @classmethod
    def from_parts(cls, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> Self:
        """Build the model again. Raises Damaged when a part is missing or does not fit."""
        try:
            if tuple(facts["labels"]) != SENTIMENT_LABELS:
                raise Damaged(f"{cls.name}: labels {facts['labels']} are not {', '.join(SENTIMENT_LABELS)}")
            return cls(Hashing(**facts["hashing"]), arrays["weights"], arrays["biases"])
        except (KeyError, TypeError, ValueError) as error:
            raise Damaged(f"{cls.name}: the saved model lacks or spoils a part: {error!r}") from error


def sentiment_bag(content: str, hashing: Hashing) -> Bag:
    """Features of a text for sentiment."""
    tokens = _without_silent(tokenise(content))
    return bag_of(tokens, hashing, _negated(tokens))


def _without_silent(tokens: Tokens) -> Tokens:
    if _SILENT.isdisjoint(tokens.kinds):
        return tokens
    kept = [position for position, kind in enumerate(tokens.kinds) if kind not in _SILENT]
    return Tokens(
        [tokens.texts[position] for position in kept],
        [tokens.kinds[position] for position in kept],
        [tokens.starts[position] for position in kept],
        [tokens.ends[position] for position in kept],
        [tokens.shouted[position] for position in kept],
    )


def _negated(tokens: Tokens) -> list[bool]:
    negated = []
    left = 0
    for token, kind in zip(tokens.texts, tokens.kinds, strict=True):
        if token in _NEGATIONS or token.endswith("n't"):
            left = NEGATION_SCOPE
            negated.append(False)
        elif kind in _SCOPE_ENDS or token == "but":  # noqa: S105 a word of the text, no password
            left = 0
            negated.append(False)
        else:
            negated.append(left > 0 and kind in WORDS)
            left = max(0, left - 1)
    return negated
