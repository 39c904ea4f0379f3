"""spam-classifier: sparse logistic regression over hashed words and letters, and over the author's behaviour."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from quikapp_ml.entities.decisions import Evidence
from quikapp_ml.errors import Damaged, InvalidInput
from quikapp_ml.models.base import Model
from quikapp_ml.models.behaviour import (
    AUTHOR_FEATURES,
    BEHAVIOUR_FEATURES,
    BEHAVIOURS,
    LATER_PRIORS,
    behaviour_signals,
    behaviour_values,
    counted,
)
from quikapp_ml.models.evidence import Phrase, phrases_of, without
from quikapp_ml.models.hashing import Hashing
from quikapp_ml.models.reading import reading_tokens, with_utf16
from quikapp_ml.models.removal import Removal
from quikapp_ml.models.text import BROADCAST, LINK, MENTION, Tokens
from quikapp_ml.models.word_weights import WordWeights

ABUSE_LABELS = ("offensive", "hate")
SPAM = 0
"""The place of spam among the models over the text; those of abuse follow."""
MAX_SPAM_PHRASES = 5
MAX_HAM_PHRASES = 3
LONGEST_CHECKED = 4_000
"""In longer texts, a phrase is named without trying what the text would score without it."""
_COUNTED = frozenset({LINK, MENTION, BROADCAST})
NOTHING = 1e-12
"""A rest below this is rounding."""

Weights = NDArray[np.float16]
"""Stored in half precision, which keeps a model's file small; all sums are made in double precision."""


@dataclass(frozen=True, slots=True)
class SpamVerdict:
    """`bias` plus the weights of all evidence is `logit`; its logistic is `probability`."""

    probability: float
    logit: float
    bias: float
    evidence: tuple[Evidence, ...]
    abuse: Mapping[str, float]
    behaviour: Mapping[str, float]
    """Raw values of all signals besides the words."""


