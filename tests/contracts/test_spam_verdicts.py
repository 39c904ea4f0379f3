"""One text, one verdict: checked alone, among others, after others, and by MLflow from the registered artefact."""

from collections.abc import Iterator
from importlib import import_module
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from quikapp_ml.models.behaviour import AUTHOR_FEATURES
from quikapp_ml.models.spam import SpamClassifier
from quikapp_ml.stores.registry import open_registry
from quikapp_ml.stores.registry.base import NewVersion

TEXTS = (
    "Check out this amazing offer!", "the build is green", "", "FR33 entry! w1n a c4sh pr1ze", "Frее саsh рrizе",
    "see <http://evil.example.ru/a|google.com>", "you are an idiot", "Ünï ‏ 👍🏽 :tada: \u200b", "a " * 3_000,
    "CALL NOW <@U1> `code here` http://bit.ly/x £100 " * 40, "f r e e   m o n e y", "日本語のテスト",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with as_file(files("quikapp_ml.starter_models") / SpamClassifier.name) as found:
        yield found


@pytest.fixture(scope="module")
def by_mlflow(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    at = tmp_path_factory.mktemp("registry")
    registry = open_registry(f"sqlite:///{at / 'mlflow.db'}", "tests", at / "artifacts")
    model_class = f"{SpamClassifier.__module__}:{SpamClassifier.__name__}"
    registry.register(NewVersion(SpamClassifier.name, folder, model_class, "1.0.0"))
    artefact = registry.fetch_artefact(SpamClassifier.name, 1, at / "artefact")
    frame = pd.DataFrame({"content": TEXTS, **dict.fromkeys(AUTHOR_FEATURES, [0.5] * len(TEXTS))})
    answers: dict[str, list[Any]] = import_module("mlflow.pyfunc").load_model(artefact).predict(frame).to_dict("list")
    return answers


def test_it_is_the_same_to_the_last_bit(folder: Path, by_mlflow: dict[str, list[Any]]) -> None:
    author = dict.fromkeys(AUTHOR_FEATURES, 0.5)
    columns = {"content": TEXTS, **{name: [value] * len(TEXTS) for name, value in author.items()}}
    model = SpamClassifier.load(folder)
    together = model.predict(columns)
    backwards = {name: list(reversed(values)) for name, values in columns.items()}
    assert model.predict(backwards) == {name: values[::-1] for name, values in together.items()}
    alone = [SpamClassifier.load(folder).check(text, author) for text in TEXTS]
    for answers in (together, by_mlflow):
        assert answers["logit"] == [verdict.logit for verdict in alone]
        assert answers["spam_probability"] == [verdict.probability for verdict in alone]
        assert answers["offensive"] == [verdict.abuse["offensive"] for verdict in alone]
