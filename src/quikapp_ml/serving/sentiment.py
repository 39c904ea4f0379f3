"""Reads the sentiment of messages: each by itself, what cannot be read beside the others, and a summary of all."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from quikapp_ml.entities.decisions import (
    SENTIMENT_LABELS,
    Decision,
    MessageProblem,
    ModelRef,
    SentimentAnswer,
    SentimentReading,
)
from quikapp_ml.entities.questions import SentimentMessage, SentimentQuestion
from quikapp_ml.models.bert import BertEncoder
from quikapp_ml.models.moods import BAD_MOODS, GOOD_MOODS
from quikapp_ml.models.sentiment import SentimentClassifier
from quikapp_ml.models.text import tokenise
from quikapp_ml.serving.batcher import Batcher, Caller
from quikapp_ml.serving.decisions import DecisionLedger
from quikapp_ml.serving.experiment_host import Asker
from quikapp_ml.serving.scoring import answered_by, loaded_model, or_rules
from quikapp_ml.serving.trying import Models, scored, tried_model

EMPTY = "empty_content"
RULE_WORDS: Mapping[str, int] = {
    **dict.fromkeys(
        ("great", "good", "thanks", "thank", "love", "nice", "awesome", "happy", "perfect", "excellent"), 1
    ),
    **dict.fromkeys(
        ("bad", "hate", "angry", "frustrated", "terrible", "annoying", "awful", "sad", "worst", "sorry"), -1
    ),
    **dict.fromkeys(GOOD_MOODS, 1),
    **dict.fromkeys(BAD_MOODS, -1),
}
"""What the rules count while no model can answer."""
_SURE, _REST = 0.6, 0.2
_LETTERS_A_TOKEN = 4


class SentimentService:
    """Answers from the model in memory; it does no I/O but the ledger's append, and any thread may ask.

    Texts of concurrent requests are read together by the `batcher`.
    """

    def __init__(
        self, models: Models, ledger: DecisionLedger, clock: Callable[[], float], batcher: Batcher | None = None
    ) -> None:
        self._models = models
        self._ledger = ledger
        self._clock = clock
        self._batcher = batcher or Batcher()

    def read(self, question: SentimentQuestion, caller: Caller | None = None) -> SentimentAnswer:
        """Read all messages; one without any text is named in `errors` instead.

        Raises Overloaded when too much waits already, and CancelledError when the caller left.
        """
        with self._batcher.admitted(_tokens_about([message.content for message in question.messages])):
            return self._read(question, caller)

    def _read(self, question: SentimentQuestion, caller: Caller | None) -> SentimentAnswer:
        started = self._clock()
        tried = tried_model(self._models, SentimentClassifier, "sentiment", Asker(question.user_id))
        readable = readable_of(question)
        scores, tried, is_degraded = scored(
            tried, self._models, SentimentClassifier,
            lambda model: self._scores(model, [message.content for message in readable], caller),
            lambda: [scores_by_rules(message.content) for message in readable],
        )  # fmt: skip
        by = answered_by(SentimentClassifier, tried.loaded, is_degraded)
        unsure_below = None if is_degraded or tried.model is None else tried.model.unsure_below
        answer = answered(
            self._ledger.new_decision_id(), question, scores, by.ref,
            is_degraded=is_degraded, unsure_below=unsure_below,
        )  # fmt: skip
        self._ledger.record(
            Decision(
                decision_id=answer.decision_id,
                kind="sentiment",
                user_id=question.user_id,
                model=answer.model,
                request=question.model_dump(),
                answer=answer,
                latency_ms=max(0.0, self._clock() - started) * 1000,
                model_number=by.number,
                model_alias=by.alias,
                **tried.recorded,
                degraded=is_degraded,
            )
        )
        return answer

    def moods(self, contents: Sequence[str]) -> tuple[list[list[float]], ModelRef, bool]:
        """Scores of texts that nobody asked for one by one: no decision is written down. Raises Overloaded."""
        loaded, model = loaded_model(self._models, SentimentClassifier)
        by_model = None if model is None else partial(self._scores, model, contents, None)
        with self._batcher.admitted(_tokens_about(contents)):
            scores, is_degraded = or_rules(by_model, lambda: [scores_by_rules(content) for content in contents])
        return scores, answered_by(SentimentClassifier, loaded, is_degraded).ref, is_degraded

    def _scores(self, model: SentimentClassifier, contents: Sequence[str], caller: Caller | None) -> list[list[float]]:
        reads = model.reads
        if not isinstance(reads, BertEncoder) or not contents:
            return model.scores_of(contents)
        windows = [reads.windows(content) for content in contents]
        vectors = self._batcher.vectors(reads, [one for each in windows for one in each], caller)
        return model.scores_by_vectors(windows, vectors)


def _tokens_about(contents: Sequence[str]) -> int:
    return sum(2 + len(content) // _LETTERS_A_TOKEN for content in contents)


def readable_of(question: SentimentQuestion) -> list[SentimentMessage]:
    """The messages that have a text."""
    return [message for message in question.messages if message.content.strip()]


def answered(
    decision_id: str,
    question: SentimentQuestion,
    scores: Sequence[Sequence[float]],
    model: ModelRef,
    *,
    is_degraded: bool,
    unsure_below: float | None = None,
) -> SentimentAnswer:
    """The answer that follows from the scores of the readable messages."""
    results = tuple(reading(message, row) for message, row in zip(readable_of(question), scores, strict=True))
    return SentimentAnswer(
        decision_id=decision_id,
        results=results,
        errors=tuple(
            MessageProblem(message.id, EMPTY, "content is empty or only white space; there is nothing to read")
            for message in question.messages
            if not message.content.strip()
        ),
        summary=summary_of(results, unsure_below),
        model=model,
        degraded=is_degraded,
    )


def reading(message: SentimentMessage, scores: Sequence[float]) -> SentimentReading:
    """The likeliest label, with its score as confidence."""
    confidence = max(scores)
    return SentimentReading(
        id=message.id,
        sentiment=SENTIMENT_LABELS[scores.index(confidence)],
        scores=dict(zip(SENTIMENT_LABELS, scores, strict=True)),
        confidence=confidence,
    )


def summary_of(results: Sequence[SentimentReading], unsure_below: float | None = None) -> dict[str, Any]:
    """How many messages were read, how many have each label, and the mean of each score (null without messages).

    Where the model knows below which confidence it had better not be believed, the messages below it are named.
    """
    counts = Counter(result.sentiment for result in results)
    n_read = len(results)
    unsure = [result.id for result in results if unsure_below is not None and result.confidence < unsure_below]
    return {
        "n_messages": n_read,
        "counts": {label: counts[label] for label in SENTIMENT_LABELS},
        "mean_scores": {
            label: sum(result.scores[label] for result in results) / n_read if n_read else None
            for label in SENTIMENT_LABELS
        },
        **({} if unsure_below is None else {"unsure_below": unsure_below, "unsure": unsure}),
    }


def scores_by_rules(content: str) -> list[float]:
    """Scores by a few words and emoji, never surer than 0.6."""
    balance = sum(RULE_WORDS.get(token, 0) for token in tokenise(content).texts)
    likeliest = "positive" if balance > 0 else "negative" if balance < 0 else "neutral"
    return [_SURE if label == likeliest else _REST for label in SENTIMENT_LABELS]
