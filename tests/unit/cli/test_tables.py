from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from quikapp_ml.cli import app
from quikapp_ml.cli.tables import _readable
from quikapp_ml.errors import NotFound
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake, Table
from quikapp_ml.stores.lake.tables import SPAM_LABELS, TIME

VISITS = Table(
    "quikapp_ml.silver.visits",
    pa.schema([("n", pa.int64()), ("at", TIME)]),
    ("n",),
    "Who came when.",
    constraints={"n_counts": "n >= 0"},
    owner="doorkeepers",
    retention=timedelta(days=7),
    retention_column="at",
)


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("QUIKAPP_ML_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    return open_lake(Settings.from_environment().lake_path)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["tables", *arguments])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def visit(lake: Lake, *numbers: int, age: timedelta = timedelta(0)) -> int:
    times = pa.array([datetime.now(UTC) - age] * len(numbers), TIME)
    return lake.append(VISITS.name, pa.table({"n": numbers, "at": times}))


def test_without_tables_it_says_where_they_come_from(lake: Lake) -> None:
    assert lake.names() == []
    assert "there are no tables yet: start the service (quikapp-ml up)" in run("list")
    assert "nothing to do in 0 tables; versions are kept for 30 days" in run("upkeep")


def test_tables_are_listed(lake: Lake) -> None:
    lake.ensure(SPAM_LABELS)
    lake.ensure(VISITS)
    visit(lake, 1, 2, 3)
    labels, visits = run("list").splitlines()[1:]
    assert labels.split()[:4] == [SPAM_LABELS.name, "0", "0", "0"]
    assert visits.split()[:4] == [VISITS.name, "3", "1", "1"]
    assert "ml-platform  for good" in labels
    assert "doorkeepers  7 days by at" in visits
    assert f"{datetime.now(UTC):%Y-%m-%d}" in visits


@pytest.mark.parametrize("name", [VISITS.name, "silver.visits"])
def test_a_table_is_shown(lake: Lake, name: str) -> None:
    lake.ensure(VISITS)
    visit(lake, 1)
    shown = run("show", name)
    for told in (
        "Who came when.",
        "timestamp[us, tz=UTC]",
        "n_counts",
        "n >= 0",
        "doorkeepers",
        "CREATE TABLE",
        "WRITE",
    ):
        assert told in shown
    assert "CREATE TABLE" not in run("show", name, "--commits", "1")


def test_a_table_that_is_not_there_is_told_with_those_that_are(lake: Lake) -> None:
    lake.ensure(VISITS)
    with pytest.raises(NotFound, match=f"silver.nowhere does not exist; known are {VISITS.name}"):
        run("show", "silver.nowhere")


def test_migrations_are_told_and_done_once(lake: Lake) -> None:
    lake.ensure(VISITS)
    lake.ensure(Table(SPAM_LABELS.name, SPAM_LABELS.columns.remove(2), SPAM_LABELS.key, "As an older version had it."))
    assert [line.split() for line in run("migrate").splitlines()[1:]] == [[SPAM_LABELS.name, "3"]]
    assert lake.declaration(SPAM_LABELS.name).constraints == SPAM_LABELS.constraints
    assert "2 tables, and all are as they are declared" in run("migrate")


def test_upkeep_is_told_before_it_is_done(lake: Lake) -> None:
    lake.ensure(VISITS)
    visit(lake, 1, 2, age=timedelta(days=8))
    assert run("upkeep", "--dry-run").splitlines()[1].split() == [VISITS.name, "0", "2", "0", "0"]
    assert lake.size(VISITS.name).rows == 2
    run("upkeep")
    assert lake.size(VISITS.name).rows == 0
    assert "nothing to do in 1 tables" in run("upkeep", "--dry-run")


@pytest.mark.parametrize(
    ("n_bytes", "told"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (12_345_678, "12.3 MB"), (10**16, "10000.0 TB")],
)
def test_sizes_are_told_in_units(n_bytes: int, told: str) -> None:
    assert _readable(n_bytes) == told