class SpamClassifier(Model):
    """Tells spam from ordinary chat, and offensive and hateful texts from others, with evidence that adds up.

    `text_weights` (n_buckets,), `abuse_weights` (n_labels, n_buckets), `behaviour_weights` (n_behaviours,).
    """

    name = "spam-classifier"
    inputs: ClassVar[Mapping[str, str]] = {"content": "string", **dict.fromkeys(AUTHOR_FEATURES, "double")}
    outputs: ClassVar[Mapping[str, str]] = {
        "spam_probability": "double",
        "logit": "double",
        **dict.fromkeys(ABUSE_LABELS, "double"),
    }

    def __init__(
        self,
        hashing: Hashing,
        text_weights: NDArray[Any],
        behaviour_weights: Mapping[str, float],
        bias: float,
        abuse_weights: NDArray[Any],
        abuse_biases: Sequence[float],
    ) -> None:
        n_buckets = 1 << hashing.bits
        if text_weights.shape != (n_buckets,) or abuse_weights.shape != (len(ABUSE_LABELS), n_buckets):
            raise Damaged(f"{self.name}: weights do not fit {n_buckets} features and {len(ABUSE_LABELS)} abuse labels")
        if set(behaviour_weights) != set(BEHAVIOUR_FEATURES):
            raise Damaged(f"{self.name}: weights are needed for {', '.join(BEHAVIOUR_FEATURES)}, and for no others")
        self.hashing = hashing
        self.text_weights_: Weights = text_weights.astype(np.float16)
        self.abuse_weights_: Weights = abuse_weights.astype(np.float16)
        heads = np.concatenate([self.text_weights_[None, :], self.abuse_weights_])
        self._weights = WordWeights(heads.T, hashing)
        self.behaviour_weights_ = {name: float(behaviour_weights[name]) for name in BEHAVIOUR_FEATURES}
        self.bias_ = float(bias)
        self.abuse_biases_ = tuple(float(one) for one in abuse_biases)

    @classmethod
    def prior(cls, hashing: Hashing | None = None, bias: float = -3.0) -> Self:
        """What is believed before any text was seen: spam is rare, and behaviour weighs by its documented prior."""
        hashing = hashing or Hashing()
        behaviour = {behaviour.name: behaviour.prior for behaviour in BEHAVIOURS}
        n_buckets = 1 << hashing.bits
        return cls(
            hashing, np.zeros(n_buckets), behaviour, bias, np.zeros((len(ABUSE_LABELS), n_buckets)), (bias, bias)
        )

    def check(
        self, content: str, author: Mapping[str, float] | None = None, tokens: Tokens | None = None
    ) -> SpamVerdict:
        """Judge a text. `author` has values of AUTHOR_FEATURES and SPREAD_FEATURES; what is left out says nothing.

        `tokens` are those of the text as read, for who has them already. Raises InvalidInput on unknown names and on
        numbers that are negative or not finite.
        """
        tokens = reading_tokens(content) if tokens is None else tokens
        behaviour = behaviour_values(author or {}, tokens)
        weighed = self._weights.weigh(tokens)
        shares = weighed.shares(SPAM)
        evidence = self._behaviour_evidence(behaviour)
        of_behaviour = math.fsum(item.weight for item in evidence)
        total = math.fsum(shares.tolist())
        whole = _Whole(
            Removal(content, tokens, weighed, SPAM, weighed.total(SPAM)),
            author or {},
            self.bias_ + total + of_behaviour,
            of_behaviour,
        )
        named = self._named_phrases(whole, phrases_of(content, tokens, shares))
        rest = total - math.fsum(phrase.weight for phrase in named)
        evidence = sorted([*(phrase.evidence() for phrase in named), *evidence], key=lambda item: -abs(item.weight))
        if abs(rest) > NOTHING:
            evidence.append(Evidence("rest_of_text", rest, "everything else in the text, taken together"))
        logit = math.fsum([self.bias_, *(item.weight for item in evidence)])
        abuse = weighed.totals()[SPAM + 1 :] + self.abuse_biases_
        return SpamVerdict(
            probability=logistic(logit),
            logit=logit,
            bias=self.bias_,
            evidence=with_utf16(content, evidence),
            abuse={label: logistic(float(score)) for label, score in zip(ABUSE_LABELS, abuse, strict=True)},
            behaviour=behaviour,
        )

    def logit(self, content: str, author: Mapping[str, float] | None = None) -> float:
        """The logit of `check` (to rounding), without the work of explaining it."""
        tokens = reading_tokens(content)
        of_text = float(self._weights.weigh(tokens).totals()[SPAM])
        signals = behaviour_signals(behaviour_values(author or {}, tokens))
        return (
            self.bias_
            + of_text
            + math.fsum(w * s for w, s in zip(self.behaviour_weights_.values(), signals, strict=True))
        )

    def predict(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """Probabilities and logits of texts; columns of the author's behaviour may be left out."""
        contents = columns["content"]
        given = {name: columns[name] for name in AUTHOR_FEATURES if name in columns}
        answers: dict[str, list[Any]] = {name: [] for name in self.outputs}
        for row, content in enumerate(contents):
            if not isinstance(content, str):
                raise InvalidInput(f"content of row {row} is no text")
            verdict = self.check(content, {name: float(values[row]) for name, values in given.items()})
            answers["spam_probability"].append(verdict.probability)
            answers["logit"].append(verdict.logit)
            for label, score in verdict.abuse.items():
                answers[label].append(score)
        return answers

    def _behaviour_evidence(self, behaviour: Mapping[str, float]) -> list[Evidence]:
        signals = zip(BEHAVIOURS, behaviour_signals(behaviour), strict=True)
        weighed = [(one, self.behaviour_weights_[one.name] * signal) for one, signal in signals]
        return [
            Evidence(one.name, weight, one.says(behaviour[one.name])) for one, weight in weighed if abs(weight) > 0.0
        ]

    def _named_phrases(self, whole: "_Whole", phrases: Sequence[Phrase]) -> list[Phrase]:
        """The heaviest phrases. One that speaks for spam is named only if the text scores lower without it."""
        against = [phrase for phrase in phrases if phrase.weight < 0][:MAX_HAM_PHRASES]
        suspects = [phrase for phrase in phrases if phrase.weight > 0][:MAX_SPAM_PHRASES]
        content = whole.removal.text
        if suspects and len(content) <= LONGEST_CHECKED:
            quick = self._quick_logits(whole, suspects)
            suspects = [
                phrase
                for phrase, known in zip(suspects, quick, strict=True)
                if (self.logit(without(content, phrase.spans), whole.author) if known is None else known) < whole.score
            ]
        return [*suspects, *against]

    def _quick_logits(self, whole: "_Whole", phrases: Sequence[Phrase]) -> list[float | None]:
        """The logits without each of the phrases; None where the rest has to be read for that."""
        removal, weights = whole.removal, self._weights
        if not removal.is_plain:
            return [None] * len(phrases)
        found: list[float | None] = []
        for phrase in phrases:
            gone = removal.gone(phrase.spans)
            total = None if gone is None else removal.total_without(gone, weights)
            fewer = 0.0 if gone is None else self._of_counts([removal.tokens.texts[place] for place in gone], whole)
            found.append(None if total is None else self.bias_ + total + whole.of_behaviour - fewer)
        return found

    def _of_counts(self, gone: Sequence[str], whole: "_Whole") -> float:
        """What tokens weigh by being counted: links and people named."""
        if _COUNTED.isdisjoint(gone):
            return 0.0
        now = counted(whole.removal.tokens.texts)
        fewer = counted(gone)
        return math.fsum(
            self.behaviour_weights_[one.name] * (one.shape(now[one.name]) - one.shape(now[one.name] - fewer[one.name]))
            for one in BEHAVIOURS
            if one.name in now
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The weights of the text, for spam and for abuse."""
        return {"text_weights": self.text_weights_, "abuse_weights": self.abuse_weights_}

    def facts(self) -> dict[str, Any]:
        """Hashing, biases and the weights of behaviour."""
        return {
            "hashing": asdict(self.hashing),
            "bias": self.bias_,
            "behaviour_weights": self.behaviour_weights_,
            "abuse_labels": list(ABUSE_LABELS),
            "abuse_biases": list(self.abuse_biases_),
        }

    @classmethod
    def from_parts(cls, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> Self:
        """Build the model again. Raises Damaged when a part is missing, does not fit or is not finite."""
        try:
            model = cls(
                Hashing(**facts["hashing"]),
                arrays["text_weights"],
                {**LATER_PRIORS, **facts["behaviour_weights"]},
                facts["bias"],
                arrays["abuse_weights"],
                facts["abuse_biases"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise Damaged(f"{cls.name}: the saved model lacks or spoils a part: {error!r}") from error
        numbers = [model.bias_, *model.abuse_biases_, *model.behaviour_weights_.values()]
        if len(model.abuse_biases_) != len(ABUSE_LABELS) or not all(map(math.isfinite, numbers)):
            raise Damaged(f"{cls.name}: a bias or weight in model.json is missing or not finite")
        return model


@dataclass(frozen=True)
class _Whole:
    """A whole text, its author and its logit, of which `of_behaviour` is the part that is not words."""

    removal: Removal
    author: Mapping[str, float]
    score: float
    of_behaviour: float


def logistic(logit: float) -> float:
    """1 / (1 + exp(-logit)), without overflow."""
    if logit >= 0:
        return 1.0 / (1.0 + math.exp(-logit))
    power = math.exp(logit)
    return power / (1.0 + power)
