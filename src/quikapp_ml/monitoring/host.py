"""Keeps the monitors of this service: refreshes them one after another in a thread, when asked and when due."""

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import import_module

from pydantic import TypeAdapter, ValidationError

from quikapp_ml.errors import Conflict, Damaged, NotFound, QuikAppMLError
from quikapp_ml.monitoring.definition import MonitorDefinition, check_columns, check_definition
from quikapp_ml.stores.lake.base import Compute, Lake
from quikapp_ml.stores.state.monitors import ENDED, MonitorRecord, MonitorRecords, RefreshRecord, RefreshState

logger = logging.getLogger(__name__)

MANUAL, SCHEDULE = "MANUAL", "SCHEDULE"

NextTime = Callable[[str, str, datetime], datetime]
"""Quartz expression, time zone and a moment → the first time after it. Raises InvalidInput."""

MayRead = Callable[[str, str], None]
"""Somebody's name and a table's. Raises PermissionDenied when they may not read it now."""

_REFRESHES = "quikapp_ml.monitoring.refresh"
"""Imported by the first monitor: statistics and the parser of SQL cost memory."""

_DEFINITION = TypeAdapter(MonitorDefinition)
_POLL_SECONDS = 10.0
_MESSAGE_CHARACTERS = 1_000


@dataclass(frozen=True)
class Monitor:
    """One monitor as it is kept."""

    definition: MonitorDefinition
    creator: str
    """Who made it or changed it last: it reads what they may read."""
    last_failure: str = ""
    """Why its last refresh failed; empty when it did not."""


