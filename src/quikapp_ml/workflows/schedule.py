"""When a job runs by itself: Quartz expressions as Databricks reads them, and the thread that keeps them."""

import logging
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter
from croniter.croniter import CroniterBadCronError, CroniterBadDateError

from quikapp_ml.errors import InvalidInput
from quikapp_ml.workflows.bundle import Schedule

logger = logging.getLogger(__name__)

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_CLOSE_SECONDS = 15.0
"""How long a run under way may take to end its tasks and record that it was canceled."""
_NEVER = datetime.max.replace(tzinfo=UTC)


def quartz_to_next(expression: str, timezone: str, after: datetime) -> datetime:
    """The first time after `after` (aware) at which the expression fires in the time zone.

    Quartz has seconds first, numbers the days of the week from 1 = SUN, and wants `?` for one of the two day fields.
    Raises InvalidInput for what is not a Quartz expression, and for its parts `W`, `#`, `C` and `L` of a weekday, which
    are not kept here.
    """
    fields = expression.upper().split()
    if len(fields) not in (6, 7):
        raise _refused(expression, "6 fields are needed (seconds minutes hours day month weekday), or 7 with the year")
    day, weekday = fields[3], fields[5]
    if (day == "?") == (weekday == "?"):
        raise _refused(expression, "exactly one of the day of the month and the day of the week must be `?`")
    if "?" in "".join(fields[:3] + fields[4:5] + fields[6:]):
        raise _refused(expression, "`?` may stand for a day only")
    if re.search(r"[WC#]", day) or re.search(r"[L#]", weekday):
        raise _refused(expression, "`W`, `#`, `C`, and `L` of a weekday, are not supported here")
    fields[3], fields[5] = day.replace("?", "*"), _cron_weekday(expression, weekday.replace("?", "*"))
    try:
        times = croniter(" ".join(fields), after.astimezone(_zone(timezone)), second_at_beginning=True)
        following: datetime = times.get_next(datetime)
    except (CroniterBadCronError, CroniterBadDateError) as error:
        raise _refused(expression, str(error)) from None
    return following


def _cron_weekday(expression: str, field: str) -> str:
    """Quartz's 1-7 as names, which both count alike."""

    def named(match: re.Match[str]) -> str:
        number = int(match[0])
        if not 1 <= number <= 7:
            raise _refused(expression, f"a day of the week is 1 (SUN) to 7 (SAT), given was {number}")
        return _DAYS[number - 1]

    days, slash, step = field.partition("/")
    return re.sub(r"\d+", named, days) + slash + step


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise InvalidInput(f"there is no time zone {name!r}; use a name such as UTC or Europe/Berlin") from None


def _refused(expression: str, why: str) -> InvalidInput:
    return InvalidInput(f"Quartz expression {expression!r}: {why}; an example is '0 0 2 * * ?', every day at 02:00")


@dataclass
class _Entry:
    """A scheduled job: when it is due, and its run under way."""

    schedule: Schedule
    due: datetime
    child: subprocess.Popen[bytes] | None = None
    last_exit_code: int | None = None


class Scheduler:
    """Starts jobs when they are due, each as a child process; a failed run stops nothing.

    `schedules` tells which jobs there are, and is asked again at every look. `command` gives the command that runs a
    job; it records the run itself. A time that passed while this process was down is not made up for; times that passed
    while the machine slept are made up for by one run. A job still under way when it is due again is left alone.
    """

    def __init__(
        self,
        schedules: Callable[[], Mapping[str, Schedule]],
        command: Callable[[str], Sequence[str]],
        environment: Mapping[str, str],
        folder: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        poll_seconds: float = 10.0,
    ) -> None:
        self._schedules = schedules
        self._command = command
        self._environment = dict(environment)
        self._folder = folder
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="scheduler", daemon=True)
        self._entries: dict[str, _Entry] = {}
        self._follow(clock())

    @property
    def next_times(self) -> dict[str, datetime]:
        """When each scheduled job is due next."""
        return {key: entry.due for key, entry in self._entries.items() if entry.due != _NEVER}

    @property
    def last_exit_codes(self) -> dict[str, int]:
        """How the last run of each job ended, of those started here that have ended."""
        codes = {key: entry.last_exit_code for key, entry in self._entries.items()}
        return {key: code for key, code in codes.items() if code is not None}

    def start(self) -> None:
        """Keep the schedules from now on, in a thread."""
        self._thread.start()

    def tick(self) -> None:
        """Look after runs that have ended, and start the jobs that are due."""
        now = self._clock()
        self._follow(now)
        for key, entry in self._entries.items():
            self._look_after(key, entry)
            if entry.due <= now:
                entry.due = self._after(entry.schedule, now)
                self._start(key, entry)

    def close(self) -> None:
        """Stop, and end the runs under way: they record themselves as canceled."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        children = [entry.child for entry in self._entries.values() if entry.child is not None]
        for child in children:
            child.terminate()
        for child in children:
            with suppress(subprocess.TimeoutExpired):
                child.wait(_CLOSE_SECONDS)
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def _keep(self) -> None:
        # Short waits, not one long one: the clock of a machine that sleeps or is set jumps.
        while not self._closing.wait(self._poll_seconds):
            try:
                self.tick()
            except Exception:
                logger.exception("the scheduler goes on after an error")

    def _follow(self, now: datetime) -> None:
        """Take up new and changed schedules; a run under way ends even when its schedule is gone."""
        schedules = self._schedules()
        for key, schedule in schedules.items():
            entry = self._entries.get(key)
            if entry is None or entry.schedule != schedule or entry.due == _NEVER:
                earlier = (entry.child, entry.last_exit_code) if entry else (None, None)
                self._entries[key] = _Entry(schedule, self._after(schedule, now), *earlier)
        for key in self._entries.keys() - schedules.keys():
            self._entries[key].due = _NEVER

    def _start(self, key: str, entry: _Entry) -> None:
        if entry.child is not None:
            logger.warning("job %s is due but still under way; its next time is %s", key, entry.due.isoformat())
            return
        logger.info("job %s starts by its schedule; its next time is %s", key, entry.due.isoformat())
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"{key}-schedule.log").open("wb") as log:
            entry.child = subprocess.Popen(  # noqa: S603 the command is our own
                list(self._command(key)),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _look_after(self, key: str, entry: _Entry) -> None:
        code = entry.child.poll() if entry.child is not None else None
        if code is None:
            return
        entry.child, entry.last_exit_code = None, code
        if code:
            log = self._folder / f"{key}-schedule.log"
            logger.error("the scheduled run of %s ended with exit code %d; its output is in %s", key, code, log)
        else:
            logger.info("the scheduled run of %s has ended well", key)

    @staticmethod
    def _after(schedule: Schedule, now: datetime) -> datetime:
        return quartz_to_next(schedule.quartz, schedule.timezone, now)
