"""The starters of texts, made from tiny corpora of the real form; and what ships equals its card and metadata."""

import gzip
from importlib.resources import files
from pathlib import Path

import pytest

from quikapp_ml.jobs.starter_models import STARTERS, make_starters
from quikapp_ml.models import MODEL_CLASSES
from quikapp_ml.models.sentiment import SentimentClassifier
from quikapp_ml.models.spam import SpamClassifier
from quikapp_ml.training.starters import read_metadata

CARDS = Path(__file__).parents[3] / "docs" / "models"


def write(file: Path, texts: dict[str, str], n_each: int = 30) -> None:
    """`n_each` numbered texts of each label."""
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{label}\t{text} {number}" for number in range(n_each) for label, text in texts.items()]
    file.write_bytes(gzip.compress("\n".join(["label\ttext", *rows, ""]).encode()))


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    moods = {"negative": "what a glorp", "neutral": "a table", "positive": "so zazz"}
    write(data / "spam" / "sms_spam_dev.tsv.gz", {"spam": "cheap quokka sale", "ham": "see you at home"})
    write(data / "spam" / "youtube_comments_dev.tsv.gz", {"spam": "quokka channel here", "ham": "nice song"})
    for name in ("senti4sd_train", "semeval2017_train", "tweeteval_val"):
        write(data / "sentiment" / f"{name}.tsv.gz", moods)
    for part in ("train", "val"):
        write(
            data / "abuse" / f"tweeteval_offensive_{part}.tsv.gz", {"offensive": "blarg you", "not-offensive": "hello"}
        )
        write(data / "abuse" / f"tweeteval_hate_{part}.tsv.gz", {"hate": "all blargs out", "not-hate": "good morning"})
    return data


def test_spam_is_learnt_from_the_corpora(corpora: Path, tmp_path: Path) -> None:
    make_starters(corpora, ["spam-classifier"], tmp_path, CARDS)
    folder = tmp_path / "spam-classifier"
    model, metadata = SpamClassifier.load(folder), read_metadata(folder)
    assert model.check("a quokka sale").probability > 0.5 > model.check("see you").probability
    assert model.check("blarg you").abuse["offensive"] > 0.5
    assert (metadata.semantic_version, metadata.alias) == ("2.4.0", "champion")
    assert metadata.metrics["sms_average_precision"] == 1.0
    assert (folder / "card.md").read_bytes() == (CARDS / "spam-classifier.md").read_bytes()


def test_sentiment_is_learnt_from_the_corpora(corpora: Path, tmp_path: Path) -> None:
    make_starters(corpora, ["sentiment-bert"], tmp_path, CARDS)
    folder = tmp_path / "sentiment-bert"
    model, metadata = SentimentClassifier.load(folder), read_metadata(folder)
    labels = model.predict({"content": ["what a glorp", "a table", "so zazz", "🎉"]})["sentiment"]
    assert labels == ["negative", "neutral", "positive", "positive"]
    assert metadata.metrics["tweets_macro_recall"] == 1.0
    assert metadata.metrics["tweets_baseline_majority"] == pytest.approx(1 / 3, abs=1e-3)


def test_there_is_a_way_to_make_every_registered_model() -> None:
    assert set(STARTERS) == set(MODEL_CLASSES)


@pytest.mark.parametrize("name", sorted(STARTERS))
def test_what_ships_has_the_card_of_the_documentation(name: str) -> None:
    shipped = (files("quikapp_ml.starter_models") / name / "card.md").read_text(encoding="utf-8")
    assert shipped == (CARDS / f"{name}.md").read_text(encoding="utf-8")
    assert "\n## " in shipped
