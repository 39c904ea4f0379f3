"""sentiment-bert's BERT from base weights to a model that serves. Needs the extra `train`."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from tokenizers import Tokenizer

from quikapp_ml.entities.decisions import SENTIMENT_LABELS
from quikapp_ml.errors import NotFound
from quikapp_ml.models.bert import BertEncoder
from quikapp_ml.models.bert_text import bert_text
from quikapp_ml.models.sentiment import SentimentClassifier
from quikapp_ml.training.bert_base import load_base, with_weights
from quikapp_ml.training.bert_batches import encoded
from quikapp_ml.training.bert_corpus import Corpus, read_corpus, targets_of
from quikapp_ml.training.bert_fit import FineTuning, Plan, Texts
from quikapp_ml.training.bert_quantise import quantised
from quikapp_ml.training.measures import macro_f1, macro_recall, with_interval
from quikapp_ml.training.sentiment import sentiment_design
from quikapp_ml.training.starter_sentiment import slope_of
from quikapp_ml.training.starters import Starter

logger = logging.getLogger(__name__)

VERSION = "2.0.0"
RIGHT_AMONG_SURE = 0.8
"""Share of held-out messages that are read rightly among those that are not called unsure."""


@dataclass(frozen=True)
class Base:
    """Files of the model to begin with, by the names that its makers gave them."""

    graph: Path
    tokenizer: Path

    @classmethod
    def found(cls, folder: Path) -> "Base":
        """The graph and the tokenizer of a folder. Raises NotFound."""
        found = [next(iter(sorted(folder.glob(pattern))), None) for pattern in ("*.onnx", "*tokenizer.json")]
        if found[0] is None or found[1] is None:
            raise NotFound(f"{folder} must hold a BERT as one .onnx file, and its …tokenizer.json")
        return cls(found[0], found[1])


def make_bert(data: Path, base: Path, work: Path, plan: Plan | None = None) -> Starter:
    """Fine-tune on the corpora under `data` (from a checkpoint in `work`, if any), quantise, calibrate, measure."""
    plan, files = plan or Plan(), Base.found(base)
    tokenizer = Tokenizer.from_file(str(files.tokenizer))
    corpus = read_corpus(data)
    tuned = FineTuning(load_base(files.graph), len(SENTIMENT_LABELS), plan, work)
    learnt, tweets, developers = (
        Texts(encoded(tokenizer, [bert_text(row.text) for row in rows]), targets_of(rows))
        for rows in (corpus.learnt, corpus.tweets, corpus.developers)
    )
    logger.info("%d texts of %d tokens to learn from", len(learnt.rows), sum(map(len, learnt.rows)))

    def watch(now: FineTuning, step: int) -> None:
        seen = [macro_recall(part.targets, now.scores(part.rows).argmax(axis=1)) for part in (tweets, developers)]
        logger.info("step %d: macro-recall of tweets %.4f, of developers %.4f", step, *seen)

    tuned.fit(learnt, watch)
    graph = quantised(with_weights(files.graph, tuned.weights()))
    encoder = BertEncoder(_bytes(graph.SerializeToString()), _bytes(files.tokenizer.read_bytes()))
    model, metrics = calibrated(encoder, *tuned.head_weights(), corpus)
    return Starter(model, VERSION, "champion", metrics)


def calibrated(
    encoder: BertEncoder, weights: NDArray[np.float64], biases: NDArray[np.float64], corpus: Corpus
) -> tuple[SentimentClassifier, dict[str, float]]:
    """The model with scores that are honest about held-out texts, told below which it is unsure; and its measures."""
    held_out = [*corpus.tweets, *corpus.developers]
    logits = sentiment_design([row.text for row in held_out], encoder).toarray() @ weights.T + biases
    targets = targets_of(held_out)
    slope = slope_of(logits, targets)
    scores = softmax(slope * logits, axis=1)
    unsure_below = threshold(scores.max(axis=1), scores.argmax(axis=1) == targets)
    n_tweets = len(corpus.tweets)
    metrics = {
        **measures("tweets", scores[:n_tweets], targets[:n_tweets], unsure_below),
        **measures("developers", scores[n_tweets:], targets[n_tweets:], unsure_below),
    }
    return SentimentClassifier(encoder, slope * weights, slope * biases, unsure_below), metrics


def threshold(confidence: NDArray[np.float64], is_right: NDArray[np.bool_]) -> float:
    """The lowest confidence from which on the asked share of readings is right."""
    order = np.argsort(-confidence)
    shares = np.cumsum(is_right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(shares >= RIGHT_AMONG_SURE)
    return round(float(confidence[order][enough[-1]]), 3) if len(enough) else 1.0


def measures(
    name: str, scores: NDArray[np.float64], targets: NDArray[np.int64], unsure_below: float
) -> dict[str, float]:
    """Of held-out texts: macro-recall and macro-F1 with intervals, log-loss, and how often the model is unsure."""
    guesses = scores.argmax(axis=1)
    unsure = scores.max(axis=1) < unsure_below
    return {
        **with_interval(f"{name}_macro_recall", macro_recall, targets, guesses),
        **with_interval(f"{name}_macro_f1", macro_f1, targets, guesses),
        f"{name}_log_loss": float(-np.log(scores[np.arange(len(targets)), targets]).mean()),
        f"{name}_unsure": float(unsure.mean()),
        f"{name}_right_among_sure": float((guesses == targets)[~unsure].mean()),
    }


def _bytes(content: bytes) -> NDArray[Any]:
    return np.frombuffer(content, dtype=np.uint8)
