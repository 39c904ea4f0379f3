import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.errors import InvalidInput
from quikapp_ml.workflows.bundle import Schedule
from quikapp_ml.workflows.schedule import Scheduler, quartz_to_next

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 0 2 * * ?", "2026-11-24T02:00:00"),
        ("30 0 2 * * ?", "2026-11-24T02:00:30"),
        ("0 0/15 * * * ?", "2026-11-23T08:15:00"),
        ("*/20 * * * * ?", "2026-11-23T08:00:20"),
        ("0 0 2,9 * * ?", "2026-11-23T09:00:00"),
        ("0 0 9-17 ? * MON-FRI", "2026-11-23T09:00:00"),
        ("0 0 2 ? * 1", "2026-11-29T02:00:00"),  # SUN: Quartz counts from one
        ("0 0 2 ? * 7", "2026-11-28T02:00:00"),  # SAT
        ("0 0 2 ? * 2-6", "2026-11-24T02:00:00"),
        ("0 0 2 ? * sun", "2026-11-29T02:00:00"),
        ("0 0 2 ? * SAT,3", "2026-11-24T02:00:00"),
        ("0 0 2 L * ?", "2026-11-30T02:00:00"),
        ("0 0 2 1 JAN ?", "2027-01-01T02:00:00"),
        ("0 0 2 29 2 ?", "2028-02-29T02:00:00"),
        ("0 0 2 * * ? 2027", "2027-01-01T02:00:00"),
        ("0 0 8 * * ?", "2026-11-24T08:00:00"),  # strictly after
    ],
)
def test_the_next_time_of_an_expression(expression: str, expected: str) -> None:
    assert quartz_to_next(expression, "UTC", MONDAY) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_a_time_zone_keeps_its_own_hours_through_the_change_of_clocks() -> None:
    before = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)
    first = quartz_to_next("0 0 7 * * ?", "Europe/Berlin", before)
    second = quartz_to_next("0 0 7 * * ?", "Europe/Berlin", first)
    assert first == datetime(2026, 10, 25, 7, 0, tzinfo=ZoneInfo("Europe/Berlin"))
    assert [time.astimezone(UTC).hour for time in (first, second)] == [6, 6]
    assert quartz_to_next("0 0 7 * * ?", "Europe/Berlin", before - timedelta(days=1)).astimezone(UTC).hour == 5


def test_an_hour_that_the_clocks_leave_out_is_not_lost() -> None:
    before = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
    fired = quartz_to_next("0 30 2 * * ?", "Europe/Berlin", before)
    assert fired.date().isoformat() == "2026-03-29"


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("0 2 * * *", "6 fields are needed"),
        ("", "6 fields are needed"),
        ("0 0 2 * * *", "exactly one of the day"),
        ("0 0 2 ? * ?", "exactly one of the day"),
        ("? 0 2 * * ?", "`?` may stand for a day only"),
        ("0 0 2 15W * ?", "not supported here"),
        ("0 0 2 LW * ?", "not supported here"),
        ("0 0 2 ? * 6#3", "not supported here"),
        ("0 0 2 ? * 6L", "not supported here"),
        ("0 0 2 ? * 0", r"1 \(SUN\) to 7 \(SAT\), given was 0"),
        ("0 0 2 ? * 8", "given was 8"),
        ("0 60 2 * * ?", "60"),
        ("0 0 25 * * ?", "25"),
        ("0 0 2 31 2 ?", "date"),
        ("0 0 two * * ?", "(?i)two"),
        ("0 0 2 * * ? 1999", "(?i)date|year"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_said(expression: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as refused:
        quartz_to_next(expression, "UTC", MONDAY)
    assert repr(expression) in str(refused.value)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd"])
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(InvalidInput, match="no time zone"):
        quartz_to_next("0 0 2 * * ?", zone, MONDAY)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC)))
def test_two_o_clock_is_always_within_the_coming_day(after: datetime) -> None:
    fired = quartz_to_next("0 0 2 * * ?", "UTC", after)
    assert timedelta(0) < fired - after <= timedelta(days=1)
    assert (fired.hour, fired.minute, fired.second, fired.microsecond) == (2, 0, 0, 0)


TWO_O_CLOCK = Schedule("0 0 2 * * ?", "UTC")


class Clock:
    def __init__(self) -> None:
        self.now = MONDAY

    def __call__(self) -> datetime:
        return self.now


PROGRAM = "import os, sys; open(os.environ['MARKS'], 'a').write(sys.argv[1] + ' '); {body}"

MakeScheduler = Callable[..., Scheduler]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_scheduler(tmp_path: Path, clock: Clock) -> Iterator[MakeScheduler]:
    """Schedulers of one job `nightly` that notes each run in the file `marks`."""
    made = []

    def make(body: str = "", schedules: dict[str, Schedule] | None = None, poll_seconds: float = 0.02) -> Scheduler:
        kept = {"nightly": TWO_O_CLOCK} if schedules is None else schedules
        environment = {**os.environ, "MARKS": str(tmp_path / "marks")}

        def command(job: str) -> list[str]:
            return [sys.executable, "-c", PROGRAM.format(body=body), job]

        made.append(Scheduler(lambda: kept, command, environment, tmp_path / "runs", clock, poll_seconds))
        return made[-1]

    yield make
    for scheduler in made:
        scheduler.close()