class MonitorHost:
    """Monitors over the tables of a lake. Another process may keep the same records: the newest definition counts."""

    def __init__(
        self, records: MonitorRecords, lake: Lake, open_compute: Callable[[], Compute], next_time: NextTime,
        may_read: MayRead,
    ) -> None:  # fmt: skip
        self._records = records
        self._lake = lake
        self._open_compute = open_compute
        self._next_time = next_time
        self._may_read = may_read
        self._asked: queue.Queue[int | None] = queue.Queue()
        self._canceled: set[int] = set()
        self._closing = threading.Event()
        self._since = datetime.now(UTC)
        self._worker = threading.Thread(target=self._work, name="monitor-refreshes", daemon=True)
        self._clock = threading.Thread(target=self._keep_schedules, name="monitor-schedules", daemon=True)

    def start(self) -> None:
        """Begin to refresh; what an earlier process left unfinished has failed."""
        now = datetime.now(UTC)
        for refresh in self._records.refreshes():
            if refresh.state not in ENDED:
                self._records.move_refresh(refresh.refresh_id, RefreshState.FAILED, "the service ended meanwhile", now)
        self._worker.start()
        self._clock.start()

    def close(self) -> None:
        """Stop; the refresh under way ends as canceled."""
        self._closing.set()
        self._asked.put(None)
        for thread in (self._clock, self._worker):
            if thread.is_alive():
                thread.join()

    def create(self, definition: MonitorDefinition, creator: str) -> Monitor:
        """Keep a new monitor, make its tables, and ask for a first refresh.

        Raises InvalidInput for what cannot be watched, NotFound without the table, AlreadyExists when it has a monitor.
        """
        self._check(definition)
        self._records.create(MonitorRecord(definition.table, creator, _document(definition)))
        self._make_tables(definition)
        self.refresh(definition.table)
        return self.get(definition.table)

    def get(self, table: str) -> Monitor:
        """The monitor of a table. Raises NotFound without it."""
        return self._read(self._records.get(table))

    def all(self) -> list[Monitor]:
        """All monitors, by table."""
        return [self._read(record) for record in self._records.all()]

    def update(self, definition: MonitorDefinition, changer: str) -> Monitor:
        """Watch the same table in another way from now on, with the rights of who says so.

        Raises as `create` does, NotFound without a monitor.
        """
        record = self._records.get(definition.table)
        self._check(definition)
        self._records.replace(replace(record, creator=changer, definition=_document(definition)))
        self._make_tables(definition)
        return self.get(definition.table)

    def delete(self, table: str) -> None:
        """Forget a monitor; the tables that it has written stay. Raises NotFound without it."""
        for refresh in self._records.refreshes(table):
            self._canceled.add(refresh.refresh_id)
        self._records.delete(table)

    def refresh(self, table: str, trigger: str = MANUAL) -> RefreshRecord:
        """Ask for a refresh. Raises NotFound without the monitor, Conflict while one is waiting or under way."""
        self._records.get(table)
        if any(each.state not in ENDED for each in self._records.refreshes(table, limit=20)):
            raise Conflict(f"the monitor of {table!r} is being refreshed; wait for it, or cancel it")
        asked = self._records.add_refresh(table, trigger, datetime.now(UTC))
        self._asked.put(asked.refresh_id)
        return asked

    def refreshes(self, table: str) -> list[RefreshRecord]:
        """The refreshes of a monitor, newest first. Raises NotFound without it."""
        self._records.get(table)
        return self._records.refreshes(table)

    def one_refresh(self, table: str, refresh_id: int) -> RefreshRecord:
        """One refresh. Raises NotFound without it."""
        for refresh in self.refreshes(table):
            if refresh.refresh_id == refresh_id:
                return refresh
        raise NotFound(f"the monitor of {table!r} has no refresh {refresh_id}")

    def cancel(self, table: str, refresh_id: int) -> RefreshRecord:
        """Ask a refresh to end; one that has ended stays as it is. Raises NotFound without it."""
        refresh = self.one_refresh(table, refresh_id)
        if refresh.state in ENDED:
            return refresh
        self._canceled.add(refresh_id)
        return self._records.move_refresh(refresh_id, RefreshState.CANCELED, ended_at=datetime.now(UTC))

    def tick(self, now: datetime) -> None:
        """Ask for the refreshes that have become due since the last look."""
        since, self._since = self._since, now
        for record in self._records.all():
            schedule = self._read(record).definition.schedule
            if schedule is None or schedule.is_paused:
                continue
            if self._next_time(schedule.quartz, schedule.timezone, since) <= now:
                self._start_scheduled(record.table)

    def _start_scheduled(self, table: str) -> None:
        try:
            self.refresh(table, SCHEDULE)
        except Conflict:
            logger.warning("the monitor of %s is due but still being refreshed", table)

    def _check(self, definition: MonitorDefinition) -> None:
        check_definition(definition)
        self._check_output(definition)
        columns = self._lake.columns(definition.table)
        check_columns(definition, columns)
        import_module(_REFRESHES).check_slicing(definition, columns)
        if definition.baseline:
            self._lake.columns(definition.baseline)
        if definition.schedule:
            self._next_time(definition.schedule.quartz, definition.schedule.timezone, datetime.now(UTC))

    def _check_output(self, definition: MonitorDefinition) -> None:
        """Tables of the same name in two schemas must not write into the same tables."""
        for record in self._records.all():
            if (
                record.table != definition.table
                and self._read(record).definition.profile_table == definition.profile_table
            ):
                raise Conflict(
                    f"the monitor of {record.table!r} writes {definition.profile_table}: take another schema"
                )

    def _make_tables(self, definition: MonitorDefinition) -> None:
        import_module(_REFRESHES).make_tables(self._lake, definition)

    def _read(self, record: MonitorRecord) -> Monitor:
        last = next(iter(self._records.refreshes(record.table, limit=1)), None)
        failure = last.message if last and last.state is RefreshState.FAILED else ""
        try:
            definition = _DEFINITION.validate_python(record.definition)
        except ValidationError as error:
            raise Damaged(f"the stored monitor of {record.table!r} cannot be read: {error}") from error
        return Monitor(replace(definition, version=record.version), record.creator, failure)

    def _work(self) -> None:
        while (refresh_id := self._asked.get()) is not None and not self._closing.is_set():
            try:
                self._carry_out(refresh_id)
            except QuikAppMLError:
                logger.exception("refresh %d has no record of its end", refresh_id)

    def _carry_out(self, refresh_id: int) -> None:
        if refresh_id in self._canceled:
            return
        refresh = self._records.move_refresh(refresh_id, RefreshState.RUNNING)
        state, message = RefreshState.SUCCESS, ""
        try:
            definition = self._still_allowed(self.get(refresh.table))
            refreshes = import_module(_REFRESHES)
            work = refreshes.Refresh(definition, self._lake, self._open_compute, datetime.now(UTC))
            if not work.run(lambda: self._closing.is_set() or refresh_id in self._canceled):
                state = RefreshState.CANCELED
        except Exception as error:  # whatever it is, the refresh has failed by it, and the next one may not
            logger.exception("refresh %d of the monitor of %s has failed", refresh_id, refresh.table)
            state, message = RefreshState.FAILED, str(error)[:_MESSAGE_CHARACTERS]
        self._records.move_refresh(refresh_id, state, message, datetime.now(UTC))

    def _still_allowed(self, monitor: Monitor) -> MonitorDefinition:
        """What is to be looked at. Raises PermissionDenied when a grant was taken away since."""
        definition = monitor.definition
        for table in filter(None, (definition.table, definition.baseline)):
            self._may_read(monitor.creator, table)
        return definition

    def _keep_schedules(self) -> None:
        while not self._closing.wait(_POLL_SECONDS):
            try:
                self.tick(datetime.now(UTC))
            except Exception:
                logger.exception("the schedules of monitors go on after an error")


def _document(definition: MonitorDefinition) -> dict[str, object]:
    document: dict[str, object] = _DEFINITION.dump_python(definition, mode="json", exclude={"version"})
    return document
