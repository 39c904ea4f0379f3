"""What is asked of SQL, and what runs it; the parser is imported by the first statement, and nothing here needs it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from quikapp_ml.serving.access import Caller
from quikapp_ml.serving.sql.answers import Answer
from quikapp_ml.serving.sql.session import SqlSession


@dataclass(frozen=True)
class Parameter:
    """A value as text (None is NULL), and its type in SQL."""

    value: str | None
    type: str = "STRING"


class EngineSession(Protocol):
    """What runs one statement."""

    def query(self, sql: str, tables: Mapping[str, str], versions: Mapping[str, int], limit: int | None) -> pa.Table:
        """Rows of a statement that reads."""

    def change(self, sql: str, tables: Mapping[str, str], versions: Mapping[str, int], target: str) -> None:
        """A statement that changes a table."""

    def stop(self) -> None:
        """End what runs."""


@dataclass(frozen=True)
class Statement:
    """What is asked, by whom, where, and how many rows are wanted at most."""

    text: str
    caller: Caller
    session: SqlSession
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    row_limit: int | None = None


class Runner(Protocol):
    """Runs statements."""

    def run(self, statement: Statement, on_engine: Callable[[EngineSession], None]) -> Answer:
        """Do one statement. Raises SqlError."""