def marks(folder: Path) -> str:
    file = folder / "marks"
    return file.read_text() if file.exists() else ""


def until(is_so: Callable[[], object]) -> None:
    give_up = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < give_up, "it did not become so in time"
        time.sleep(0.02)


def ended(scheduler: Scheduler) -> bool:
    scheduler.tick()
    return "nightly" in scheduler.last_exit_codes


def test_schedules_that_come_change_and_go_are_followed(make_scheduler: MakeScheduler) -> None:
    schedules = {"nightly": TWO_O_CLOCK}
    scheduler = make_scheduler(schedules=schedules)
    assert scheduler.next_times == {"nightly": datetime(2026, 11, 24, 2, 0, tzinfo=UTC)}
    schedules |= {"nightly": Schedule("0 0 3 * * ?", "UTC"), "hourly": Schedule("0 30 * * * ?", "UTC")}
    scheduler.tick()
    assert {key: time.hour for key, time in scheduler.next_times.items()} == {"nightly": 3, "hourly": MONDAY.hour}
    del schedules["nightly"]
    scheduler.tick()
    assert list(scheduler.next_times) == ["hourly"]
    schedules["nightly"] = TWO_O_CLOCK
    scheduler.tick()
    assert scheduler.next_times["nightly"] == datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def test_a_job_is_started_when_it_is_due_and_not_before(
    make_scheduler: MakeScheduler, clock: Clock, tmp_path: Path
) -> None:
    scheduler = make_scheduler()
    clock.now = datetime(2026, 11, 24, 1, 59, 59, tzinfo=UTC)
    scheduler.tick()
    assert scheduler.next_times["nightly"].day == 24
    clock.now = datetime(2026, 11, 24, 2, 0, 0, tzinfo=UTC)
    until(lambda: ended(scheduler))
    assert marks(tmp_path) == "nightly "
    assert scheduler.last_exit_codes == {"nightly": 0}
    assert scheduler.next_times["nightly"].day == 25


def test_nights_slept_through_are_made_up_for_by_one_run(
    make_scheduler: MakeScheduler, clock: Clock, tmp_path: Path
) -> None:
    scheduler = make_scheduler()
    clock.now = MONDAY + timedelta(days=5)
    until(lambda: ended(scheduler))
    scheduler.tick()
    assert marks(tmp_path) == "nightly "
    assert scheduler.next_times["nightly"] == datetime(2026, 11, 29, 2, 0, tzinfo=UTC)


def test_a_job_still_under_way_is_not_started_again(
    make_scheduler: MakeScheduler, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = make_scheduler("import time; time.sleep(60)")
    clock.now += timedelta(days=1)
    scheduler.tick()
    until(lambda: marks(tmp_path))
    clock.now += timedelta(days=1)
    scheduler.tick()
    assert "nightly is due but still under way" in caplog.text
    assert marks(tmp_path) == "nightly "


def test_the_thread_goes_on_after_failed_runs_and_says_where_their_output_is(
    make_scheduler: MakeScheduler, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    scheduler = make_scheduler("print('no bundle'); sys.exit(3)")
    scheduler.start()
    clock.now += timedelta(days=1)
    until(lambda: "exit code 3" in caplog.text)
    assert (tmp_path / "runs" / "nightly-schedule.log").read_text() == "no bundle\n"
    clock.now += timedelta(days=1)
    until(lambda: marks(tmp_path) == "nightly nightly ")


def test_a_command_that_cannot_be_started_does_not_end_the_thread(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    kept = {"nightly": TWO_O_CLOCK}
    scheduler = Scheduler(lambda: kept, lambda _: ["/nowhere/command"], {}, tmp_path, clock, poll_seconds=0.02)
    scheduler.start()
    for _ in range(2):
        caplog.clear()
        clock.now += timedelta(days=1)
        until(lambda: "/nowhere/command" in caplog.text)
    scheduler.close()


def test_closing_asks_a_run_under_way_to_end(make_scheduler: MakeScheduler, clock: Clock, tmp_path: Path) -> None:
    note_the_end = "open(os.environ['MARKS'], 'a').write('canceled')"
    listen = f"import signal, time; signal.signal(15, lambda *_: ({note_the_end}, sys.exit(0)))"
    body = f"{listen}; print(1, flush=True); time.sleep(60)"
    scheduler = make_scheduler(body)
    clock.now += timedelta(days=1)
    scheduler.tick()
    until(lambda: (tmp_path / "runs" / "nightly-schedule.log").read_text())
    scheduler.close()
    assert marks(tmp_path) == "nightly canceled"
