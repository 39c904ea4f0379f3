"""How well texts are told apart, by the model in process or by a running service.

    python benchmarks/text_quality.py spam|offensive|sentiment FILE.tsv [--url http://127.0.0.1:5008] [--model FOLDER]

FILE (plain or .gz) has the columns `label` and `text`. Labels: spam/ham; offensive/anything else; negative, neutral,
positive. With --url, texts are asked of the service as by people it has never seen (`dry_run`); without, the starter
of the package answers, or the model in FOLDER. The last line is JSON.
Thresholds: 0.5, and with --choose-on the one that is best on that other file of labelled texts (F1 for spam, else
macro-F1), as an operator would set `thresholds` of a policy after a look at their own messages.
FILE may also be a Slack export (.zip): its messages by people count as ordinary, to see how many would be flagged.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from quikapp_ml.entities.decisions import SENTIMENT_LABELS
from quikapp_ml.importers.slack import read_export
from quikapp_ml.models.base import Model
from quikapp_ml.models.sentiment import SentimentClassifier
from quikapp_ml.models.spam import SpamClassifier
from quikapp_ml.training.corpora import Labelled, read_labelled
from quikapp_ml.training.measures import average_precision, macro_f1, macro_recall, with_interval
from quikapp_ml.training.sentiment import label_by_moods

MESSAGES_A_REQUEST = 100
Scores = NDArray[np.float64]


def in_process(task: str, folder: Path | None) -> Callable[[Sequence[str]], Scores]:
    """Scores by a model on this disk."""
    model_class: type[Model] = SentimentClassifier if task == "sentiment" else SpamClassifier
    model = model_class.load(folder or Path(str(files("quikapp_ml.starter_models"))) / model_class.name)
    columns = list(SENTIMENT_LABELS) if task == "sentiment" else ["spam_probability" if task == "spam" else task]

    def scores(texts: Sequence[str]) -> Scores:
        answers = model.predict({"content": texts})
        return np.array([answers[column] for column in columns]).T

    return scores


def by_service(task: str, url: str) -> Callable[[Sequence[str]], Scores]:
    """Scores by a running service, over one connection."""
    client = httpx.Client(base_url=url, timeout=30)

    def post(path: str, body: Mapping[str, Any]) -> Any:
        answer = client.post(path, json=body)
        answer.raise_for_status()
        return answer.json()

    def sentiment(texts: Sequence[str]) -> Scores:
        rows: list[list[float]] = []
        for start in range(0, len(texts), MESSAGES_A_REQUEST):
            messages = [{"id": str(n), "content": text} for n, text in enumerate(texts[start:][:MESSAGES_A_REQUEST])]
            answer = post("/api/ml/sentiment", {"messages": messages})
            read = {result["id"]: result["scores"] for result in answer["results"]}
            rows += [
                [read[message["id"]][label] if message["id"] in read else 1 / 3 for label in SENTIMENT_LABELS]
                for message in messages
            ]
        return np.array(rows)

    def spam(texts: Sequence[str]) -> Scores:
        rows = []
        for number, text in enumerate(texts):
            body = {"content": text, "user_id": f"text-quality-{number}", "dry_run": True}
            answer = post("/api/ml/spam-check", body)
            rows.append([answer["spam_probability"] if task == "spam" else answer["abuse"][task]])
        return np.array(rows)

    return sentiment if task == "sentiment" else spam


def ordinary_messages(export: Path) -> list[Labelled]:
    """What people wrote in a Slack export."""
    events = (event for event in read_export(export) if event["type"] == "message" and not event.get("is_bot"))
    return [Labelled("ordinary", event["content"]) for event in events if event.get("content")]


def measure_two_classes(task: str, rows: Sequence[Labelled], scores: Scores) -> dict[str, float]:
    """Average precision, and what a threshold of 0.5 does."""
    targets = np.array([row.label == task for row in rows], dtype=np.int64)
    guesses = (scores[:, 0] >= 0.5).astype(np.int64)
    return {
        **with_interval("average_precision", average_precision, targets, scores[:, 0]),
        **with_interval("f1", f1, targets, guesses),
        **with_interval("macro_f1", macro_f1, targets, guesses),
        "recall": float(guesses[targets == 1].mean()) if targets.any() else 0.0,
        "false_positive_ratio": float(guesses[targets == 0].mean()) if not targets.all() else 0.0,
        "baseline_chance": float(targets.mean()),
        "baseline_majority_macro_f1": macro_f1(targets, np.full_like(targets, round(targets.mean()))),
    }


def f1(targets: NDArray[np.int64], guesses: NDArray[np.int64]) -> float:
    """F1 of the class looked for."""
    return 2 * float((targets * guesses).sum()) / max(float(targets.sum() + guesses.sum()), 1.0)


def chosen_threshold(task: str, rows: Sequence[Labelled], scores: Scores) -> float:
    """The threshold with the best F1 of spam, or macro-F1 of abuse."""
    targets = np.array([row.label == task for row in rows], dtype=np.int64)
    measure = f1 if task == "spam" else macro_f1
    candidates: list[float] = np.quantile(scores[:, 0], np.linspace(0, 1, 400)).tolist()
    return max(
        candidates,
        key=lambda threshold: measure(targets, (scores[:, 0] >= threshold).astype(np.int64)),
    )


def measure_chosen(task: str, rows: Sequence[Labelled], scores: Scores, threshold: float) -> dict[str, float]:
    """The same as at 0.5, at a threshold that was chosen elsewhere."""
    targets = np.array([row.label == task for row in rows], dtype=np.int64)
    guesses = (scores[:, 0] >= threshold).astype(np.int64)
    return {
        "chosen_threshold": threshold,
        **with_interval("chosen_f1", f1, targets, guesses),
        **with_interval("chosen_macro_f1", macro_f1, targets, guesses),
        "chosen_false_positive_ratio": float(guesses[targets == 0].mean()) if not targets.all() else 0.0,
    }


def measure_sentiment(rows: Sequence[Labelled], scores: Scores) -> dict[str, float]:
    """Macro-recall and macro-F1 beside simple ways to guess."""
    targets = np.array([SENTIMENT_LABELS.index(row.label) for row in rows], dtype=np.int64)
    guesses = scores.argmax(axis=1)
    moods = np.array([label_by_moods(row.text) for row in rows])
    commonest = np.full_like(targets, np.bincount(targets).argmax())
    return {
        **with_interval("macro_recall", macro_recall, targets, guesses),
        **with_interval("macro_f1", macro_f1, targets, guesses),
        "log_loss": float(-np.log(np.maximum(scores[np.arange(len(targets)), targets], 1e-12)).mean()),
        "baseline_majority_macro_recall": macro_recall(targets, commonest),
        "baseline_majority_macro_f1": macro_f1(targets, commonest),
        "baseline_moods_macro_recall": macro_recall(targets, moods),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["spam", "offensive", "hate", "sentiment"])
    parser.add_argument("file", type=Path)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--url", help="ask the service that runs there")
    source.add_argument("--model", type=Path, help="folder of a saved model")
    parser.add_argument("--choose-on", type=Path, metavar="FILE.tsv", help="where a threshold is chosen")
    given = parser.parse_args()
    rows = ordinary_messages(given.file) if given.file.suffix == ".zip" else read_labelled(given.file)
    scores_of = by_service(given.task, given.url) if given.url else in_process(given.task, given.model)
    started = perf_counter()
    scores = scores_of([row.text for row in rows])
    seconds = perf_counter() - started
    sentiment = given.task == "sentiment"
    measures = measure_sentiment(rows, scores) if sentiment else measure_two_classes(given.task, rows, scores)
    if given.choose_on and not sentiment:
        others = read_labelled(given.choose_on)
        threshold = chosen_threshold(given.task, others, scores_of([row.text for row in others]))
        measures |= measure_chosen(given.task, rows, scores, threshold)
    for name, value in measures.items():
        print(f"{name:32} {value:.4f}")
    print(f"{len(rows)} texts, {1000 * seconds / max(len(rows), 1):.3f} ms each", file=sys.stderr)
    rounded = {name: round(value, 4) for name, value in measures.items()}
    print(json.dumps({"task": given.task, "file": given.file.name, "n_texts": len(rows), "url": given.url, **rounded}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
