"""Monitors that are kept: refreshed when asked and when due, canceled, changed, forgotten."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from quikapp_ml.errors import AlreadyExists, Conflict, InvalidInput, NotFound, PermissionDenied
from quikapp_ml.monitoring.definition import CronSchedule, Kind, MonitorDefinition
from quikapp_ml.monitoring.host import MonitorHost
from quikapp_ml.stores.lake import open_compute
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.state.memory import MemoryControlState
from quikapp_ml.stores.state.monitors import ENDED, MonitorRecords, RefreshRecord, RefreshState
from quikapp_ml.workflows.schedule import quartz_to_next

from .conftest import ANSWERS, NOTES, put

SERIES = MonitorDefinition(ANSWERS.name, "quikapp_ml.monitoring", Kind.TIME_SERIES, "at", ("1 day",))
NOTED = MonitorDefinition(NOTES.name, "quikapp_ml.monitoring", Kind.SNAPSHOT)
NIGHTLY = CronSchedule("0 0 2 * * ?", "UTC")

MakeHost = Callable[[], MonitorHost]


@pytest.fixture
def records() -> MonitorRecords:
    return MemoryControlState().monitors


def may_read(who: str, table: str) -> None:
    """Eve reads nothing of anybody's notes."""
    if who == "eve" and table == NOTES.name:
        raise PermissionDenied(f"{who} may not read {table}")


@pytest.fixture
def make_host(lake: Lake, records: MonitorRecords) -> Iterator[MakeHost]:
    made: list[MonitorHost] = []

    def make() -> MonitorHost:
        made.append(MonitorHost(records, lake, lambda: open_compute(""), quartz_to_next, may_read))
        return made[-1]

    yield make
    for host in made:
        host.close()


def ended(host: MonitorHost, table: str) -> RefreshRecord:
    give_up = time.monotonic() + 20
    while (newest := host.refreshes(table)[0]).state not in ENDED:
        assert time.monotonic() < give_up, "it did not end in time"
        time.sleep(0.01)
    return newest


def test_a_new_monitor_is_refreshed_at_once(make_host: MakeHost, lake: Lake) -> None:
    host = make_host()
    host.start()
    made = host.create(SERIES, "ada")
    assert (made.definition, made.creator) == (SERIES, "ada")
    done = ended(host, ANSWERS.name)
    assert (done.state, done.trigger, done.ended_at is not None) == (RefreshState.SUCCESS, "MANUAL", True)
    assert lake.read(SERIES.profile_table).num_rows > 0
    with pytest.raises(AlreadyExists):
        host.create(SERIES, "bob")
    assert [each.definition.table for each in host.all()] == [ANSWERS.name]


def test_its_tables_are_there_before_the_first_refresh(make_host: MakeHost, lake: Lake) -> None:
    make_host().create(NOTED, "ada")
    assert lake.read(NOTED.profile_table).num_rows == lake.read(NOTED.drift_table).num_rows == 0


def test_one_refresh_at_a_time_and_a_canceled_one_does_nothing(make_host: MakeHost, lake: Lake) -> None:
    host = make_host()
    host.create(NOTED, "ada")
    (waiting,) = host.refreshes(NOTES.name)
    assert waiting.state is RefreshState.PENDING
    with pytest.raises(Conflict, match="being refreshed"):
        host.refresh(NOTES.name)
    assert host.cancel(NOTES.name, waiting.refresh_id).state is RefreshState.CANCELED
    host.start()
    host.refresh(NOTES.name)
    assert ended(host, NOTES.name).state is RefreshState.SUCCESS
    assert [each.state.value for each in host.refreshes(NOTES.name)] == ["SUCCESS", "CANCELED"]
    assert len(set(lake.read(NOTED.profile_table)["window"].to_pylist()[0].values())) == 1
    assert host.cancel(NOTES.name, waiting.refresh_id).state is RefreshState.CANCELED


def test_a_refresh_that_fails_says_why_and_the_next_may_succeed(make_host: MakeHost, lake: Lake) -> None:
    host = make_host()
    host.start()
    host.create(NOTED, "ada")
    ended(host, NOTES.name)
    lake.drop(NOTES.name)
    host.refresh(NOTES.name)
    failed = ended(host, NOTES.name)
    assert failed.state is RefreshState.FAILED and NOTES.name in failed.message
    assert host.get(NOTES.name).last_failure == failed.message
    lake.ensure(NOTES)
    host.refresh(NOTES.name)
    assert ended(host, NOTES.name).state is RefreshState.SUCCESS
    assert host.get(NOTES.name).last_failure == ""


