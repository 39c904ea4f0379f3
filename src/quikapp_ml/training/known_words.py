"""The common words that reading compares odd spellings with, from the training parts of the starters' corpora."""

import re
import sys
from collections import Counter
from pathlib import Path

from quikapp_ml.training.corpora import Labelled, held_out, read_labelled
from quikapp_ml.training.work_chat import work_chat

LEAST_OFTEN = {"spam": 2, "ham": 4}
_WORD = re.compile(r"(?<![\w'])[a-z]{3,15}(?![\w'])")
_DRAWN_OUT = re.compile(r"([a-z])\1\1")


def known_words(data: Path) -> list[str]:
    """Words of 3 to 15 letters that occur often enough in texts learnt from; held-out texts are not looked at."""
    rows: list[Labelled] = list(work_chat())
    for path in ("spam/sms_spam_dev.tsv.gz", "spam/youtube_comments_dev.tsv.gz"):
        rows += held_out(read_labelled(data / path))[0]
    developers = held_out(read_labelled(data / "sentiment" / "senti4sd_train.tsv.gz"))[0]
    rows += [Labelled("ham", row.text) for row in developers]
    counts = {label: Counter[str]() for label in LEAST_OFTEN}
    for row in rows:
        counts[row.label].update(_WORD.findall(row.text.lower()))
    found = {word for label, least in LEAST_OFTEN.items() for word, n in counts[label].items() if n >= least}
    return sorted(word for word in found if not _DRAWN_OUT.search(word))


if __name__ == "__main__":
    into = Path(__file__).parents[1] / "models" / "reading" / "words.txt"
    into.write_text("\n".join(known_words(Path(sys.argv[1]))) + "\n", encoding="ascii")
