"""The sentiment recipe over labels whose words tell them apart."""

from datetime import UTC, datetime, timedelta
from importlib.resources import as_file, files
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from quikapp_ml.entities.decisions import SENTIMENT_LABELS
from quikapp_ml.models.hashing import Hashing
from quikapp_ml.models.sentiment import SentimentClassifier
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.stores.lake.tables import SENTIMENT_LABELS as LABELS_TABLE
from quikapp_ml.training.recipe import NotEnoughData
from quikapp_ml.training.sentiment import SentimentRecipe, label_by_moods

RECIPE = SentimentRecipe()
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TEXTS = {"negative": "the glorp is broken", "neutral": "room number", "positive": "a zazz release"}


def lake_with(**counts: int) -> MemoryLake:
    """So many messages of each label, in turns, written down in reverse."""
    rows: list[dict[str, Any]] = [
        {
            "message_id": f"{label}{number}",
            "channel_id": "c",
            "content": f"{TEXTS[label]} {number}",
            "label": label,
            "source": "test",
            "labelled_at": START + timedelta(hours=number, minutes=SENTIMENT_LABELS.index(label)),
        }
        for label, count in counts.items()
        for number in range(count)
    ]
    lake = MemoryLake()
    lake.ensure(LABELS_TABLE)
    lake.append(LABELS_TABLE.name, pa.Table.from_pylist(rows[::-1], schema=LABELS_TABLE.columns))
    return lake


def test_examples_are_in_the_order_of_their_labels() -> None:
    examples = RECIPE.examples(lake_with(negative=30, neutral=50, positive=40))
    assert len(examples) == 120
    assert examples.at.tolist() == sorted(examples.at)
    assert np.bincount(examples.targets).tolist() == [30, 50, 40]


def test_the_split_is_in_time_and_keeps_a_fifth_of_each_label_for_later() -> None:
    earlier, later = RECIPE.split(RECIPE.examples(lake_with(negative=30, neutral=100, positive=40)))
    assert len(earlier) + len(later) == 170
    assert earlier.at.max() < later.at.min()
    assert (np.bincount(later.targets, minlength=3) >= [6, 20, 8]).all()


def test_it_learns_the_words_around_what_was_known() -> None:
    previous = SentimentClassifier.prior(Hashing(bits=14))
    earlier, later = RECIPE.split(RECIPE.examples(lake_with(negative=150, neutral=150, positive=150)))
    learnt = RECIPE.fit(earlier, previous)
    measures = RECIPE.evaluate(learnt, later)
    assert measures["macro_recall"] == measures["macro_f1"] == 1.0
    assert measures["macro_recall_low"] == measures["macro_recall_high"] == 1.0
    assert measures["baseline_majority"] == pytest.approx(1 / 3)
    compared = RECIPE.compare(learnt, previous, later)
    assert compared["difference"] == pytest.approx(2 / 3)
    assert compared["difference_low"] > 0.5
    assert sum(f"difference_in_{part}_low" in compared for part in ("short", "long")) == 1, (
        "its texts are of one length"
    )
    assert set(RECIPE.compare(learnt, learnt, later).values()) == {0.0}
    assert learnt.scores("unheard of words") == pytest.approx([1 / 3] * 3, abs=0.1)


def test_few_labels_change_less_than_many_and_what_they_do_not_speak_of_hardly_at_all() -> None:
    previous = SentimentClassifier.prior(Hashing(bits=14))
    few, many = (
        RECIPE.fit(RECIPE.examples(lake_with(negative=count, neutral=count, positive=count)), previous)
        for count in (20, 200)
    )
    assert 1 / 3 < few.scores("zazz")[2] < many.scores("zazz")[2]
    assert few.scores("unheard of words") == pytest.approx([1 / 3] * 3, abs=0.03)


def test_of_a_bert_the_head_alone_learns_on() -> None:
    with as_file(files("quikapp_ml.starter_models") / SentimentClassifier.name) as folder:
        previous = SentimentClassifier.load(folder)
    earlier, later = RECIPE.split(RECIPE.examples(lake_with(negative=60, neutral=60, positive=60)))
    learnt = RECIPE.fit(earlier, previous)
    assert learnt.reads is previous.reads
    assert RECIPE.evaluate(learnt, later)["macro_recall"] > 0.9 > RECIPE.evaluate(previous, later)["macro_recall"]
    assert learnt.scores("I love it, thanks")[2] > 0.5


@pytest.mark.parametrize("counts", [{"negative": 19, "neutral": 90, "positive": 20}, {"neutral": 500}, {}])
def test_too_few_labels_are_counted_in_the_refusal(counts: dict[str, int]) -> None:
    with pytest.raises(NotEnoughData, match=f"{counts.get('negative', 0)} negative, .* needed are 20 of each"):
        RECIPE.examples(lake_with(**counts))


@pytest.mark.parametrize(("text", "label"), [("done :tada:", 2), ("broken 😡", 0), ("ok", 1), (":tada: 😡", 1)])
def test_the_baseline_goes_by_emoji_alone(text: str, label: int) -> None:
    assert label_by_moods(text) == label
