"""What sentiment-bert's BERT learns from and is chosen on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quikapp_ml.entities.decisions import SENTIMENT_LABELS
from quikapp_ml.training.bert_patterns import pattern_sentences
from quikapp_ml.training.corpora import Labelled, held_out, read_labelled
from quikapp_ml.training.work_chat import work_chat

WORK_CHAT_TIMES = 3
DEVELOPERS_TIMES = 2


@dataclass(frozen=True)
class Corpus:
    """`learnt` to learn from; `tweets` and `developers` to choose on, never learnt."""

    learnt: Sequence[Labelled]
    tweets: Sequence[Labelled]
    developers: Sequence[Labelled]


def read_corpus(data: Path) -> Corpus:
    """The corpora under `data`/sentiment, lines of work chat and sentences from patterns."""
    folder = data / "sentiment"
    developers, developers_out = held_out(read_labelled(folder / "senti4sd_train.tsv.gz"))
    learnt = [
        *read_labelled(folder / "semeval2017_train.tsv.gz"),
        *developers * DEVELOPERS_TIMES,
        *work_chat("sentiment") * WORK_CHAT_TIMES,
        *pattern_sentences(),
    ]
    return Corpus(learnt, read_labelled(folder / "tweeteval_val.tsv.gz"), developers_out)


def targets_of(rows: Sequence[Labelled]) -> NDArray[np.int64]:
    """Positions in SENTIMENT_LABELS."""
    return np.array([SENTIMENT_LABELS.index(row.label) for row in rows], dtype=np.int64)
