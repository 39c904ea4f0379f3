"""How sentiment-bert is made: messages whose mood others showed by their reactions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from quikapp_ml.entities.decisions import SENTIMENT_LABELS
from quikapp_ml.models.bert import BertEncoder, combined
from quikapp_ml.models.hashing import Hashing
from quikapp_ml.models.moods import BAD_MOODS, GOOD_MOODS
from quikapp_ml.models.sentiment import SentimentClassifier, sentiment_bag
from quikapp_ml.models.text import tokenise
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.tables import SENTIMENT_LABELS as LABELS_TABLE
from quikapp_ml.training.linear import Fitted, Hold, balanced, design_of, fit_classes
from quikapp_ml.training.measures import macro_f1, macro_recall, with_interval
from quikapp_ml.training.recipe import NotEnoughData, Recipe
from quikapp_ml.training.slices import gain_of_classes

MIN_OF_A_KIND = 20
HOLD = Hold(weights=10.0, biases=50.0)
"""The starter learnt with a hold of 3. Reactions are a weak sign of how a text sounds, so each counts for less here."""
HELD_OUT = 0.2
SHORT_TEXT = 40
"""Characters up to which a text is short."""

_NEGATIVE, _NEUTRAL, _POSITIVE = range(len(SENTIMENT_LABELS))


@dataclass(frozen=True)
class SentimentExamples:
    """Texts in the order in which their labels became known; `targets` are positions in SENTIMENT_LABELS."""

    contents: Sequence[str]
    targets: NDArray[np.int64]
    at: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.contents)

    def part(self, chosen: NDArray[np.bool_]) -> "SentimentExamples":
        """Those chosen, in the same order."""
        contents = [self.contents[row] for row in np.flatnonzero(chosen).tolist()]
        return SentimentExamples(contents, self.targets[chosen], self.at[chosen])


class SentimentRecipe(Recipe[SentimentClassifier, SentimentExamples]):
    """Labels: positive or negative by the reactions of others, neutral where an answered message got no mood."""

    model_class: ClassVar[type[SentimentClassifier]] = SentimentClassifier
    metric: ClassVar[str] = "macro_recall"
    tables: ClassVar[tuple[str, ...]] = (LABELS_TABLE.name,)

    def examples(self, lake: Lake) -> SentimentExamples:
        """All labels by the time at which they became known. They need no features but the text."""
        columns = ["channel_id", "message_id", "content", "label", "labelled_at"]
        order = ("labelled_at", "channel_id", "message_id")
        rows = lake.read(LABELS_TABLE.name, columns).sort_by([(name, "ascending") for name in order]).to_pylist()
        counts = {label: sum(row["label"] == label for row in rows) for label in SENTIMENT_LABELS}
        if min(counts.values()) < MIN_OF_A_KIND:
            found = ", ".join(f"{count} {label}" for label, count in counts.items())
            raise NotEnoughData(f"labelled messages: {found}; needed are {MIN_OF_A_KIND} of each")
        return SentimentExamples(
            contents=[row["content"] for row in rows],
            targets=np.array([SENTIMENT_LABELS.index(row["label"]) for row in rows], dtype=np.int64),
            at=np.array([row["labelled_at"].timestamp() for row in rows]),
        )

    def split(self, examples: SentimentExamples) -> tuple[SentimentExamples, SentimentExamples]:
        """Before and after the moment from which on a fifth of all, and of each label, is still to come."""
        parts = (examples.at, *(examples.at[examples.targets == label] for label in np.unique(examples.targets)))
        moment = min(float(np.quantile(at, 1 - HELD_OUT)) for at in parts)
        return examples.part(examples.at < moment), examples.part(examples.at >= moment)

    def fit(self, examples: SentimentExamples, previous: SentimentClassifier) -> SentimentClassifier:
        """The most probable weights, given the examples and the previous version. Rare labels count more."""
        prior = Fitted(previous.weights_.astype(float), previous.biases_)
        importance = balanced(examples.targets, len(SENTIMENT_LABELS))
        design = sentiment_design(examples.contents, previous.reads)
        found = fit_classes(design, examples.targets, importance, prior, HOLD)
        return previous.refitted(found.weights, found.biases)

    def evaluate(self, model: SentimentClassifier, examples: SentimentExamples) -> dict[str, float]:
        """Macro-recall and macro-F1, beside always the commonest label, and emoji and emoticons alone."""
        guesses = _guesses(model, examples)
        moods = np.array([label_by_moods(content) for content in examples.contents])
        commonest = np.full(len(examples), np.bincount(examples.targets).argmax())
        return {
            **with_interval(self.metric, macro_recall, examples.targets, guesses),
            **with_interval("macro_f1", macro_f1, examples.targets, guesses),
            "baseline_majority": macro_recall(examples.targets, commonest),
            "baseline_moods": macro_recall(examples.targets, moods),
        }

    def compare(
        self, candidate: SentimentClassifier, previous: SentimentClassifier, examples: SentimentExamples
    ) -> dict[str, float]:
        """The gain in macro-recall: in all, in short texts, where each word counts, and in long ones."""
        now, before = _guesses(candidate, examples), _guesses(previous, examples)
        is_short = np.array([len(content) <= SHORT_TEXT for content in examples.contents])
        slices = {"short": is_short, "long": ~is_short}
        return gain_of_classes(macro_recall, examples.targets, now, before, slices)


def _guesses(model: SentimentClassifier, examples: SentimentExamples) -> NDArray[np.int64]:
    scores = model.scores_of(examples.contents)
    return np.array([row.index(max(row)) for row in scores], dtype=np.int64)


def sentiment_design(contents: Sequence[str], reads: Hashing | BertEncoder) -> Any:
    """Sparse matrix of the texts' features for sentiment, shape (n_texts, n_features)."""
    if isinstance(reads, Hashing):
        return design_of([sentiment_bag(content, reads) for content in contents], reads.width)
    windows = [reads.windows(content) for content in contents]
    vectors = iter(reads.vectors_of_any([one for each in windows for one in each]))
    return csr_array(np.array([combined(np.array([next(vectors) for _ in each]), each) for each in windows]))


def label_by_moods(content: str) -> int:
    """What emoji, :shortcodes: and emoticons alone say."""
    texts = tokenise(content).texts
    balance = sum(token in GOOD_MOODS for token in texts) - sum(token in BAD_MOODS for token in texts)
    return _POSITIVE if balance > 0 else _NEGATIVE if balance < 0 else _NEUTRAL
