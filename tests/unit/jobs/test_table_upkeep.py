import os
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from quikapp_ml.bootstrap import open_model_registry
from quikapp_ml.errors import JobFailed, NotFound
from quikapp_ml.jobs.table_upkeep import MANY_SMALL_FILES, keep_up, pinned_versions, retentions, run
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake, Table
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.stores.lake.tables import DECISIONS
from quikapp_ml.stores.registry.base import NewVersion

TIME = pa.timestamp("us", tz="UTC")
COLUMNS = pa.schema([("n", pa.int64()), ("at", TIME)])
LOG = Table("quikapp_ml.bronze.log", COLUMNS, ("n",), "Kept for good.")
RECENT = Table(
    "quikapp_ml.silver.recent", COLUMNS, ("n",), "Kept a while.", retention=timedelta(days=7), retention_column="at"
)
NOTHING = timedelta(0)


def rows(*numbers: int, age: timedelta = NOTHING) -> pa.Table:
    return pa.table({"n": numbers, "at": pa.array([datetime.now(UTC) - age] * len(numbers), TIME)})


def numbers(lake: Lake, table: Table, version: int | None = None) -> list[int]:
    return sorted(lake.read(table.name, ["n"], version)["n"].to_pylist())


@pytest.fixture(params=["memory", "folder"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    lake = MemoryLake() if request.param == "memory" else open_lake(str(tmp_path / "lake"))
    for table in (LOG, RECENT):
        lake.ensure(table)
    return lake


def test_without_tables_there_is_nothing_to_do() -> None:
    assert keep_up(MemoryLake(), {}, NOTHING) == []


def test_tables_that_are_well_kept_are_left_alone(lake: Lake) -> None:
    lake.append(LOG.name, rows(1, age=timedelta(days=900)))
    lake.append(RECENT.name, rows(1, age=timedelta(days=6)))
    lake.overwrite(LOG.name, rows(2))
    keep_up(lake, {}, timedelta(days=30))
    versions = {name: lake.version(name) for name in lake.names()}
    assert all(done.is_idle for done in keep_up(lake, {}, timedelta(days=30)))
    assert {name: lake.version(name) for name in lake.names()} == versions
    assert (numbers(lake, LOG), numbers(lake, LOG, 1)) == ([2], [1])


def test_a_setting_says_how_long_decisions_are_kept(lake: Lake, tmp_path: Path) -> None:
    """Their rows are for good unless it does."""
    lake.ensure(DECISIONS)
    known = {"kind": "rank", "request": "{}"}
    ages = {"old": 31, "new": 29}
    made = [
        {"decision_id": one, "decided_at": datetime.now(UTC) - timedelta(days=age), **known}
        for one, age in ages.items()
    ]
    lake.append(DECISIONS.name, pa.Table.from_pylist(made, schema=DECISIONS.columns))
    home = {"QUIKAPP_ML_HOME": str(tmp_path)}
    for days, left in ({}, 2), ({"QUIKAPP_ML_DECISION_DAYS": "30"}, 1):
        asked = retentions(Settings.from_environment({**home, **days}))
        keep_up(lake, {}, timedelta(days=30), retentions=asked, dry_run=True)
        assert lake.read(DECISIONS.name).num_rows == 2
        keep_up(lake, {}, timedelta(days=30), retentions=asked)
        assert lake.read(DECISIONS.name).num_rows == left
    assert lake.read(DECISIONS.name)["decision_id"].to_pylist() == ["new"]


def test_rows_past_their_retention_go_and_can_be_read_for_the_time_of_the_history(lake: Lake) -> None:
    lake.append(RECENT.name, rows(1, 2, age=timedelta(days=8)))
    before = lake.append(RECENT.name, rows(3))
    _, recent = keep_up(lake, {}, timedelta(days=30), dry_run=True)
    assert (recent.rows_deleted, numbers(lake, RECENT)) == (2, [1, 2, 3])
    _, recent = keep_up(lake, {}, timedelta(days=30))
    assert (recent.rows_deleted, numbers(lake, RECENT)) == (2, [3])
    assert numbers(lake, RECENT, before) == [1, 2, 3]


def test_versions_replaced_too_long_ago_go_but_for_those_that_a_model_learnt_from(lake: Lake) -> None:
    versions = [lake.overwrite(LOG.name, rows(n)) for n in range(4)]
    planned, _ = keep_up(lake, {LOG.name: {versions[1]}}, NOTHING, dry_run=True)
    assert [numbers(lake, LOG, version) for version in versions] == [[0], [1], [2], [3]]
    done, _ = keep_up(lake, {LOG.name: {versions[1]}}, NOTHING)
    assert done == planned
    assert (done.files_deleted > 0, done.versions_spared) == (True, 1)
    assert (numbers(lake, LOG), numbers(lake, LOG, versions[1])) == ([3], [1])
    with pytest.raises(NotFound):
        lake.read(LOG.name, version=versions[2])


def test_many_small_files_become_few(tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path))
    lake.ensure(LOG)
    for n in range(MANY_SMALL_FILES - 1):
        lake.append(LOG.name, rows(n))
    assert keep_up(lake, {}, timedelta(days=30))[0].is_idle
    last = lake.append(LOG.name, rows(99))
    assert keep_up(lake, {}, timedelta(days=30))[0].files_compacted == MANY_SMALL_FILES
    assert (lake.size(LOG.name).files, lake.size(LOG.name).rows) == (1, MANY_SMALL_FILES)
    assert len(numbers(lake, LOG, last)) == MANY_SMALL_FILES


def test_a_table_that_cannot_be_looked_after_is_named_and_the_others_are_looked_after(tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path))
    for table in (LOG, RECENT):
        lake.ensure(table)
    lake.append(RECENT.name, rows(1, age=timedelta(days=8)))
    (next((tmp_path / "bronze" / "log" / "_delta_log").glob("*.json"))).write_text("no commit")
    with pytest.raises(JobFailed, match=rf"1 of 2 tables could not be looked after: {LOG.name}"):
        keep_up(lake, {}, NOTHING)
    assert numbers(lake, RECENT) == []


