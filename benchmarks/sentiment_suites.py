"""Suites of emoji, shortcodes, negation and jargon: the share that is read rightly, by the starter or a model.

    python benchmarks/sentiment_suites.py [--model FOLDER] [--wrong]

The cases are in benchmarks/suites/sentiment.tsv; none of them is learnt. The last line is JSON.
"""

import argparse
import json
from collections import defaultdict
from importlib.resources import files
from pathlib import Path

import numpy as np

from quikapp_ml.entities.decisions import SENTIMENT_LABELS
from quikapp_ml.models.sentiment import SentimentClassifier
from quikapp_ml.training.corpora import read_labelled

SUITES = Path(__file__).parent / "suites" / "sentiment.tsv"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="folder of a saved model; the starter when left out")
    parser.add_argument("--wrong", action="store_true", help="show the cases that are read wrongly")
    given = parser.parse_args()
    shipped = Path(str(files("quikapp_ml.starter_models"))) / SentimentClassifier.name
    model = SentimentClassifier.load(given.model or shipped)
    cases, kinds = read_labelled(SUITES), read_labelled(SUITES, "suite")
    guesses = [SENTIMENT_LABELS[int(np.argmax(scores))] for scores in model.scores_of([case.text for case in cases])]
    right: dict[str, list[bool]] = defaultdict(list)
    for case, kind, guess in zip(cases, kinds, guesses, strict=True):
        right[kind.label].append(case.label == guess)
        if given.wrong and case.label != guess:
            print(f"{kind.label:10} {case.label:9} read as {guess:9} {case.text}")
    shares = {kind: float(np.mean(of_kind)) for kind, of_kind in right.items()}
    shares["all"] = float(np.mean([one for of_kind in right.values() for one in of_kind]))
    for name, share in shares.items():
        print(f"{name:10} {share:.3f}")
    print(json.dumps({"n_cases": len(cases), **{kind: round(share, 4) for kind, share in shares.items()}}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