@pytest.mark.parametrize("definition", [NOTED, replace(SERIES, baseline=NOTES.name)])
def test_a_refresh_reads_what_who_asked_for_it_may_still_read(
    make_host: MakeHost, definition: MonitorDefinition, lake: Lake
) -> None:
    host = make_host()
    host.start()
    host.create(definition, "eve")
    failed = ended(host, definition.table)
    assert (failed.state, failed.message) == (RefreshState.FAILED, f"eve may not read {NOTES.name}")
    assert lake.read(definition.profile_table).num_rows == 0
    host.update(definition, "ada")
    host.refresh(definition.table)
    assert ended(host, definition.table).state is RefreshState.SUCCESS


def test_what_a_killed_process_left_has_failed(make_host: MakeHost, records: MonitorRecords) -> None:
    make_host().create(NOTED, "ada")
    host = make_host()
    host.start()
    (left,) = host.refreshes(NOTES.name)
    assert (left.state, left.message) == (RefreshState.FAILED, "the service ended meanwhile")


def test_a_changed_monitor_counts_its_versions(make_host: MakeHost) -> None:
    host = make_host()
    host.create(SERIES, "ada")
    changed = host.update(replace(SERIES, granularities=("1 week",)), "bob")
    assert changed.creator == "bob"
    assert (changed.definition.version, changed.definition.granularities) == (1, ("1 week",))
    assert host.get(ANSWERS.name) == changed


def test_a_forgotten_monitor_leaves_its_tables(make_host: MakeHost, lake: Lake) -> None:
    host = make_host()
    host.create(NOTED, "ada")
    host.delete(NOTES.name)
    assert lake.exists(NOTED.profile_table)
    for gone in (host.get, host.delete, host.refresh, host.refreshes):
        with pytest.raises(NotFound):
            gone(NOTES.name)


def test_a_due_monitor_is_refreshed_once_however_long_nobody_looked(make_host: MakeHost) -> None:
    host = make_host()
    host.create(replace(NOTED, schedule=NIGHTLY), "ada")
    host.create(replace(SERIES, schedule=replace(NIGHTLY, is_paused=True)), "ada")
    for table in (NOTES.name, ANSWERS.name):
        host.cancel(table, host.refreshes(table)[0].refresh_id)
    now = datetime.now(UTC)
    host.tick(now)
    assert [each.trigger for each in host.refreshes(NOTES.name)] == ["MANUAL"]
    for days in (3, 4):
        host.tick(now + timedelta(days=days))
    assert [each.trigger for each in host.refreshes(NOTES.name)] == ["SCHEDULE", "MANUAL"]
    assert len(host.refreshes(ANSWERS.name)) == 1


@pytest.mark.parametrize(
    ("definition", "error"),
    [
        (replace(NOTED, table="quikapp_ml.bronze.nothing"), NotFound),
        (replace(NOTED, baseline="quikapp_ml.bronze.nothing"), NotFound),
        (replace(SERIES, timestamp_col="score"), InvalidInput),
        (replace(NOTED, slicing=("length(text) > (SELECT 1)",)), InvalidInput),
        (replace(NOTED, schedule=CronSchedule("0 2 * * *", "UTC")), InvalidInput),
    ],
)
def test_what_cannot_be_kept_is_refused_whole(
    make_host: MakeHost, definition: MonitorDefinition, error: type[Exception], lake: Lake
) -> None:
    host = make_host()
    with pytest.raises(error):
        host.create(definition, "ada")
    assert host.all() == []
    assert not any("monitoring" in name for name in lake.names())


def test_tables_of_one_name_do_not_write_into_the_same_tables(make_host: MakeHost, lake: Lake) -> None:
    other = replace(NOTES, name="quikapp_ml.silver.notes")
    put(lake, other, [{"text": "c"}])
    host = make_host()
    host.create(NOTED, "ada")
    with pytest.raises(Conflict, match=r"quikapp_ml\.bronze\.notes"):
        host.create(replace(NOTED, table=other.name), "bob")
    host.create(replace(NOTED, table=other.name, output_schema="quikapp_ml.silver"), "bob")
    host.update(NOTED, "ada")