def test_what_is_pinned_is_read_from_the_registry(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {"QUIKAPP_ML_HOME": str(tmp_path / "home"), "QUIKAPP_ML_TABLE_HISTORY_DAYS": "1"}
    )
    registry = open_model_registry(settings)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "card.md").write_text("A model.")
    kind = "quikapp_ml.models.ranking:ContentRanker"
    for number in (1, 2):
        pins = {LOG.name: number, RECENT.name: 5}
        registry.register(NewVersion("ranker", tmp_path / "model", kind, f"{number}.0.0", table_versions=pins))
    assert pinned_versions(registry) == {LOG.name: {1, 2}, RECENT.name: {5}}
    lake = open_lake(settings.lake_path)
    lake.ensure(LOG)
    assert [done.versions_spared for done in run(settings)] == [2]


def test_killed_at_any_moment_tables_and_pinned_versions_stay_readable(tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path / "lake"))
    for table in (LOG, RECENT):
        lake.ensure(table)
    pinned = lake.append(LOG.name, rows(-1))
    program = textwrap.dedent("""
        import sys
        from datetime import timedelta
        from quikapp_ml.jobs.table_upkeep import keep_up
        from quikapp_ml.stores.lake import open_lake

        lake = open_lake(sys.argv[1])
        print("begins", flush=True)
        while True:
            keep_up(lake, {"quikapp_ml.bronze.log": {int(sys.argv[2])}}, timedelta(0))
    """)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    written = [-1]
    for attempt in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "lake"), str(pinned)],
            stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        assert child.stdout
        assert child.stdout.readline() == "begins\n"
        until = time.monotonic() + 0.15 + 0.1 * attempt
        while time.monotonic() < until:  # the service goes on writing
            written.append(len(written))
            lake.append(LOG.name, rows(written[-1]))
            lake.append(RECENT.name, rows(written[-1], age=timedelta(days=8)))
        child.send_signal(signal.SIGKILL)
        child.communicate(timeout=30)
        assert numbers(lake, LOG, pinned) == [-1]
        assert numbers(lake, LOG) == written
        assert set(numbers(lake, RECENT)) <= set(written)
    keep_up(lake, {LOG.name: {pinned}}, NOTHING)
    assert (numbers(lake, LOG), numbers(lake, LOG, pinned), numbers(lake, RECENT)) == (written, [-1], [])
