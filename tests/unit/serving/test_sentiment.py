"""Sentiment of lists of messages."""

from concurrent.futures import CancelledError, ThreadPoolExecutor
from importlib.resources import as_file, files
from typing import Any

import orjson
import pytest

from quikapp_ml.entities.decisions import SENTIMENT_LABELS, SentimentAnswer
from quikapp_ml.entities.questions import SentimentMessage, SentimentQuestion
from quikapp_ml.errors import Overloaded
from quikapp_ml.models.base import Model
from quikapp_ml.models.sentiment import SentimentClassifier
from quikapp_ml.serving.batcher import Batcher, Caller
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
        "unsure_below": MODEL.unsure_below,
        "unsure": [],
    }


def test_messages_that_the_model_is_unsure_of_are_named() -> None:
    answer, _ = ask("This is great!", "well, it is what it is I guess", "I love it and I hate it")
    below = answer.summary["unsure_below"]
    assert 1 / 3 < below < 1
    assert answer.summary["unsure"] == [reading.id for reading in answer.results if reading.confidence < below]
    assert "msg-1" not in answer.summary["unsure"]
    by_words, _ = ask("ok", model=SentimentClassifier.prior())
    assert "unsure" not in by_words.summary


def test_requests_at_the_same_time_are_answered_as_if_each_were_alone() -> None:
    ledger: Any = Ledger()
    models: Any = OneModel(MODEL, "1.2.0")
    batcher = Batcher()
    reader = SentimentService(models, ledger, lambda: 0.0, batcher)
    texts = [f"{word} {'very ' * number}{word}" for number in range(4) for word in ("good", "bad", "table")]
    questions = [SentimentQuestion(messages=[SentimentMessage(id="one", content=text)]) for text in texts]
    with ThreadPoolExecutor(len(texts)) as pool:
        answers = list(pool.map(reader.read, questions))
    assert [list(answer.results[0].scores.values()) for answer in answers] == [MODEL.scores(text) for text in texts]
    assert sum(batcher.released.values()) > 0
    batcher.close()


def test_what_finds_no_room_is_refused_and_not_written_down() -> None:
    ledger: Any = Ledger()
    models: Any = OneModel(MODEL, "1.2.0")
    batcher = Batcher(max_waiting_tokens=10)
    reader = SentimentService(models, ledger, lambda: 0.0, batcher)
    question = SentimentQuestion(messages=[SentimentMessage(id="one", content="good " * 20)])
    with batcher.admitted(5), batcher.admitted(5), pytest.raises(Overloaded):
        reader.read(question)
    assert ledger.decisions == []


def test_a_caller_who_left_is_not_read_for() -> None:
    ledger: Any = Ledger()
    models: Any = OneModel(MODEL, "1.2.0")
    batcher, caller = Batcher(), Caller()
    batcher.leave(caller)
    question = SentimentQuestion(messages=[SentimentMessage(id="one", content="good")])
    with pytest.raises(CancelledError):
        SentimentService(models, ledger, lambda: 0.0, batcher).read(question, caller)
    assert ledger.decisions == []


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
