"""What a spam check costs by the length and kind of its text, hostile ones too: scripts/bench spam_cost

    python benchmarks/spam_cost.py [--rounds 5] [--model FOLDER]

Each kind is a text made of one piece over and over, and `words` of ever different ones. Times are those of the process
(others on the machine do not count), reading, model and evidence together, at 10,000 and 40,000 characters: `growth`
near 4 is linear. The last line is JSON.
"""

import argparse
import json
import platform
from collections.abc import Callable
from importlib.resources import files
from itertools import count, islice, product
from pathlib import Path
from time import process_time

import numpy as np

from quikapp_ml.models.spam import SpamClassifier

LENGTHS = (10_000, 40_000)
PIECES = {
    "prose": "we have deployed the new version, please look at it when you can. ",
    "advert": "Free CASH prize!!! click http://x.example/a now £100 ",
    "leet": "fr33 w1n c4sh pr1ze ", "homoglyphs": "Frее саsh рrizе ", "zero_width": "f\u200br\u200be\u200be\u200b ",
    "letters_apart": "f r e e c.a.s.h ", "emoji": "👍🏽 ok ", "signs": "!?$@ ", "one_word": "a", "dots": "a.b",
    "links": "http://a.example/x ", "named_links": "<http://a.example/x|google.com> ", "accents": "e\u0301\u0336\u0307",
    "brackets": "<", "entities": "&#102;", "code": "``` ", "quotes": "> a\n", "chinese": "你好世界",
    "mentions": "<@U1> ", "surrogates": "\ud800", "half_links": "http://", "dashes": "a-", "commas": "1,",
    "drawn_out": "sooo freeee ",
}  # fmt: skip


def words(length: int) -> str:
    """Words that are all different."""
    made = ("".join(letters) for size in count(4) for letters in product("etaoinshrdlu", repeat=size))
    return " ".join(islice(made, length // 4))[:length]


def milliseconds(check: Callable[[str], object], text: str, rounds: int) -> list[float]:
    times = []
    for _ in range(rounds):
        started = process_time()
        check(text)
        times.append(1000 * (process_time() - started))
    return times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", type=Path, help="folder of a saved model; the starter otherwise")
    given = parser.parse_args()
    folder = given.model or Path(str(files("quikapp_ml.starter_models"))) / SpamClassifier.name
    results: dict[str, dict[str, float]] = {}
    print(f"{'':16}{'10k ms':>9}{'40k ms':>9}{'worst':>9}{'growth':>8}")
    for kind in (*PIECES, "words"):
        texts = [words(length) if kind == "words" else (PIECES[kind] * length)[:length] for length in LENGTHS]
        # A model that has read nothing yet, for each: nothing is looked up that an earlier text has left.
        short, long = (milliseconds(SpamClassifier.load(folder).check, text, given.rounds) for text in texts)
        row = {
            "ms_10k": float(np.median(short)), "ms_40k": float(np.median(long)), "worst_40k": max(long),
            "growth": float(np.median(long) / max(np.median(short), 1e-3)),
        }  # fmt: skip
        results[kind] = {name: round(value, 2) for name, value in row.items()}
        print(f"{kind:16}" + "".join(f"{row[name]:9.2f}" for name in ("ms_10k", "ms_40k", "worst_40k", "growth")))
    machine = {"python": platform.python_version(), "system": platform.platform()}
    print(json.dumps({"benchmark": "spam_cost", "machine": machine, "kinds": results}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
