"""sentiment-bert: negative, neutral or positive, by softmax regression over what a text is read as.

That is a BERT's vector of it, or, in small versions, hashed words and letters, where words after a negation are other
words. Either way code and links do not count, and emoji, :shortcodes: and emoticons of one mood share what is learnt.
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
from quikapp_ml.models.bert import BertEncoder, Vectors, Window, combined
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

    `weights` (3, n_features) and `biases` (3,) in the order of SENTIMENT_LABELS; `reads` makes the features. Readings
    whose score is below `unsure_below`, calibrated on held-out texts, are called unsure.
    """

    name = "sentiment-bert"
    inputs: ClassVar[Mapping[str, str]] = {"content": "string"}
    outputs: ClassVar[Mapping[str, str]] = {"sentiment": "string", **dict.fromkeys(SENTIMENT_LABELS, "double")}

    def __init__(
        self,
        reads: Hashing | BertEncoder,
        weights: NDArray[Any],
        biases: NDArray[np.float64],
        unsure_below: float | None = None,
    ) -> None:
        shape = (len(SENTIMENT_LABELS), reads.width)
        if weights.shape != shape or len(biases) != shape[0]:
            raise Damaged(f"{self.name}: weights must have the shape {shape}, and there must be a bias for each label")
        self.reads = reads
        self.unsure_below = unsure_below
        self.weights_: NDArray[Any] = weights.astype(np.float16 if isinstance(reads, Hashing) else np.float32)
        self.biases_ = biases

    @classmethod
    def prior(cls, reads: Hashing | None = None) -> Self:
        """What is believed before any text was seen: nothing, each label is as likely as the others."""
        reads = reads or Hashing()
        return cls(reads, np.zeros((len(SENTIMENT_LABELS), reads.width)), np.zeros(len(SENTIMENT_LABELS)))

    def refitted(self, weights: NDArray[Any], biases: NDArray[np.float64]) -> Self:
        """The same reader with other weights."""
        return type(self)(self.reads, weights, biases, self.unsure_below)

    def scores(self, content: str) -> list[float]:
        """Probabilities in the order of SENTIMENT_LABELS; they add up to 1."""
        return self.scores_of([content])[0]

    def scores_of(self, contents: Sequence[str]) -> list[list[float]]:
        """Those of several texts, each the same as alone."""
        if isinstance(self.reads, Hashing):
            return [self._scores_by_words(content, self.reads) for content in contents]
        windows = [self.reads.windows(content) for content in contents]
        return self.scores_by_vectors(windows, self.reads.vectors_of_any([one for each in windows for one in each]))

    def scores_by_vectors(self, windows: Sequence[Sequence[Window]], vectors: Vectors) -> list[list[float]]:
        """Scores of texts from the BERT's vectors of all their windows, rounded to 6 digits."""
        scores = []
        at = 0
        for of_text in windows:
            vector = combined(vectors[at : at + len(of_text)], of_text)
            at += len(of_text)
            logits = (self.weights_ * vector).sum(axis=1, dtype=np.float64) + self.biases_
            scores.append(_rounded(_softmax(logits.tolist())))
        return scores

    def _scores_by_words(self, content: str, hashing: Hashing) -> list[float]:
        bag = sentiment_bag(content, hashing)
        return _softmax((self.weights_[:, bag.buckets].astype(float) @ bag.values + self.biases_).tolist())

    def predict(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """Label and scores of each text."""
        answers: dict[str, list[Any]] = {name: [] for name in self.outputs}
        for row, content in enumerate(columns["content"]):
            if not isinstance(content, str):
                raise InvalidInput(f"content of row {row} is no text")
        for scores in self.scores_of(columns["content"]):
            answers["sentiment"].append(SENTIMENT_LABELS[scores.index(max(scores))])
            for label, score in zip(SENTIMENT_LABELS, scores, strict=True):
                answers[label].append(score)
        return answers

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Weights and biases, and the BERT's bytes where there is one."""
        own = {"weights": self.weights_, "biases": self.biases_}
        return own if isinstance(self.reads, Hashing) else {**own, **self.reads.arrays()}

    def facts(self) -> dict[str, Any]:
        """How texts are hashed, or which scores are unsure, and the labels in the order of the weights."""
        if isinstance(self.reads, Hashing):
            return {"hashing": asdict(self.reads), "labels": list(SENTIMENT_LABELS)}
        return {"unsure_below": self.unsure_below, "labels": list(SENTIMENT_LABELS)}

    @classmethod
    def from_parts(cls, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> Self:
        """Build the model again. Raises Damaged when a part is missing or does not fit."""
        try:
            if tuple(facts["labels"]) != SENTIMENT_LABELS:
                raise Damaged(f"{cls.name}: labels {facts['labels']} are not {', '.join(SENTIMENT_LABELS)}")
            is_bert = "hashing" not in facts
            reads = BertEncoder.from_arrays(arrays) if is_bert else Hashing(**facts["hashing"])
            unsure_below = facts["unsure_below"] if is_bert else None
            return cls(reads, arrays["weights"], arrays["biases"], unsure_below)
        except (KeyError, TypeError, ValueError) as error:
            raise Damaged(f"{cls.name}: the saved model lacks or spoils a part: {error!r}") from error


def _rounded(scores: Sequence[float]) -> list[float]:
    """Six digits, of which the last of the highest score makes the sum 1."""
    rounded = [round(score, 6) for score in scores]
    top = rounded.index(max(rounded))
    rounded[top] = round(1.0 - math.fsum(rounded[:top] + rounded[top + 1 :]), 6)
    return rounded


def _softmax(logits: Sequence[float]) -> list[float]:
    top = max(logits)
    powers = [math.exp(logit - top) for logit in logits]
    total = math.fsum(powers)
    return [power / total for power in powers]


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
