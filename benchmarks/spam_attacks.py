"""How much spam still is found when its words are disguised, and how often ordinary chat would be blocked.

    python benchmarks/spam_attacks.py DATA [--model FOLDER] [--chat FILE.zip] [--sample N]

DATA is the folder with `spam/*.tsv.gz`; the parts that training holds out are attacked. Recall is the share of all
spam at or above 0.5, by the text alone. A Slack export and generated lines of the sample workspace, talk and what only
looks like spam, are taken for ordinary: how many are blocked or flagged. The last line is JSON.
"""

import argparse
import json
import math
import random
import re
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quikapp_ml.entities.spam_policy import SpamPolicy
from quikapp_ml.importers.sample.texts import spam_texts
from quikapp_ml.importers.slack import read_export
from quikapp_ml.models.spam import SpamClassifier
from quikapp_ml.serving.spam import SPAM_FROM
from quikapp_ml.training.corpora import held_out, read_labelled
from quikapp_ml.training.measures import with_interval

CORPORA = {"sms": "sms_spam_dev.tsv.gz", "comments": "youtube_comments_dev.tsv.gz"}
SEED = 7
BLOCK_FROM = SpamPolicy().thresholds["block"]
WORD = re.compile(r"(?<![\w/.@<&#:])[A-Za-z]{3,}(?![\w/.@;:])")
HOMOGLYPHS = str.maketrans("aceiopsxyABCEHKMOPTX", "асеіорѕхуАВСЕНКМОРТХ")
LEET = str.maketrans("aeiostAEIOST", "431057431057")


def disguise(change: Callable[[str, random.Random], str]) -> Callable[[str], str]:
    """Change every word of three letters and more, outside links, always the same way for the same text."""

    def attack(text: str) -> str:
        dice = random.Random(f"{SEED} {text}")
        return WORD.sub(lambda word: change(word.group(), dice), text)

    return attack


def inside(sign: str) -> Callable[[str, random.Random], str]:
    """Put the sign at one place inside the word."""

    def change(word: str, dice: random.Random) -> str:
        place = dice.randrange(1, len(word))
        return word[:place] + sign + word[place:]

    return change


def drawn_out(word: str, dice: random.Random) -> str:
    place = dice.randrange(len(word))
    return word[:place] + word[place] * dice.randrange(3, 6) + word[place + 1 :]


def spaced(text: str) -> str:
    return WORD.sub(lambda word: f"  {' '.join(word.group())}  ", text)


def cloaked(text: str) -> str:
    """Every link shows a harmless host."""
    return re.sub(
        r"(?:https?://|www\.)[^\s<>]+", lambda link: f"<http://{link.group().split('//')[-1]}|docs.google.com>", text
    )


ATTACKS: dict[str, Callable[[str], str]] = {
    "homoglyph": disguise(lambda word, _: word.translate(HOMOGLYPHS)),
    "zero_width": disguise(lambda word, _: "\u200b".join(word)),
    "bidi": disguise(lambda word, _: f"\u202d{word[:2]}\u202c\u200f{word[2:]}"),
    "combining": disguise(lambda word, _: "".join(letter + "\u0336\u0307\u0323" for letter in word)),
    "fullwidth": disguise(lambda word, _: "".join(chr(ord(letter) + 0xFEE0) for letter in word)),
    "spacing": spaced,
    "dots": disguise(lambda word, _: ".".join(word)),
    "leet": disguise(lambda word, _: word.translate(LEET)),
    "repeated_letters": disguise(drawn_out),
    "markup": disguise(inside("<b></b>")),
    "asterisk": disguise(inside("*")),
    "entities": disguise(lambda word, _: "".join(f"&#{ord(letter)};" for letter in word)),
    "link_cloaking": cloaked,
}  # fmt: skip


def logits(model: SpamClassifier, texts: Sequence[str]) -> NDArray[np.float64]:
    return np.array([model.logit(text) for text in texts])


def f1(targets: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    """F1 of spam at 0.5."""
    found = scores >= 0
    hits = float((found & (targets == 1)).sum())
    return 2 * hits / max(float(found.sum() + targets.sum()), 1.0)


def measure_corpus(name: str, path: Path, model: SpamClassifier) -> dict[str, float]:
    rows = held_out(read_labelled(path))[1]
    targets = np.array([row.label == "spam" for row in rows], dtype=np.int64)
    spam = [row.text for row in rows if row.label == "spam"]
    clean = logits(model, [row.text for row in rows])
    recall = float((clean[targets == 1] >= 0).mean())
    measures = {**with_interval(f"{name}_f1", f1, targets, clean), f"{name}_recall": recall}
    for attack, change in ATTACKS.items():
        attacked = float((logits(model, [change(text) for text in spam]) >= 0).mean())
        measures[f"{name}_lost_to_{attack}"] = recall - attacked
    return measures


def slack_messages(export: Path) -> list[str]:
    """What people wrote in a Slack export."""
    events = (event for event in read_export(export) if event["type"] == "message" and not event.get("is_bot"))
    return [event["content"] for event in events if event.get("content")]


def measure_ordinary(name: str, texts: Sequence[str], model: SpamClassifier) -> dict[str, float]:
    """Shares of ordinary messages that would be flagged or blocked."""
    scores = logits(model, texts)
    return {
        f"{name}_messages": float(len(texts)),
        f"{name}_blocked": float((scores >= math.log(BLOCK_FROM / (1 - BLOCK_FROM))).mean()),
        f"{name}_flagged": float((scores >= math.log(SPAM_FROM / (1 - SPAM_FROM))).mean()),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path, help="folder of a saved model; the starter otherwise")
    parser.add_argument("--chat", type=Path, help="a Slack export of ordinary chat")
    parser.add_argument(
        "--sample", type=int, default=0, metavar="N", help="about so many lines of the sample workspace"
    )
    given = parser.parse_args()
    model = SpamClassifier.load(given.model or Path(str(files("quikapp_ml.starter_models"))) / SpamClassifier.name)
    measures: dict[str, float] = {}
    for name, file in CORPORA.items():
        measures |= measure_corpus(name, given.data / "spam" / file, model)
    if given.chat:
        measures |= measure_ordinary("chat", slack_messages(given.chat), model)
    if given.sample:
        ordinary = (text for text, is_spam in spam_texts(2 * given.sample, SEED) if not is_spam)
        measures |= measure_ordinary("sample", list(ordinary), model)
    for name, value in measures.items():
        print(f"{name:36} {value:.4f}")
    print(json.dumps({name: round(value, 4) for name, value in measures.items()}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
