"""Make the models that come with the package: `python -m quikapp_ml.jobs.starter_models --data DIR [NAME …]`.

Run by developers in a checkout; the folders it writes are committed. sentiment-bert is a BERT with --base, and a
linear model without.
"""

import argparse
import logging
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path

import orjson

from quikapp_ml.jobs.bert_training import bert_starter
from quikapp_ml.jobs.starter_samples import make_ranking_starter, make_recommendation_starter
from quikapp_ml.training.starter_sentiment import make_sentiment_starter
from quikapp_ml.training.starter_spam import make_spam_starter
from quikapp_ml.training.starters import METADATA_FILE, Starter

logger = logging.getLogger(__name__)

STARTERS: Mapping[str, Callable[[Path], Starter]] = {
    "spam-classifier": make_spam_starter,
    "sentiment-bert": make_sentiment_starter,
    "recommendation-v2": make_recommendation_starter,
    "content-ranker": make_ranking_starter,
}


def make_starters(
    data: Path, names: list[str], into: Path, cards: Path, makers: Mapping[str, Callable[[Path], Starter]] = STARTERS
) -> None:
    """Train the named starters from the files under `data` and write each into its folder under `into`.

    The cards are copied from `cards`, where they are written by hand.
    """
    for name in names:
        starter = makers[name](data)
        folder = into / name
        starter.model.save(folder)
        metadata = {
            "semantic_version": starter.semantic_version,
            "alias": starter.alias,
            "metrics": {metric: round(value, 4) for metric, value in starter.metrics.items()},
        }
        (folder / METADATA_FILE).write_bytes(orjson.dumps(metadata, option=orjson.OPT_INDENT_2))
        (folder / "card.md").write_bytes((cards / f"{name}.md").read_bytes())
        logger.info("%s %s: %s", name, starter.semantic_version, metadata["metrics"])


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the corpora, such as ../shared/data")
    parser.add_argument("--cards", type=Path, default=Path("docs/models"), help="folder of the model cards")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(STARTERS)}; all when left out")
    parser.add_argument("--base", type=Path, help="folder of the BERT that sentiment-bert is fine-tuned from")
    parser.add_argument("--work", type=Path, default=Path("bert-work"), help="folder of that training's checkpoint")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in STARTERS]
    if unknown:
        parser.error(f"unknown {', '.join(unknown)}; known are {', '.join(STARTERS)}")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    into = Path(str(files("quikapp_ml.starter_models")))
    makers = dict(STARTERS)
    if given.base is not None:
        makers["sentiment-bert"] = lambda data: bert_starter(data, given.base, given.work)
    make_starters(given.data, given.names or list(STARTERS), into, given.cards, makers)


if __name__ == "__main__":
    main()
