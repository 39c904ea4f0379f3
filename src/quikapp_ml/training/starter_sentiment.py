"""The sentiment-bert that comes with the package, learnt from tweets, developers' posts and lines written for it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from quikapp_ml.entities.decisions import SENTIMENT_LABELS
from quikapp_ml.models.hashing import Hashing
from quikapp_ml.models.moods import BAD_MOODS, GOOD_MOODS, MOOD_OF
from quikapp_ml.models.sentiment import SentimentClassifier
from quikapp_ml.training.corpora import Labelled, held_out, read_labelled
from quikapp_ml.training.linear import Fitted, Hold, balanced, fit_classes
from quikapp_ml.training.measures import macro_f1, macro_recall, with_interval
from quikapp_ml.training.sentiment import label_by_moods, sentiment_design
from quikapp_ml.training.starters import Starter
from quikapp_ml.training.work_chat import work_chat

HASHING = Hashing()
HOLD = Hold(weights=3.0, biases=0.03)
WORK_CHAT_IMPORTANCE = 3.0


def make_sentiment_starter(data: Path) -> Starter:
    """Fit on the training parts, calibrate and measure on the held-out ones."""
    tweets = read_labelled(data / "sentiment" / "semeval2017_train.tsv.gz")
    tweets_out = read_labelled(data / "sentiment" / "tweeteval_val.tsv.gz")
    developers, developers_out = held_out(read_labelled(data / "sentiment" / "senti4sd_train.tsv.gz"))
    chat = work_chat("sentiment")
    rows = [*tweets, *developers, *with_moods(chat), *chat]
    importance = balanced(_targets(rows), len(SENTIMENT_LABELS))
    importance[-len(chat) :] *= WORK_CHAT_IMPORTANCE
    design = sentiment_design([row.text for row in rows], HASHING)
    nothing = Fitted(np.zeros((len(SENTIMENT_LABELS), 1 << HASHING.bits)), np.zeros(len(SENTIMENT_LABELS)))
    found = fit_classes(design, _targets(rows), importance, nothing, HOLD)
    out = [*tweets_out, *developers_out]
    logits = sentiment_design([row.text for row in out], HASHING) @ found.weights.T + found.biases
    slope = slope_of(logits, _targets(out))
    model = SentimentClassifier(HASHING, slope * found.weights, slope * found.biases)
    metrics = {**_measures("tweets", model, tweets_out), **_measures("developers", model, developers_out)}
    return Starter(model, "1.2.0", "champion", metrics)


def with_moods(chat: Sequence[Labelled]) -> list[Labelled]:
    """Every emoji, :shortcode: and emoticon with a clear mood, alone and after a neutral line."""
    neutral = [row.text for row in chat if row.label == "neutral"]
    rows = []
    for number, (sign, mood) in enumerate(MOOD_OF.items()):
        label = "positive" if mood in GOOD_MOODS else "negative" if mood in BAD_MOODS else None
        if label is not None:
            rows += [Labelled(label, sign), Labelled(label, f"{neutral[number % len(neutral)]} {sign}")]
    return rows


def _targets(rows: Sequence[Labelled]) -> NDArray[np.int64]:
    return np.array([SENTIMENT_LABELS.index(row.label) for row in rows], dtype=np.int64)


def slope_of(logits: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """What to multiply logits by so that scores are honest about held-out texts, each label counting the same."""
    importance = balanced(targets, len(SENTIMENT_LABELS))

    def loss(slope: float) -> float:
        moved = slope * logits
        total = np.log(np.exp(moved - moved.max(axis=1, keepdims=True)).sum(axis=1)) + moved.max(axis=1)
        return float(importance @ (total - moved[np.arange(len(targets)), targets]))

    return float(minimize_scalar(loss, bounds=(0.2, 5.0), method="bounded").x)


def _measures(name: str, model: SentimentClassifier, rows: Sequence[Labelled]) -> dict[str, float]:
    targets = _targets(rows)
    scores = np.array([model.scores(row.text) for row in rows])
    guesses = scores.argmax(axis=1)
    moods = np.array([label_by_moods(row.text) for row in rows])
    commonest = np.full(len(rows), np.bincount(targets).argmax())
    return {
        **with_interval(f"{name}_macro_recall", macro_recall, targets, guesses),
        **with_interval(f"{name}_macro_f1", macro_f1, targets, guesses),
        f"{name}_log_loss": float(-np.log(scores[np.arange(len(rows)), targets]).mean()),
        f"{name}_baseline_majority": macro_recall(targets, commonest),
        f"{name}_baseline_moods": macro_recall(targets, moods),
    }
