"""The four endpoints that are there from the start: they answer by the same services as `/api/ml`, decisions and all.

A record that has a service's own fields (`user_id`, …) is a question to the service. Columns that the service does not
know go into the open field of its question. Records with the features of the model are scored by the model alone.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from pydantic import ValidationError

from quikapp_ml.entities.decisions import SentimentAnswer
from quikapp_ml.entities.events import problem_of
from quikapp_ml.entities.questions import (
    Question,
    RankQuestion,
    RecommendationQuestion,
    SentimentMessage,
    SentimentQuestion,
    SpamQuestion,
)
from quikapp_ml.errors import InvalidInput, Problem
from quikapp_ml.serving.invocations import Record

MAX_RECORDS = 1_000
TURN_SECONDS = 0.005
"""So long a batch keeps the event loop before others get their turn."""

Q = TypeVar("Q", bound=Question)


class BuiltIn(ABC):
    """One built-in endpoint: its name, the registered model behind it, and how records become answers."""

    def __init__(self, name: str, model: str, description: str, needs: frozenset[str]) -> None:
        self.name = name
        self.model = model
        self.description = description
        self.needs = needs
        """Fields that make a record a question to the service."""

    def asks(self, records: Sequence[Record]) -> bool:
        """Whether every record is a question to the service."""
        return all(self.needs <= record.keys() for record in records)

    @abstractmethod
    def record_schema(self) -> dict[str, Any]:
        """JSON schema of a record that is a question."""

    @abstractmethod
    async def answer(self, records: Sequence[Record], *, from_text: bool) -> list[Any]:
        """One answer a record. Raises InvalidInput naming record and field; `from_text` when all values are texts."""


class OneByOne(BuiltIn, Generic[Q]):
    """Asks the service once for each record."""

    def __init__(
        self,
        name: str,
        model: str,
        question: type[Q],
        open_field: str,
        ask: Callable[[Q], Any],
        needs: frozenset[str],
    ) -> None:
        description = f"{model}, as /api/ml answers; follows the alias champion"
        super().__init__(name, model, description, needs)
        self._question = question
        self._open_field = open_field
        self._ask = ask

    def record_schema(self) -> dict[str, Any]:
        """The question's."""
        return {**self._question.model_json_schema(), "additionalProperties": True}

    async def answer(self, records: Sequence[Record], *, from_text: bool) -> list[Any]:
        """Answers of the service, as `/api/ml` gives them."""
        questions = [self._read(index, record, from_text) for index, record in enumerate(records)]
        answers = []
        turn_ends = time.monotonic() + TURN_SECONDS
        for question in questions:
            answers.append(self._ask(question))
            if time.monotonic() > turn_ends:
                await asyncio.sleep(0)
                turn_ends = time.monotonic() + TURN_SECONDS
        return answers

    def _read(self, index: int, record: Record, from_text: bool) -> Q:
        known = self._question.model_fields
        given = {name: value for name, value in record.items() if name in known}
        others = {name: value for name, value in record.items() if name not in known}
        if others:
            opened = given.get(self._open_field, {})
            if not isinstance(opened, dict):
                raise _refused(index, Problem(self._open_field, "dict_type", "Input should be an object"))
            given[self._open_field] = {**others, **opened}
        return _validated(self._question, given, index, from_text)


class SentimentEndpoint(BuiltIn):
    """Asks once for all records of a request: they are the messages of one question."""

    def __init__(self, read: Callable[[SentimentQuestion], SentimentAnswer]) -> None:
        super().__init__(
            "quikapp-sentiment",
            "sentiment-bert",
            "sentiment-bert, as /api/ml answers; follows the alias champion",
            frozenset({"content"}),
        )
        self._read = read

    def record_schema(self) -> dict[str, Any]:
        """A message; its id may be left out."""
        return {**SentimentMessage.model_json_schema(), "required": ["content"]}

    async def answer(self, records: Sequence[Record], *, from_text: bool) -> list[Any]:
        """A reading for each record, or why there is none."""
        messages = [
            _validated(SentimentMessage, {"id": str(index), **record}, index, from_text)
            for index, record in enumerate(records)
        ]
        try:
            question = SentimentQuestion(messages=messages)
        except ValidationError as error:
            raise _refused(0, problem_of(error.errors(include_url=False)[0])) from None
        answer = await asyncio.to_thread(self._read, question)
        model = {"decision_id": answer.decision_id, "model": answer.model, "degraded": answer.degraded}
        by_id: dict[str, Any] = {reading.id: reading for reading in answer.results}
        by_id |= {problem.id: {"id": problem.id, "error": problem} for problem in answer.errors}
        return [_merged(by_id[message.id], model) for message in messages]


class Services(Protocol):
    """The services behind `/api/ml`, as `bootstrap.Service` has them."""

    @property
    def recommendations(self) -> Any: ...  # noqa: D102
    @property
    def spam(self) -> Any: ...  # noqa: D102
    @property
    def sentiment(self) -> Any: ...  # noqa: D102
    @property
    def ranking(self) -> Any: ...  # noqa: D102


def built_in_endpoints(services: Services) -> tuple[BuiltIn, ...]:
    """The endpoints around these services."""
    return (
        OneByOne(
            "quikapp-recommendations", "recommendation-v2", RecommendationQuestion, "context",
            services.recommendations.recommend, frozenset({"user_id"}),
        ),
        OneByOne(
            "quikapp-spam", "spam-classifier", SpamQuestion, "metadata",
            services.spam.check, frozenset({"content", "user_id"}),
        ),
        SentimentEndpoint(services.sentiment.read),
        OneByOne(
            "quikapp-content-ranker", "content-ranker", RankQuestion, "context",
            services.ranking.rank, frozenset({"user_id", "items"}),
        ),
    )  # fmt: skip


def _validated(question: type[Q], given: Mapping[str, Any], index: int, from_text: bool) -> Q:
    try:
        return question.model_validate(given, strict=not from_text)
    except ValidationError as error:
        raise _refused(index, *(problem_of(detail) for detail in error.errors(include_url=False))) from None


def _refused(index: int, *problems: Problem) -> InvalidInput:
    placed = tuple(Problem(f"{index}.{p.path}", p.code, p.message, p.given, p.allowed) for p in problems)
    return InvalidInput("; ".join(f"record {p.path}: {p.message}" for p in placed[:3]), placed)


def _merged(reading: Any, more: Mapping[str, Any]) -> dict[str, Any]:
    own = reading if isinstance(reading, dict) else vars(reading)
    return {**own, **more}
