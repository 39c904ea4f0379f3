"""One text, one sentiment: read alone, among others, with threads, and by MLflow from the registered artefact."""

from collections.abc import Iterator
from importlib import import_module
from importlib.resources import as_file, files
from pathlib import Path

import pandas as pd
import pytest

from quikapp_ml.models.sentiment import SentimentClassifier
from quikapp_ml.stores.registry import open_registry
from quikapp_ml.stores.registry.base import NewVersion

TEXTS = (
    "This is great!", "I'm not happy with this", "kill the process", "", "Ünï ‏ 👍🏽 :tada: \u200b", "日本語のテスト",
    "the build is green " * 12, "nothing works and I hate it " * 60, "`code only`", "see <http://a.example|this>",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with as_file(files("quikapp_ml.starter_models") / SentimentClassifier.name) as found:
        yield found


def test_it_is_the_same_to_the_last_bit(folder: Path, tmp_path: Path) -> None:
    registry = open_registry(f"sqlite:///{tmp_path / 'mlflow.db'}", "tests", tmp_path / "artifacts")
    model_class = f"{SentimentClassifier.__module__}:{SentimentClassifier.__name__}"
    registry.register(NewVersion(SentimentClassifier.name, folder, model_class, "1.0.0"))
    artefact = registry.fetch_artefact(SentimentClassifier.name, 1, tmp_path / "artefact")
    frame = pd.DataFrame({"content": TEXTS})
    by_mlflow = import_module("mlflow.pyfunc").load_model(artefact).predict(frame).to_dict("list")
    model = SentimentClassifier.load(folder)
    together = model.predict({"content": TEXTS})
    backwards = model.predict({"content": TEXTS[::-1]})
    assert {name: values[::-1] for name, values in backwards.items()} == together == by_mlflow
    assert [list(row) for row in zip(*(together[name] for name in list(together)[1:]), strict=True)] == [
        SentimentClassifier.load(folder).scores(text) if text in TEXTS[:2] else model.scores(text) for text in TEXTS
    ]
