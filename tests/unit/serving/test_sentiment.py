"""Sentiment of lists of messages."""

from importlib.resources import as_file, files
from typing import Any

import orjson
import pytest

from quikapp_ml.entities.decisions import SENTIMENT_LABELS, SentimentAnswer
from quikapp_ml.entities.questions import SentimentMessage, SentimentQuestion
from quikapp_ml.models.base import Model
from quikapp_ml.models.sentiment import SentimentClassifier
from quikapp_ml.serving.sentiment import SentimentService, scores_by_rules
from support.chats import Ledger, OneModel

with as_file(files("quikapp_ml.starter_models") / SentimentClassifier.name) as folder:
    MODEL = SentimentClassifier.load(folder)


def ask(*contents: str, model: Model | None = MODEL) -> tuple[SentimentAnswer, Ledger]:
    ledger = Ledger()
    models: Any = OneModel(model, "1.2.0")
    written: Any = ledger
    ticks = iter(range(100))
    reader = SentimentService(models, written, lambda: float(next(ticks)))
    messages = [SentimentMessage(id=f"msg-{number}", content=text) for number, text in enumerate(contents, 1)]
    return reader.read(SentimentQuestion(messages=messages)), ledger


def test_the_documented_messages() -> None:
    answer, _ = ask("This is great!", "I'm frustrated with this issue")
    assert [(reading.id, reading.sentiment) for reading in answer.results] == [
        ("msg-1", "positive"),
        ("msg-2", "negative"),
    ]
    assert answer.errors == ()
    assert (answer.model.name, answer.model.version, answer.degraded) == ("sentiment-bert", "1.2.0", False)


def test_scores_add_up_and_the_highest_is_the_confidence() -> None:
    for reading in ask("This is great!", "meh", "👍", "x " * 5_000)[0].results:
        assert sum(reading.scores.values()) == pytest.approx(1.0)
        assert tuple(reading.scores) == SENTIMENT_LABELS
        assert reading.confidence == max(reading.scores.values()) == reading.scores[reading.sentiment]


@pytest.mark.parametrize("empty", ["", " ", "\n\t\u3000"])
def test_a_message_without_text_is_named_and_the_others_are_read(empty: str) -> None:
    answer, _ = ask("This is great!", empty, "ok")
    assert [reading.id for reading in answer.results] == ["msg-1", "msg-3"]
    assert [(problem.id, problem.code) for problem in answer.errors] == [("msg-2", "empty_content")]
    assert answer.summary["n_messages"] == 2


def test_the_summary_counts_labels_and_averages_scores() -> None:
    answer, _ = ask("This is great!", "Love it ❤️", "I'm frustrated with this issue")
    assert answer.summary["counts"] == {"negative": 1, "neutral": 0, "positive": 2}
    mean = sum(reading.scores["positive"] for reading in answer.results) / 3
    assert answer.summary["mean_scores"]["positive"] == pytest.approx(mean)
    assert sum(answer.summary["mean_scores"].values()) == pytest.approx(1.0)


def test_a_summary_of_nothing_has_no_means() -> None:
    answer, _ = ask(" ")
    assert answer.summary == {
        "n_messages": 0,
        "counts": dict.fromkeys(SENTIMENT_LABELS, 0),
        "mean_scores": dict.fromkeys(SENTIMENT_LABELS),
    }


def test_a_message_reads_the_same_alone_and_in_a_list() -> None:
    contents = ("This is great!", "deploy failed", ":tada:")
    together = ask(*contents)[0].results
    for reading, content in zip(together, contents, strict=True):
        assert ask(content)[0].results[0].scores == reading.scores


def test_the_decision_is_written_down() -> None:
    answer, ledger = ask("This is great!", "")
    (decision,) = ledger.decisions
    assert (decision.kind, decision.user_id, decision.model_number) == ("sentiment", None, 7)
    assert decision.answer == answer
    assert decision.latency_ms == 1_000.0
    assert [message["content"] for message in decision.request["messages"]] == ["This is great!", ""]
    orjson.dumps(decision.answer)


def test_without_the_model_a_few_words_and_emoji_answer() -> None:
    answer, ledger = ask("This is great!", "I'm frustrated", "the build runs", ":tada:", "😡", "", model=None)
    assert [reading.sentiment for reading in answer.results] == [
        "positive", "negative", "neutral", "positive", "negative",
    ]  # fmt: skip
    assert (answer.degraded, answer.model.version) == (True, "rules")
    assert [problem.code for problem in answer.errors] == ["empty_content"]
    assert ledger.decisions[0].model_number is None


def test_rules_are_never_very_sure() -> None:
    assert sum(scores_by_rules("great great great")) == pytest.approx(1.0)
    assert max(scores_by_rules("great great great")) == 0.6
