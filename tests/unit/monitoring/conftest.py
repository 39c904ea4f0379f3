"""Lakes with a table to watch."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake, Table

TIME = pa.timestamp("us", tz="UTC")
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
DAYS = [MONDAY + timedelta(days=n) for n in range(3)]

ANSWERS = Table(
    name="quikapp_ml.bronze.answers",
    columns=pa.schema([
        pa.field("at", TIME), pa.field("model", pa.int64()), pa.field("guess", pa.string()),
        pa.field("truth", pa.string()), pa.field("score", pa.float64()),
    ]),
    key=("at",),
    comment="Answers of a model.",
)  # fmt: skip
NOTES = Table("quikapp_ml.bronze.notes", pa.schema([pa.field("text", pa.string())]), ("text",), "Notes.")


def answers(day: int, n: int, guess: str = "ham", model: int = 1, score: float = 0.5) -> list[dict[str, Any]]:
    """Answers of one day; every other label is spam."""
    return [
        {"at": DAYS[day] + timedelta(minutes=k), "model": model, "guess": guess, "truth": ("ham", "spam")[k % 2],
         "score": score + k / 100}
        for k in range(n)
    ]  # fmt: skip


def put(lake: Lake, table: Table, rows: list[dict[str, Any]]) -> None:
    lake.ensure(table)
    lake.append(table.name, pa.Table.from_pylist(rows, schema=table.columns))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake on the disk with three days of answers and two notes."""
    opened = open_lake(str(tmp_path / "lakehouse"))
    put(opened, ANSWERS, answers(0, 4) + answers(1, 4, "spam", 2, 5.0) + answers(2, 2))
    put(opened, NOTES, [{"text": "a"}, {"text": "b"}])
    return opened
