"""The spam-classifier that comes with the package, learnt from public corpora and lines written for it."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quikapp_ml.models.behaviour import BEHAVIOURS
from quikapp_ml.models.hashing import Hashing, bag_of
from quikapp_ml.models.reading import TRICKS
from quikapp_ml.models.spam import ABUSE_LABELS, SpamClassifier
from quikapp_ml.models.text import Tokens
from quikapp_ml.training.chat_patterns import ordinary_lines
from quikapp_ml.training.corpora import Labelled, held_out, read_labelled
from quikapp_ml.training.linear import Fitted, Hold, calibrate, fit_binary
from quikapp_ml.training.measures import average_precision, macro_f1, with_interval
from quikapp_ml.training.spam import text_design
from quikapp_ml.training.starters import Starter
from quikapp_ml.training.work_chat import bare_links, with_links, work_chat

HASHING = Hashing()
SPAM_HOLD = Hold(weights=0.1, biases=0.001)
ABUSE_HOLD = Hold(weights=1.0, biases=0.01)
WORK_CHAT_IMPORTANCE = 3.0
PATTERN_IMPORTANCE = 1.0
POLITE_IMPORTANCE = 0.5
DEVELOPER_IMPORTANCE = 0.15
LINKED_IMPORTANCE = 0.3
BARE_LINK_IMPORTANCE = 3.0
N_PATTERN_LINES = 600
N_LINKED = 1_200
TRICK_PRIORS = {"cloaked_link": 2.5, "look_alike_link": 2.5, "short_link": 0.5}


@dataclass(frozen=True)
class Lesson:
    """Texts of one source; `targets` is 1 where they are what is looked for."""

    rows: Sequence[Labelled]
    positive: str
    importance: float = 1.0

    @property
    def targets(self) -> NDArray[np.float64]:
        """1 or 0 for each row."""
        return np.array([row.label == self.positive for row in self.rows], dtype=float)


def make_spam_starter(data: Path) -> Starter:
    """Fit on the training parts, calibrate and measure on the held-out ones."""
    sms, sms_out = held_out(read_labelled(data / "spam" / "sms_spam_dev.tsv.gz"))
    comments, comments_out = held_out(read_labelled(data / "spam" / "youtube_comments_dev.tsv.gz"))
    developers, developers_out = held_out(developers_posts(data))
    spam = learnt_spam(sms, comments, developers)
    ordinary = [row for row in work_chat() if row.label == "ham"]
    polite = Lesson([*ordinary, *developers], "-", POLITE_IMPORTANCE)
    nothing = Fitted(np.zeros((1, 1 << HASHING.bits)), np.zeros(1))
    heads, metrics = [], {}
    for label in ABUSE_LABELS:
        lesson = Lesson(read_labelled(data / "abuse" / f"tweeteval_{label}_train.tsv.gz"), label)
        chosen_on = read_labelled(data / "abuse" / f"tweeteval_{label}_val.tsv.gz")
        head = _calibrated(_fit([lesson, polite], ABUSE_HOLD, nothing), chosen_on, label)
        heads.append(head)
        metrics.update(_abuse_measures(label, head, chosen_on))
    model = SpamClassifier(
        HASHING,
        spam.weights[0],
        {behaviour.name: behaviour.prior for behaviour in BEHAVIOURS},
        float(spam.biases[0]),
        np.concatenate([head.weights for head in heads]),
        [float(head.biases[0]) for head in heads],
    )
    metrics = {
        **_spam_measures("sms", model, sms_out),
        **_spam_measures("comments", model, comments_out),
        "developer_false_positive_ratio": float((_logits(model, developers_out) >= 0).mean()),
        **metrics,
    }
    return Starter(model, "2.4.0", "champion", metrics)


def developers_posts(data: Path) -> list[Labelled]:
    """Posts of Stack Overflow, all of them ordinary."""
    return [Labelled("ham", row.text) for row in read_labelled(data / "sentiment" / "senti4sd_train.tsv.gz")]


def learnt_spam(sms: Sequence[Labelled], comments: Sequence[Labelled], developers: Sequence[Labelled]) -> Fitted:
    """The weights of words for spam, calibrated on texts of the corpora by a model that has not seen them."""
    corpora = (sms, comments, developers)
    halves = [[_in_half(rows, second) for rows in corpora] for second in (False, True)]
    logits, targets = [], []
    for mine, others in (halves, halves[::-1]):
        unseen = [row for rows in others for row in rows]
        logits.append(_logits_of(_learnt(*mine), unseen))
        targets.append(Lesson(unseen, "spam").targets)
    slope, shift = calibrate(np.concatenate(logits), np.concatenate(targets))
    spam = _learnt(*corpora)
    return Fitted(slope * spam.weights, slope * spam.biases + shift)


def _learnt(sms: Sequence[Labelled], comments: Sequence[Labelled], developers: Sequence[Labelled]) -> Fitted:
    chat, written = work_chat(), ordinary_lines(N_PATTERN_LINES)
    ordinary = [row for row in chat if row.label == "ham"]
    lessons = [
        Lesson(sms, "spam"),
        Lesson(comments, "spam"),
        Lesson(chat, "spam", WORK_CHAT_IMPORTANCE),
        Lesson(written, "spam", PATTERN_IMPORTANCE),
        Lesson(developers, "spam", DEVELOPER_IMPORTANCE),
        Lesson(with_links([*ordinary, *written, *developers[:N_LINKED]]), "spam", LINKED_IMPORTANCE),
        Lesson(bare_links(), "spam", BARE_LINK_IMPORTANCE),
    ]
    return _fit(lessons, SPAM_HOLD, _believed())


def _in_half(rows: Sequence[Labelled], second: bool) -> list[Labelled]:
    """Texts on one side of a checksum; another one than that of `held_out`."""
    return [row for row in rows if (zlib.adler32(row.text.encode("utf-8", "surrogatepass")) % 2 == 1) == second]


def _fit(lessons: Sequence[Lesson], hold: Hold, believed: Fitted) -> Fitted:
    texts = [row.text for lesson in lessons for row in lesson.rows]
    targets = np.concatenate([lesson.targets for lesson in lessons])
    importance = np.concatenate([np.full(len(lesson.rows), lesson.importance) for lesson in lessons])
    return fit_binary(text_design(texts, HASHING), targets, importance, believed, hold)


def _believed() -> Fitted:
    """Tricks of links, which the corpora lack, weigh by a prior set by hand; of all else nothing is believed."""
    weights = np.zeros((1, 1 << HASHING.bits))
    for kind, prior in TRICK_PRIORS.items():
        alone = Tokens([TRICKS[kind]], [kind], [0], [1], [False])
        weights[0, bag_of(alone, HASHING).buckets[0]] = prior
    return Fitted(weights, np.zeros(1))


def _calibrated(fitted: Fitted, rows: Sequence[Labelled], positive: str) -> Fitted:
    slope, shift = calibrate(_logits_of(fitted, rows), Lesson(rows, positive).targets)
    return Fitted(slope * fitted.weights, slope * fitted.biases + shift)


def _logits_of(fitted: Fitted, rows: Sequence[Labelled]) -> NDArray[np.float64]:
    logits: NDArray[np.float64] = (
        text_design([row.text for row in rows], HASHING) @ fitted.weights[0] + fitted.biases[0]
    )
    return logits


def _logits(model: SpamClassifier, rows: Sequence[Labelled]) -> NDArray[np.float64]:
    return np.array([model.logit(row.text) for row in rows])


def _spam_measures(name: str, model: SpamClassifier, rows: Sequence[Labelled]) -> dict[str, float]:
    targets = Lesson(rows, "spam").targets.astype(np.int64)
    logits = _logits(model, rows)
    return {
        **with_interval(f"{name}_average_precision", average_precision, targets, logits),
        f"{name}_recall": float((logits[targets == 1] >= 0).mean()),
        f"{name}_false_positive_ratio": float((logits[targets == 0] >= 0).mean()),
        f"{name}_baseline_chance": float(targets.mean()),
    }


def _abuse_measures(label: str, head: Fitted, rows: Sequence[Labelled]) -> dict[str, float]:
    targets = Lesson(rows, label).targets.astype(np.int64)
    logits = _logits_of(head, rows)
    measures = with_interval(f"{label}_macro_f1", macro_f1, targets, (logits >= 0).astype(np.int64))
    return {**measures, f"{label}_baseline_majority": macro_f1(targets, np.zeros_like(targets))}
