"""How well spam is told apart under a video that was never seen: scripts/bench spam_videos ../shared/data

    python benchmarks/spam_videos.py DATA [--video NAME ...]

DATA is the folder with `spam/*.tsv.gz` and `sentiment/senti4sd_train.tsv.gz`. Each video of the comments is held back
once, whole: the recipe of the starter learns from four fifths of the other videos and of the SMS, F1 is measured on the
comments under the one held back, at a probability of 0.5 and at the threshold that is best on the last fifth of the
other videos. The SMS that the starter holds out are measured beside. In brackets, and in the JSON of the last line,
the 95 % bootstrap interval.
"""

import argparse
import csv
import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quikapp_ml.training.corpora import Labelled, held_out, read_labelled
from quikapp_ml.training.linear import Fitted
from quikapp_ml.training.measures import average_precision, with_interval
from quikapp_ml.training.spam import text_design
from quikapp_ml.training.starter_spam import HASHING, developers_posts, learnt_spam

Targets = NDArray[np.int64]


def comments_by_video(path: Path) -> dict[str, list[Labelled]]:
    found: dict[str, list[Labelled]] = {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            found.setdefault(row["video"], []).append(Labelled(row["label"], row["text"]))
    return found


def f1(targets: Targets, guesses: Targets) -> float:
    return 2 * float((targets * guesses).sum()) / max(float(targets.sum() + guesses.sum()), 1.0)


def told(model: Fitted, rows: Sequence[Labelled]) -> tuple[Targets, NDArray[np.float64]]:
    """Whether each is spam, and its logit."""
    targets = np.array([row.label == "spam" for row in rows], dtype=np.int64)
    return targets, text_design([row.text for row in rows], HASHING) @ model.weights[0] + model.biases[0]


def best_logit(targets: Targets, logits: NDArray[np.float64]) -> float:
    candidates: list[float] = np.quantile(logits, np.linspace(0, 1, 400)).tolist()
    return max(candidates, key=lambda logit: f1(targets, (logits >= logit).astype(np.int64)))


def measured(name: str, model: Fitted, rows: Sequence[Labelled], threshold: float) -> dict[str, float]:
    targets, logits = told(model, rows)
    return {
        f"{name}_texts": float(len(rows)),
        **with_interval(f"{name}_average_precision", average_precision, targets, logits),
        **with_interval(f"{name}_f1", f1, targets, (logits >= 0).astype(np.int64)),
        **with_interval(f"{name}_f1_chosen", f1, targets, (logits >= threshold).astype(np.int64)),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--video", nargs="+", help="videos to hold back, one after the other; all when left out")
    given = parser.parse_args()
    videos = comments_by_video(given.data / "spam" / "youtube_comments_dev.tsv.gz")
    sms, sms_out = held_out(read_labelled(given.data / "spam" / "sms_spam_dev.tsv.gz"))
    developers, developers_out = held_out(developers_posts(given.data))
    results: dict[str, dict[str, float]] = {}
    for video in given.video or sorted(videos):
        comments, chosen_on = held_out([row for name, rows in videos.items() if name != video for row in rows])
        model = learnt_spam(sms, comments, developers)
        threshold = best_logit(*told(model, chosen_on))
        results[video] = {
            "chosen_probability": float(1 / (1 + np.exp(-threshold))),
            **measured("comments", model, videos[video], threshold),
            **measured("sms", model, sms_out, threshold),
            "developers_flagged": float((told(model, developers_out)[1] >= 0).mean()),
        }
        for name, value in results[video].items():
            print(f"{video:24}{name:36}{value:.4f}", flush=True)
    print(
        json.dumps({video: {name: round(value, 4) for name, value in each.items()} for video, each in results.items()})
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
